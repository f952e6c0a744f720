"""How a message looks on a terminal, in Slack, as a mail and to a program. PURE."""

from services.notifier.render.apprise import RenderedText, Room
from services.notifier.render.apprise import render_apprise as _apprise
from services.notifier.render.console import render_console as _console
from services.notifier.render.dialects import HTML, MARKDOWN, PLAIN, Dialect
from services.notifier.render.email import RenderedEmail
from services.notifier.render.email import render_email as _email
from services.notifier.render.guarded import CannotRenderError, guarded
from services.notifier.render.offers import NO_OFFERS, Offers, offers_for
from services.notifier.render.slack import render_slack as _slack
from services.notifier.render.slack import render_slack_reply as _slack_reply
from services.notifier.render.webhook import render_webhook as _webhook

render_apprise = guarded(_apprise)
render_console = guarded(_console)
render_email = guarded(_email)
render_slack = guarded(_slack)
render_slack_reply = guarded(_slack_reply)
render_webhook = guarded(_webhook)

__all__ = [
    "HTML",
    "MARKDOWN",
    "NO_OFFERS",
    "PLAIN",
    "CannotRenderError",
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
    "render_slack_reply",
    "render_webhook",
]
