"""Mail servers for tests: a real one whose answers a test chooses, and one that misbehaves."""

import asyncio
import email
import email.policy
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.notifier.certificates import Certificate

USER, PASSWORD = "wirewatch", "hunter2-correct-horse"
HANG = "hang"
CLOSE = "close"


@dataclass
class SmtpDouble:
    """What was mailed, and what is answered instead of yes: by recipient, or once to all.

    `connections` counts all that were made; `options` are those of every MAIL.
    """

    port: int = 0
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    connections: int = 0
    options: list[list[str]] = field(default_factory=list)
    hang_up: Callable[[], None] = lambda: None
    connected: Callable[[], int] = lambda: 0
    to_recipients: dict[str, str] = field(default_factory=dict)
    to_sender: str | None = None
    to_data: str | None = None
    to_login: str | None = None

    async def handle_MAIL(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        self.options.append(options)
        return self.to_sender or "250 ok"

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        answer = self.to_recipients.get(address, "250 ok")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.to_data:
            return self.to_data
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope.rcpt_tos, mail))
        return f"250 queued as {len(self.mails)}"

    def log_in(self, _s: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
        """Whether user and password are right."""
        expected = LoginPassword(USER.encode(), PASSWORD.encode())
        if data == expected and not self.to_login:
            return AuthResult(success=True)
        return AuthResult(success=False, handled=False, message=self.to_login)

    def text(self) -> str:
        """Everything readable that has arrived."""
        return "\n".join(_readable(mail) for _, mail in self.mails)


@asynccontextmanager
async def smtp_double(
    certificate: Certificate | None = None,
    *,
    implicit: bool = False,
    utf8: bool = False,
    largest: int | None = None,
    login: bool = True,
) -> AsyncIterator[SmtpDouble]:
    """A running server: with a certificate it wants STARTTLS (or TLS at once) and a login.

    Without `login` it knows no logins.
    `largest`: how many bytes of a mail it says it takes.
    """
    double, protocols = SmtpDouble(), []
    loop = asyncio.get_running_loop()
    context = certificate.serving() if certificate else None

    def connected() -> SMTP:
        double.connections += 1
        protocols.append(
            SMTP(
                double,
                hostname="localhost",
                enable_SMTPUTF8=utf8,
                loop=loop,
                tls_context=None if implicit else context,
                require_starttls=context is not None and not implicit,
                auth_required=login and context is not None and not implicit,
                auth_require_tls=not implicit,
                auth_exclude_mechanism=() if login else ("LOGIN", "PLAIN"),
                authenticator=double.log_in,
                data_size_limit=largest,
            )
        )
        return protocols[-1]

    def hang_up() -> None:
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.close()

    double.hang_up = hang_up
    double.connected = lambda: sum(
        p.transport is not None and not p.transport.is_closing() for p in protocols
    )
    server = await loop.create_server(connected, "127.0.0.1", 0, ssl=context if implicit else None)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        server.close()
        hang_up()
        conversations = [p._handler_coroutine for p in protocols if p._handler_coroutine]
        for conversation in conversations:
            conversation.cancel()  # after a failed handshake it would wait for ever
        await asyncio.gather(*conversations, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def scripted_server(answers: Mapping[str, str | Sequence[str]]) -> AsyncIterator[int]:
    """A server without TLS that gives `answers` to commands, and else 250; yields its port.

    `greeting` and `.` (the end of the data) count as commands. The answer HANG gives none,
    CLOSE drops the connection. Of several answers to a command each is given once, in turn.
    """
    released = asyncio.Event()
    script = _Script(answers)
    conversations: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations[writer] = asyncio.current_task()
        with suppress(ConnectionError):
            await _play(reader, writer, script, released)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        released.set()
        server.close()
        for writer in conversations:
            writer.close()
        await asyncio.gather(*filter(None, conversations.values()))
        await server.wait_closed()


class _Script:
    """What is answered to a command."""

    def __init__(self, answers: Mapping[str, str | Sequence[str]]) -> None:
        self._always = {c: a for c, a in answers.items() if isinstance(a, str)}
        self._once = {c: deque(a) for c, a in answers.items() if not isinstance(a, str)}

    def answer_to(self, command: str) -> str:
        if self._once.get(command):
            return self._once[command].popleft()
        yes = {"greeting": "220 hi", "DATA": "354 go on", "QUIT": "221 bye"}
        return self._always.get(command, yes.get(command, "250 ok"))


async def _play(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    script: "_Script",
    released: asyncio.Event,
) -> None:
    command, in_data = "greeting", False
    while command:
        answer = script.answer_to(command)
        if answer == HANG:
            await released.wait()
        if answer in {HANG, CLOSE}:
            return
        if not in_data or command == ".":
            writer.write(f"{answer}\r\n".encode())
            in_data = command == "DATA" and answer.startswith("354")
        line = (await reader.readline()).decode().strip()
        command = "." if in_data and line == "." else (line.split(" ")[0].upper() or "blank")
        if in_data and line != ".":
            command = "text"
        if reader.at_eof():
            return


def _readable(mail: EmailMessage) -> str:
    parts = [f"{name}: {value}" for name, value in mail.items()]
    parts += [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return "\n".join(parts)
