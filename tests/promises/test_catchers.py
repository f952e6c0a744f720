"""The catchers show what would be sent: started as the docs say, fed by the real channels."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from schemas.folder import EmailSpec, SecretRef, SlackSpec
from services.notifier.channels import Surroundings, open_channel
from services.notifier.channels.port import Channel
from services.notifier.outcome import Delivered
from services.runtime.netguard import LOOPBACK
from tests.notifier.alerts import NOW, ferry_alert

CATCHERS = Path(__file__).parents[2] / "deploy" / "catchers"
LOCAL = Surroundings(allowed=LOOPBACK)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@asynccontextmanager
async def catcher(name: str, *arguments: str) -> AsyncIterator[None]:
    """The catcher as a process of its own, once it says where it is."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CATCHERS / name), *arguments, stdout=asyncio.subprocess.PIPE, cwd="/"
    )
    assert process.stdout is not None
    try:
        assert b"http://" in await process.stdout.readline()
        yield
    finally:
        process.terminate()
        await process.wait()


async def caught(port: int) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session:
        for attempt in range(200):
            try:
                async with session.get(f"http://127.0.0.1:{port}/") as page:
                    assert "<main" in await page.text()
                async with session.get(f"http://127.0.0.1:{port}/caught.json") as answer:
                    found: list[dict[str, Any]] = await answer.json()
                    return found
            except aiohttp.ClientConnectorError:
                assert attempt < 199, "the catcher does not serve"
                await asyncio.sleep(0.05)
    return []


async def deliver(channel: Channel) -> None:
    assert isinstance(await channel.send(ferry_alert(), NOW), Delivered)
    await channel.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


async def test_what_would_be_in_slack_is_shown() -> None:
    port = free_port()
    async with catcher("slack.py", "--port", str(port)):
        await caught(port)
        base = f"http://127.0.0.1:{port}"
        bot = SlackSpec(
            id="b",
            type="slack",
            token=SecretRef(env="BOT"),
            channel="newsdesk",
            api_url=f"{base}/api/",
        )
        hook = SlackSpec(id="h", type="slack", webhook_url=SecretRef(env="HOOK"))
        env = {"BOT": "xoxb-any", "HOOK": f"{base}/services/T0/B0/anything"}
        await deliver(open_channel(bot, env, LOCAL))
        await deliver(open_channel(hook, env, LOCAL))
        shown = await caught(port)
    assert [message["room"] for message in shown] == ["newsdesk", ""]
    assert "Nordholm" in json.dumps(shown[1]["payload"])


async def test_what_would_be_mailed_is_shown_and_kept(tmp_path: Path) -> None:
    port, page = free_port(), free_port()
    where = ("--port", str(port), "--web", str(page), "--folder", str(tmp_path / "mails"))
    async with catcher("mail.py", *where):
        await caught(page)
        mail = EmailSpec(
            id="m",
            type="email",
            host="127.0.0.1",
            port=port,
            tls="none",
            sender="wirewatch@example.org",
            recipients=("analyst@example.org",),
        )
        await deliver(open_channel(mail, {}, LOCAL))
        (shown,) = await caught(page)
    assert "Ferry line" in shown["subject"]
    assert "Nordholm" in shown["html"]
    assert "Nordholm" in shown["text"]
    assert len(list((tmp_path / "mails").iterdir())) == 1
