"""A message as a mail with its headers. PURE.

Decides identity and threading: the Message-ID comes from the delivery, so a repeat is
recognised as one; all mails about a story refer to one id, so mail programs thread them.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from schemas.folder import EmailSpec
from services.notifier.message import AnyMessage
from services.notifier.render import NO_OFFERS, Offers, RenderedEmail, render_email

# 7 bit: not every server on the way need know 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit")
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Mail:
    """What goes over the wire. `needs_utf8`: an address has letters beyond ASCII (RFC 6531)."""

    sender: str
    content: bytes
    needs_utf8: bool


def mail_of(
    message: AnyMessage, spec: EmailSpec, now: datetime, offers: Offers = NO_OFFERS
) -> Mail:
    """The mail that tells `message` to everybody whom `spec` names."""
    sender, recipients = in_ascii(spec.sender), [in_ascii(r) for r in spec.recipients]
    needs_utf8 = not "".join([sender, *recipients]).isascii()
    rendered = render_email(message, now, offers)
    mail = _with_headers(message, rendered, sender, recipients, now)
    return Mail(sender, mail.as_bytes(policy=_POLICY.clone(utf8=needs_utf8)), needs_utf8)


def in_ascii(address: str) -> str:
    """`address` with its domain in ASCII (Punycode), as SMTP wants it."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return address


def _with_headers(
    message: AnyMessage, rendered: RenderedEmail, sender: str, recipients: list[str], now: datetime
) -> EmailMessage:
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = rendered.subject
    mail["From"] = f"Wirewatch <{sender}>"
    mail["To"] = ", ".join(recipients)
    mail["Date"] = now
    mail["Message-ID"] = f"<{_id(message.delivery_id)}@{domain}>"
    mail["References"] = f"<story.{_id(message.story_id)}@{domain}>"
    # RFC 3834: no out-of-office replies to a machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(rendered.text)
    mail.add_alternative(rendered.html, subtype="html")
    return mail


def _id(text: str) -> str:
    return text if _SAFE_ID.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()[:32]
