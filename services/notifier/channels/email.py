"""Mail through an SMTP server: one message to all recipients of the channel.

Leaves the words to `render`, the headers to `mail`, what answers mean to `smtp_answers`,
who still has to get a message to `recipients`, and when to try again to the sender.

What a server accepted for some recipients is remembered in memory: after a restart they
may get it again, with the same Message-ID.
"""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

import aiosmtplib

from schemas.folder import EmailSpec
from services.notifier.actions.signed import NO_LINKS, Links
from services.notifier.channels.detail import lacks, without_secrets
from services.notifier.channels.mail import Mail, in_ascii, mail_of
from services.notifier.channels.port import ATTEMPT_TIMEOUT, CLOSING_TIMEOUT, NOTHING_BEFORE, Before
from services.notifier.channels.recipients import Answer, Memory, Recipients
from services.notifier.channels.smtp_answers import outcome_of
from services.notifier.message import AnyMessage
from services.notifier.outcome import Outcome, Reason, TryLater
from services.notifier.render import offers_for
from services.runtime.secrets import MissingSecret, resolve


class EmailChannel:
    """Mails through the server of `spec`, one connection per message; see `Channel`."""

    def __init__(
        self,
        spec: EmailSpec,
        env: Mapping[str, str],
        timeout: float = ATTEMPT_TIMEOUT,
        tls: ssl.SSLContext | None = None,
        links: Links = NO_LINKS,
    ) -> None:
        self._spec = spec
        self._env = env
        self._timeout = timeout
        self._tls = tls or ssl.create_default_context()
        self._links = links
        self._memory = Memory()

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        """Send one alert to every recipient that is not known to have it."""
        password = resolve(self._spec.password, self._env) if self._spec.password else ""
        if isinstance(password, MissingSecret):
            return lacks(password)
        everybody = tuple(dict.fromkeys(map(in_ascii, self._spec.recipients)))
        recipients = self._memory.of(message.delivery_id, everybody)
        address = everybody[0] if len(everybody) == 1 else ""
        mail = mail_of(message, self._spec, now, offers_for(message, self._links, address))
        outcome = await self._attempt(mail, recipients, password)
        self._memory.keep(message.delivery_id, recipients, outcome)
        return without_secrets(outcome, self._forms_of(password))

    async def close(self) -> None:
        """Nothing to let go of: every attempt closes its connection."""

    async def _attempt(self, mail: Mail, recipients: Recipients, password: str) -> Outcome:
        client = self._client(password)
        try:
            async with asyncio.timeout(self._timeout):
                outcome = await self._hand_over(client, mail, recipients)
            await _say_goodbye(client)
            return outcome
        except TimeoutError:
            told = f"the mail server did not answer within {self._timeout:g} s"
            return TryLater(Reason.TIMED_OUT, None, told)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return outcome_of(error)
        finally:
            client.close()

    async def _hand_over(
        self, client: aiosmtplib.SMTP, mail: Mail, recipients: Recipients
    ) -> Outcome:
        await client.connect()
        tried = recipients.left()
        options = ["SMTPUTF8"] if mail.needs_utf8 else []
        answers: Mapping[str, Answer]
        try:
            answers, receipt = await client.sendmail(
                mail.sender, tried, mail.content, mail_options=options
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            answers, receipt = {r.recipient: (r.code, r.message) for r in error.recipients}, ""
        return recipients.note(tried, answers, receipt)

    def _client(self, password: str) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._spec.host,
            port=self._spec.port,
            username=self._spec.username,
            password=password or None,
            timeout=self._timeout,
            use_tls=self._spec.tls == "tls",
            start_tls=self._spec.tls == "starttls",
            tls_context=self._tls,
        )

    def _forms_of(self, password: str) -> tuple[str, ...]:
        """The password in every form in which a server could quote it."""
        login = f"\0{self._spec.username}\0{password}"
        encoded = (b64encode(text.encode()).decode() for text in (password, login))
        return (password, *encoded) if password else ()


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """Polite, and without consequences: what the server accepted, it keeps either way."""
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=CLOSING_TIMEOUT)
