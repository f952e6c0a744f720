"""An alert in the form that each kind of channel sends. PURE."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from rich.console import RenderableType
from rich.style import Style
from rich.text import Text

from services.notifier.message import AlertMessage
from services.notifier.render import (
    PLAIN,
    Offers,
    Room,
    render_apprise,
    render_console,
    render_email,
    render_slack,
    render_webhook,
)

BUILDER = "https://app.slack.com/block-kit-builder/#"
WIDTH = 96


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown: a message, sent at a time, with what it offers."""

    message: AlertMessage
    sent_at: datetime
    offers: Offers


def shown(preview: Preview, kind: str) -> Iterator[RenderableType]:
    """The alert as a channel of this kind sends it, under a headline."""
    yield Text()
    yield Text(f"{kind} {'─' * (WIDTH - len(kind) - 1)}", style=Style(dim=True))
    yield from _FORMS[kind](preview)


def mail_page(preview: Preview) -> str:
    """The mail's HTML."""
    return render_email(preview.message, preview.sent_at, preview.offers).html


def _console(preview: Preview) -> Iterator[RenderableType]:
    yield render_console(preview.message, preview.sent_at, WIDTH, preview.offers)


def _slack(preview: Preview) -> Iterator[RenderableType]:
    payload = render_slack(preview.message, preview.sent_at, preview.offers)
    yield _json(payload)
    blocks = json.dumps({"blocks": payload["blocks"]}, ensure_ascii=False, separators=(",", ":"))
    yield Text()
    yield Text(f"look at it: {BUILDER}{quote(blocks)}")


def _email(preview: Preview) -> Iterator[RenderableType]:
    mail = render_email(preview.message, preview.sent_at, preview.offers)
    yield Text(f"Subject: {mail.subject}\n\n{mail.text.rstrip()}")


def _webhook(preview: Preview) -> Iterator[RenderableType]:
    event = render_webhook(preview.message, preview.sent_at, preview.offers)
    yield _json(json.loads(event.encode()))


def _apprise(preview: Preview) -> Iterator[RenderableType]:
    text = render_apprise(preview.message, preview.sent_at, Room(PLAIN), preview.offers)
    yield Text(f"Title: {text.title}\n\n{text.body}")


def _json(value: object) -> Text:
    return Text(json.dumps(value, ensure_ascii=False, indent=2))


_FORMS: dict[str, Callable[[Preview], Iterator[RenderableType]]] = {
    "console": _console,
    "slack": _slack,
    "email": _email,
    "webhook": _webhook,
    "apprise": _apprise,
}
KINDS = tuple(_FORMS)
