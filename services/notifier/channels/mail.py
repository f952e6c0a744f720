"""A message as a mail to one recipient, with its headers. PURE.

Decides identity and threading: the Message-ID comes from delivery and recipient, so a repeat is
recognised as one; all mails about a story refer to one id, so mail programs thread them.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import assert_never

from schemas.rule import Severity
from services.notifier.channels import mime
from services.notifier.links import host_of, safe_link
from services.notifier.message import AlertMessage, AnyMessage, NoticeMessage, SummaryMessage
from services.notifier.render import render_email
from services.notifier.render.offers import Offers

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes over the wire. `needs_utf8`: an address has letters beyond ASCII (RFC 6531)."""

    sender: str
    recipient: str
    content: bytes
    needs_utf8: bool


def letter_to(
    recipient: str, message: AnyMessage, sender: str, now: datetime, offers: Offers
) -> Letter:
    """The mail that tells `message` to one recipient; both addresses are `in_ascii`."""
    rendered = render_email(message, now, offers)
    fields = [
        mime.subject(rendered.subject),
        mime.field("From", f"Wirewatch <{sender}>"),
        mime.field("To", recipient),
        mime.field("Date", format_datetime(now)),
        *_identity(message, recipient, _domain(sender)),
        *_for_machines(message, offers),
    ]
    content = mime.mail(fields, rendered.text, rendered.html, f"=_{_id(message.delivery_id)}")
    return Letter(sender, recipient, content, not (sender + recipient).isascii())


def in_ascii(address: str) -> str:
    """`address` with its domain in ASCII (Punycode), as SMTP wants it."""
    local, _, domain = address.rpartition("@")
    # Not Python's own codec: it follows IDNA of 2003, in which faß.example is fass.example.
    host = None if domain.isascii() else host_of(f"https://{domain}")
    return f"{local}@{host or domain}"


def _identity(message: AnyMessage, recipient: str, domain: str) -> Iterator[str]:
    reader = hashlib.sha256(recipient.lower().encode()).hexdigest()[:12]
    story = f"<story.{_id(message.story_id)}@{domain}>"
    yield mime.field("Message-ID", f"<{_id(message.delivery_id)}.{reader}@{domain}>")
    # No mail has this id: whoever joins late, or lost the first one, has the thread all the same.
    yield mime.field("References", story)
    if _is_later(message):
        yield mime.field("In-Reply-To", story)
    subscription = _id(message.subscription_id)
    yield mime.field("List-Id", f"Wirewatch {subscription} <{subscription}.wirewatch.{domain}>")


def _for_machines(message: AnyMessage, offers: Offers) -> Iterator[str]:
    # RFC 3834, and Exchange's own: no out-of-office replies to a machine.
    yield "Auto-Submitted: auto-generated"
    yield "X-Auto-Response-Suppress: All"
    if _is_urgent(message):
        yield "Importance: high"
    url = safe_link(offers.unsubscribe)  # in ASCII, as a header has to be
    if url is None or len(url) > mime.LONGEST_LINE - 30:
        return
    yield mime.field("List-Unsubscribe", f"<{url}>")
    if url.startswith("https://"):  # RFC 8058, 3.1: one click is for https alone
        yield "List-Unsubscribe-Post: List-Unsubscribe=One-Click"


def _is_later(message: AnyMessage) -> bool:
    """Whether the subscription was told of the story before."""
    return isinstance(message, AlertMessage) and (message.update or message.sequence > 1)


def _is_urgent(message: AnyMessage) -> bool:
    match message:
        case AlertMessage(rules=rules):
            return any(rule.severity is Severity.URGENT for rule in rules)
        case SummaryMessage() | NoticeMessage():
            return False
        case _:
            assert_never(message)


def _domain(sender: str) -> str:
    domain = sender.rpartition("@")[2]
    return domain if domain.isascii() else "wirewatch.invalid"


def _id(text: str) -> str:
    return text if _SAFE_ID.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()[:32]
