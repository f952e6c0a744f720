"""Where alerts arrive: a server for Slack's incoming webhooks."""

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class SlackInbox:
    """Payloads that were accepted, as text; `answers` are given before any is accepted."""

    url: str = ""
    received: list[str] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    refused: int = 0

    async def take(self, request: web.Request) -> web.Response:
        """What Slack does with a post."""
        payload: dict[str, Any] = await request.json()
        if self.answers:
            self.refused += 1
            return web.Response(status=self.answers.popleft(), text="internal_error")
        self.received.append(json.dumps(payload, ensure_ascii=False))
        return web.Response(text="ok")

    def holding(self, *parts: str) -> list[str]:
        """The payloads that hold all of these."""
        return [payload for payload in self.received if all(part in payload for part in parts)]


@asynccontextmanager
async def slack_inbox() -> AsyncIterator[SlackInbox]:
    """A running inbox."""
    inbox = SlackInbox()
    app = web.Application()
    app.router.add_post("/services/T0/B0/secret-part", inbox.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    inbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}/services/T0/B0/secret-part"
    try:
        yield inbox
    finally:
        await runner.cleanup()
