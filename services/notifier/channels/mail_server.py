"""A mail server as a channel uses it: one mail after the other over connections that are kept.

A connection that carried a mail before may have been closed meanwhile, for its age or for what
it has carried: as long as the next mail's content was not begun, that mail goes over another one.
Where the content was begun and no answer came, the mail may have arrived, and is not repeated
here. Leaves what answers mean to `smtp_answers`.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field

import aiosmtplib

from schemas.channels import EmailSpec
from services.notifier.channels.mail import Letter
from services.notifier.channels.port import CLOSING_TIMEOUT
from services.notifier.channels.smtp_answers import (
    concerns_one,
    is_closing,
    outcome_of,
    too_large_for,
)
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater

# Microsoft 365 takes three connections of one mailbox at a time.
MOST_CONNECTIONS = 3
_MOST_MAILS = 100  # over one connection; servers have limits of their own
_KEPT_FOR = 20.0  # seconds without a mail; servers wait for 30 and more
_OLDEST = 300.0  # seconds; then the server's name is looked up anew, and its certificate checked
_SURELY_OPEN = 3.0  # seconds after a mail; a connection that rested longer is asked first
_ASKED_FOR = 3.0  # seconds in which it must answer

_FAILURES = (aiosmtplib.SMTPException, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Taken:
    """How one mail fared; `ends`: so would every other one at present."""

    outcome: Outcome
    ends: bool = False


@dataclass(slots=True)
class _Connection:
    """One conversation with the server."""

    client: aiosmtplib.SMTP
    password: str = field(repr=False)
    opened_at: float
    rested_since: float = 0.0
    mails: int = 0
    refused: bool = False  # the last mail: the server may still hold half of it
    in_content: bool = False

    async def carry(self, letter: Letter) -> str:
        self.mails += 1
        options = ["SMTPUTF8"] if letter.needs_utf8 else []
        if self.client.supports_extension("size"):
            options.append(f"SIZE={len(letter.content)}")
        encoding = "utf-8" if letter.needs_utf8 else "ascii"
        await self.client.mail(letter.sender, options=options, encoding=encoding)
        await self.client.rcpt(letter.recipient, encoding=encoding)
        self.in_content = True
        answer = await self.client.data(letter.content)
        self.in_content = False
        return answer.message

    def refusal_of(self, letter: Letter) -> GaveUp | None:
        return too_large_for(self.client.esmtp_extensions.get("size"), len(letter.content))

    def is_spent(self, password: str, now: float) -> bool:
        return (
            self.password != password
            or self.mails >= _MOST_MAILS
            or now - self.opened_at > _OLDEST
            or now - self.rested_since > _KEPT_FOR
        )

    async def answers(self, now: float) -> bool:
        if not self.client.is_connected:
            return False
        if now - self.rested_since < _SURELY_OPEN and not self.refused:
            return True
        try:
            await self.client.rset(timeout=_ASKED_FOR)
        except _FAILURES:
            return False
        except BaseException:
            self.client.close()  # its answer would be taken for that to the next command
            raise
        self.refused = False
        return True

    async def end(self) -> None:
        """Polite, and without consequences: what the server accepted, it keeps either way."""
        with suppress(aiosmtplib.SMTPException, OSError):
            if self.client.is_connected:
                await self.client.quit(timeout=CLOSING_TIMEOUT)
        self.client.close()


class MailServer:
    """The server of `spec`; `timeout` bounds every single answer, in seconds."""

    def __init__(self, spec: EmailSpec, timeout: float, tls: ssl.SSLContext) -> None:
        self._spec = spec
        self._timeout = timeout
        self._tls = tls
        self._slots = asyncio.Semaphore(MOST_CONNECTIONS)
        self._resting: list[_Connection] = []
        self._tidying: asyncio.Task[None] | None = None

    async def take(self, letter: Letter, password: str, deadline: float) -> Taken:
        """Hand over one mail before `deadline`, a time of the event loop."""
        try:
            async with asyncio.timeout_at(deadline), self._slots:
                return await self._take(letter, password)
        except TimeoutError:
            told = f"the mail server did not answer within {self._timeout:g} s"
            return Taken(TryLater(Reason.TIMED_OUT, None, told, uncertain=True), ends=True)

    async def close(self) -> None:
        """End every connection."""
        if self._tidying is not None:
            self._tidying.cancel()
        resting, self._resting = self._resting, []
        await asyncio.gather(*(connection.end() for connection in resting))

    async def _take(self, letter: Letter, password: str) -> Taken:
        while True:
            try:
                connection = await self._kept(password) or await self._new(password)
            except _FAILURES as error:
                return Taken(outcome_of(error), ends=True)
            taken = await self._over(connection, letter)
            if taken is not None:
                return taken

    async def _over(self, connection: _Connection, letter: Letter) -> Taken | None:
        """Hand over a mail; None where another connection is to be tried."""
        if refusal := connection.refusal_of(letter):
            self._keep(connection)
            return Taken(refusal)
        was_kept = connection.mails > 0
        try:
            receipt = await connection.carry(letter)
        except _FAILURES as error:
            return self._failed(connection, error, was_kept)
        except BaseException:
            connection.client.close()  # out of step: an answer may still come
            raise
        self._keep(connection)
        return Taken(Delivered(receipt))

    def _failed(self, connection: _Connection, error: Exception, was_kept: bool) -> Taken | None:
        is_answer = isinstance(error, aiosmtplib.SMTPResponseException)
        if is_closing(error) or not is_answer:
            connection.client.close()
            if was_kept and is_closing(error) and not connection.in_content:
                return None
        else:
            connection.refused = True
            self._keep(connection)
        outcome = outcome_of(error)
        if isinstance(outcome, TryLater) and connection.in_content and not is_answer:
            outcome = TryLater(outcome.reason, None, outcome.detail, uncertain=True)
        return Taken(outcome, ends=not concerns_one(error))

    async def _kept(self, password: str) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while self._resting:
            connection = self._resting.pop()
            if not connection.is_spent(password, now) and await connection.answers(now):
                return connection
            await connection.end()
        return None

    async def _new(self, password: str) -> _Connection:
        client = aiosmtplib.SMTP(
            hostname=self._spec.host,
            port=self._spec.port,
            username=self._spec.username,
            password=password or None,
            timeout=self._timeout,
            use_tls=self._spec.tls == "tls",
            start_tls=self._spec.tls == "starttls",
            tls_context=self._tls,
        )
        try:
            await client.connect()
            await _introduce(client)
        except BaseException:
            client.close()
            raise
        return _Connection(client, password, asyncio.get_running_loop().time())

    def _keep(self, connection: _Connection) -> None:
        connection.in_content = False
        connection.rested_since = asyncio.get_running_loop().time()
        self._resting.append(connection)
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy(), name="rest of a mail server")

    async def _tidy(self) -> None:
        """End what nobody needs any more."""
        while self._resting:
            await asyncio.sleep(_KEPT_FOR)
            now = asyncio.get_running_loop().time()
            old = [c for c in self._resting if now - c.rested_since >= _KEPT_FOR]
            self._resting = [c for c in self._resting if c not in old]
            for connection in old:
                await connection.end()


async def _introduce(client: aiosmtplib.SMTP) -> None:
    """Say hello, where connecting has not done so; it tells what the server can."""
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError:
            if not client.is_connected:
                raise
            await client.helo()
