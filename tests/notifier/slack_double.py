"""A server that speaks Slack's incoming webhook, and answers as a test wants it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

WEBHOOK_PATH = "/services/T0SECRET1/B0SECRET2/abcSecretToken3xyz"


@dataclass
class Answer:
    """One answer; `hangs` gives none, `breaks` drops the connection."""

    status: int = 200
    text: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    breaks: bool = False


@dataclass
class SlackDouble:
    """What was posted, and what is answered: `answers` in order, then `ok`."""

    url: str = ""
    answers: deque[Answer] = field(default_factory=deque)
    payloads: list[dict[str, Any]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, status: int, text: str, **headers: str) -> None:
        """Answer the next post so."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(Answer(status, text, named))

    async def take(self, request: web.Request) -> web.Response:
        self.payloads.append(await request.json())
        answer = self.answers.popleft() if self.answers else Answer()
        if answer.hangs:
            await self.released.wait()
        if answer.breaks and request.transport is not None:
            request.transport.close()
        return web.Response(status=answer.status, text=answer.text, headers=answer.headers)


@asynccontextmanager
async def slack_double() -> AsyncIterator[SlackDouble]:
    """A running double on a free port."""
    double = SlackDouble()
    app = web.Application()
    app.router.add_post(WEBHOOK_PATH, double.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    double.url = f"http://127.0.0.1:{runner.addresses[0][1]}{WEBHOOK_PATH}"
    try:
        yield double
    finally:
        double.released.set()
        await runner.cleanup()
