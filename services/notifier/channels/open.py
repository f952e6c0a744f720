"""Which channel a specification means."""

import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from rich.console import Console

from schemas.folder import (
    AppriseSpec,
    ChannelSpec,
    ConsoleSpec,
    EmailSpec,
    SecretRef,
    SlackSpec,
    WebhookSpec,
)
from services.notifier.actions.signed import NO_LINKS, Links
from services.notifier.channels.apprise import AppriseChannel
from services.notifier.channels.console import ConsoleChannel
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.port import ATTEMPT_TIMEOUT, Channel
from services.notifier.channels.slack import SlackChannel
from services.notifier.channels.slack_bot import SlackBotChannel
from services.notifier.channels.webhook import WebhookChannel
from services.runtime.netguard import NOTHING_PRIVATE, Networks


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What channels find around them.

    `timeout` bounds one attempt, in seconds; `links` are what messages offer to do; webhooks
    may also lie in the `allowed` networks; `console` is where a console channel prints
    (default: standard output); `tls` verifies mail servers (default: the system's roots).
    """

    timeout: float = ATTEMPT_TIMEOUT
    links: Links = NO_LINKS
    allowed: Networks = NOTHING_PRIVATE
    console: Console | None = None
    tls: ssl.SSLContext | None = None


def open_channel(
    spec: ChannelSpec, env: Mapping[str, str], around: Surroundings = Surroundings()
) -> Channel:
    """The channel that `spec` describes; connects to nothing and reads no secret yet."""
    match spec:
        case ConsoleSpec():
            console = around.console or Console(file=sys.stdout)
            return ConsoleChannel(console, around.timeout, around.links)
        case SlackSpec(token=SecretRef()):
            return SlackBotChannel(spec, env, around.timeout, around.allowed, around.links)
        case SlackSpec():
            return SlackChannel(spec, env, around.timeout, around.allowed, around.links)
        case EmailSpec():
            return EmailChannel(spec, env, around.timeout, around.tls, around.links)
        case WebhookSpec():
            return WebhookChannel(spec, env, around.timeout, around.allowed, around.links)
        case AppriseSpec():
            return AppriseChannel(spec, env, around.timeout, around.allowed, around.links)
        case _:
            assert_never(spec)
