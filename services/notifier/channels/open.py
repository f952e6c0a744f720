"""Which channel a specification means."""

import ssl
import sys
from collections.abc import Mapping
from typing import assert_never

from rich.console import Console

from schemas.folder import ChannelSpec, ConsoleSpec, EmailSpec, SlackSpec
from services.notifier.channels.console import ConsoleChannel
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.port import ATTEMPT_TIMEOUT, Channel
from services.notifier.channels.slack import SlackChannel
from services.runtime.netguard import NOTHING_PRIVATE, Networks


def open_channel(
    spec: ChannelSpec,
    env: Mapping[str, str],
    *,
    timeout: float = ATTEMPT_TIMEOUT,
    console: Console | None = None,
    tls: ssl.SSLContext | None = None,
    allowed: Networks = NOTHING_PRIVATE,
) -> Channel:
    """The channel that `spec` describes; connects to nothing and reads no secret yet.

    `timeout` bounds one attempt, in seconds; `console` is where a console channel prints
    (default: standard output); `tls` verifies mail servers (default: the system's roots);
    webhooks may also lie in the `allowed` networks.
    """
    match spec:
        case ConsoleSpec():
            return ConsoleChannel(console or Console(file=sys.stdout), timeout)
        case SlackSpec():
            return SlackChannel(spec, env, timeout, allowed)
        case EmailSpec():
            return EmailChannel(spec, env, timeout, tls)
        case _:
            assert_never(spec)
