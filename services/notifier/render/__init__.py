"""How a message looks on a terminal, in Slack, as a mail and to a program. PURE."""

from services.notifier.render.apprise import RenderedText, Room, render_apprise
from services.notifier.render.console import render_console
from services.notifier.render.dialects import HTML, MARKDOWN, PLAIN, Dialect
from services.notifier.render.email import RenderedEmail, render_email
from services.notifier.render.offers import NO_OFFERS, Offers, offers_for
from services.notifier.render.slack import render_slack
from services.notifier.render.webhook import render_webhook

__all__ = [
    "HTML",
    "MARKDOWN",
    "NO_OFFERS",
    "PLAIN",
    "Dialect",
    "Offers",
    "RenderedEmail",
    "RenderedText",
    "Room",
    "offers_for",
    "render_apprise",
    "render_console",
    "render_email",
    "render_slack",
    "render_webhook",
]
