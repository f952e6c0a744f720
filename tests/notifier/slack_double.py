"""Slack as a test wants it: the server of `deploy/catchers/slack.py`, told what to answer."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from deploy.catchers.slack import Slack
from deploy.catchers.slack_messages import Answer, Message

__all__ = ["CHANNEL", "TOKEN", "WEBHOOK_PATH", "Answer", "Message", "SlackDouble", "slack_double"]

WEBHOOK_PATH = "/services/T0SECRET1/B0SECRET2/abcSecretToken3xyz"
TOKEN = "xoxb-1234567890-s3cretOfTheBot"
CHANNEL = "C0NEWSDESK"


@dataclass
class SlackDouble:
    """A workspace behind a webhook, `url`, and an API, `api_url`."""

    url: str = ""
    api_url: str = ""
    slack: Slack = field(default_factory=lambda: Slack(TOKEN, {CHANNEL: "newsdesk"}))

    @property
    def payloads(self) -> list[dict[str, Any]]:
        """What was posted to the webhook, also what it did not take."""
        return self.slack.called("webhook")

    @property
    def answers(self) -> deque[Answer]:
        """What the webhook answers next, in order."""
        return self.slack.answers["webhook"]

    @property
    def messages(self) -> list[Message]:
        """What stands in the channels."""
        return self.slack.messages

    @property
    def released(self) -> asyncio.Event:
        """Ends what hangs."""
        return self.slack.released

    def answer(self, status: int, text: str, **headers: str) -> None:
        """Answer the next post to the webhook so."""
        self.answers.append(Answer(status, text, headers=_headers(headers)))

    def refuse(self, method: str, error: str, status: int = 200, **headers: str) -> None:
        """Answer the next call of a method with an error."""
        answer = Answer(status, error=error, headers=_headers(headers))
        self.slack.answers[method].append(answer)


@asynccontextmanager
async def slack_double() -> AsyncIterator[SlackDouble]:
    """A running double on a free port."""
    double = SlackDouble()
    runner = web.AppRunner(double.slack.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    double.url, double.api_url = f"{base}{WEBHOOK_PATH}", f"{base}/api/"
    try:
        yield double
    finally:
        double.slack.released.set()
        await runner.cleanup()


def _headers(named: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in named.items()}
