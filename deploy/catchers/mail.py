"""A mail server that keeps what it is sent and shows it.

    python deploy/catchers/mail.py [--port 1025] [--web 8025] [--folder DIR]

Open http://127.0.0.1:8025/ to see the mails. With a folder each is kept there as a file, too. It
takes every mail for every address and hands none on. `make stack` starts it in Mailpit's place.
"""

import argparse
import asyncio
import email
import email.policy
import itertools
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP

PAGE = Path(__file__).with_name("mail.html")
MOST_KEPT = 500


@dataclass(frozen=True)
class Mail:
    """A mail as the page shows it."""

    number: int
    at: float
    sender: str
    recipients: list[str]
    subject: str
    headers: str
    text: str
    html: str


class Catcher:
    """Takes mails; the last of them can be seen."""

    def __init__(self, folder: Path | None = None) -> None:
        self.mails: deque[Mail] = deque(maxlen=MOST_KEPT)
        self._folder = folder
        self._numbers = itertools.count(1)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """What the mail server calls for each mail."""
        number, at = next(self._numbers), time.time()
        if self._folder is not None:
            (self._folder / f"{at:.6f}-{number}.eml").write_bytes(envelope.content)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(
            Mail(
                number,
                at,
                envelope.mail_from or "",
                list(envelope.rcpt_tos),
                str(message["subject"] or "(no subject)"),
                "\n".join(f"{name}: {value}" for name, value in message.items()),
                _part(message, "plain"),
                _part(message, "html"),
            )
        )
        return f"250 kept as number {number}"

    def app(self) -> web.Application:
        """The page."""
        app = web.Application()
        app.router.add_get("/", _page)
        app.router.add_get("/caught.json", self._caught)
        return app

    async def _caught(self, request: web.Request) -> web.Response:
        given = request.query.get("after", "0")
        after = int(given) if given.isdecimal() else 0
        return web.json_response([asdict(mail) for mail in self.mails if mail.number > after])


async def serve(catcher: Catcher, host: str, port: int, web_port: int) -> None:
    """Take mails and show them until cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(catcher, enable_SMTPUTF8=True, loop=loop), host, port
    )
    runner = web.AppRunner(catcher.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, web_port).start()
    _say(f"Mails to {host}:{port} are shown at http://{host}:{web_port}/")
    try:
        await server.serve_forever()
    finally:
        await runner.cleanup()


def _part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    return str(found.get_content()) if found is not None else ""


async def _page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="takes mails and shows them")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1025, help="where mails are taken")
    parser.add_argument("--web", type=int, default=8025, help="where they are shown")
    parser.add_argument("--folder", type=Path, help="where each is kept as a file")
    options = parser.parse_args()
    try:
        asyncio.run(serve(Catcher(options.folder), options.host, options.port, options.web))
    except KeyboardInterrupt:
        _say("ended")


if __name__ == "__main__":
    main()
