"""Mail through an SMTP server: one mail to each recipient, with that person's own links.

Leaves the words to `render`, headers and identity to `mail`, the conversation with the server to
`mail_server`, who still has to get a message to `recipients`, and when to try again to the
sender. What the server accepted for some is told to the sender as progress; a crash before that
is recorded repeats those mails, under the same Message-ID.
"""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import datetime

from schemas.channels import EmailSpec
from services.notifier.actions.signed import NO_LINKS, Links
from services.notifier.channels.detail import lacks, without_secrets
from services.notifier.channels.mail import Letter, in_ascii, letter_to
from services.notifier.channels.mail_server import MailServer
from services.notifier.channels.port import ATTEMPT_TIMEOUT, NOTHING_BEFORE, Before
from services.notifier.channels.recipients import Recipients, recipients_of
from services.notifier.message import AnyMessage
from services.notifier.outcome import Outcome, Reason, TryLater, Unwanted
from services.notifier.render.offers import offers_for
from services.runtime.secrets import MissingSecret, resolve

_NO_TIME = TryLater(Reason.TIMED_OUT, None, "the mail server is slow; the rest goes next time")


class EmailChannel:
    """Mails through the server of `spec`; see `Channel`."""

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
        self._links = links
        self._sender = in_ascii(spec.sender)
        self._everybody = tuple(map(in_ascii, spec.recipients))
        self._server = MailServer(spec, timeout, tls or ssl.create_default_context())

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        """Send a mail to every recipient that is not known to have it."""
        password = resolve(self._spec.password, self._env) if self._spec.password else ""
        if isinstance(password, MissingSecret):
            return lacks(password)
        recipients = recipients_of(self._everybody, before.left_out, before.progress)
        if not recipients.everybody:
            return Unwanted("all recipients have unsubscribed")
        outcome = await self._to_all(recipients, message, now, password)
        return without_secrets(outcome, ())  # one line; secrets are gone by now

    async def close(self) -> None:
        """End the connections that are kept."""
        await self._server.close()

    async def _to_all(
        self, recipients: Recipients, message: AnyMessage, now: datetime, password: str
    ) -> Outcome:
        begun = _now()
        for recipient in recipients.left():
            # Every mail has half of the time at least: none is cut off for the others' slowness.
            if _now() - begun > self._timeout / 2:
                return recipients.broken_off(_NO_TIME)
            letter = self._letter(recipient, message, now)
            taken = await self._server.take(letter, password, begun + self._timeout)
            outcome = without_secrets(taken.outcome, self._forms_of(password))
            if taken.ends and isinstance(outcome, TryLater):
                return recipients.broken_off(outcome, recipient)
            recipients.note(recipient, outcome)
        return recipients.outcome()

    def _letter(self, recipient: str, message: AnyMessage, now: datetime) -> Letter:
        offers = offers_for(message, self._links, recipient)
        return letter_to(recipient, message, self._sender, now, offers)

    def _forms_of(self, password: str) -> tuple[str, ...]:
        """The password as a server is told it, and could quote it; `detail` knows spellings."""
        return (password, f"\0{self._spec.username}\0{password}") if password else ()


def _now() -> float:
    return asyncio.get_running_loop().time()
