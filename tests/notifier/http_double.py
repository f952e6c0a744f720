"""A server that takes whatever is posted to it, and answers as a test wants it."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Answer:
    """One answer; `hangs` gives none, `breaks` drops the connection."""

    status: int = 200
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    breaks: bool = False


@dataclass(frozen=True)
class Posted:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpDouble:
    """What was posted, and what is answered: `answers` in order, then 200."""

    port: int = 0
    says: str = ""
    answers: deque[Answer] = field(default_factory=deque)
    posted: list[Posted] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, status: int, text: str = "", **headers: str) -> None:
        """Answer the next post so."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(Answer(status, text, named))

    def text(self) -> str:
        """Everything that was posted, as one reads it."""
        return "\n".join(json.dumps(one.json, ensure_ascii=False) for one in self.posted)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.posted.append(Posted(request.path_qs, dict(request.headers), body))
        answer = self.answers.popleft() if self.answers else Answer(text=self.says)
        if answer.hangs:
            await self.released.wait()
        if answer.breaks and request.transport is not None:
            request.transport.close()
        return web.Response(status=answer.status, text=answer.text, headers=answer.headers)


@asynccontextmanager
async def http_double() -> AsyncIterator[HttpDouble]:
    """A running double on a free port of this machine."""
    double = HttpDouble()
    app = web.Application(client_max_size=64_000_000)
    app.router.add_route("*", "/{path:.*}", double.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    double.port = runner.addresses[0][1]
    try:
        yield double
    finally:
        double.released.set()
        await runner.cleanup()
