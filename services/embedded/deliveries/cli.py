"""The commands below `wirewatch deliveries`: arguments in, lines and exit codes out.

0: done. 1: it failed, for some of those named. 2: what was asked for is not valid, and nothing
was changed.
"""

import getpass
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from services.embedded.deliveries.command import (
    discard_deliveries,
    list_deliveries,
    retry_deliveries,
    retry_failed,
    show_delivery,
)
from services.embedded.terminal import (
    DEFAULT_STATE,
    StateOption,
    finish,
    refuse,
    settings_in_force,
)
from services.notifier.outcome import Reason
from services.runtime.clock import utc_now
from services.store.deliveries import DeliveryState
from services.store.delivery_lists import Chosen

deliveries = typer.Typer(help="What was sent, is waiting, or was given up.", no_args_is_help=True)

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

ChannelOption = Annotated[str | None, typer.Option("--channel", help="Only of this channel.")]
ReasonOption = Annotated[
    Reason | None, typer.Option("--reason", help="Only those that last failed for this reason.")
]
Ids = Annotated[list[str], typer.Argument(help="Deliveries, by their ids.")]


@deliveries.command("list")
def list_(  # noqa: PLR0913, PLR0917 - an option each
    state: StateOption = DEFAULT_STATE,
    failed: Annotated[bool, typer.Option("--failed", help="The same as --is failed.")] = False,
    is_: Annotated[
        DeliveryState | None, typer.Option("--is", help="Only those in this state.")
    ] = None,
    channel: ChannelOption = None,
    subscription: Annotated[
        str | None, typer.Option("--subscription", help="Only of this subscription.")
    ] = None,
    reason: ReasonOption = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only those made since: 30m, 12h, 7d, 2026-11-30.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 50,
) -> None:
    """List deliveries, newest first, and the failures among them by channel and reason."""
    wanted = DeliveryState.FAILED if failed else is_
    chosen = Chosen(wanted, channel, subscription, reason, _since(since, utc_now()))
    finish(list_deliveries(state, settings_in_force(), chosen, limit))


@deliveries.command()
def show(delivery_id: str, state: StateOption = DEFAULT_STATE) -> None:
    """Show everything that is known of a delivery, and its message."""
    finish(show_delivery(state, settings_in_force(), delivery_id, utc_now()))


@deliveries.command()
def retry(
    ids: Annotated[list[str] | None, typer.Argument(help="Deliveries, by their ids.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that were given up.")] = False,
    channel: ChannelOption = None,
    reason: ReasonOption = None,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Put deliveries that were given up or discarded back into the queue."""
    settings, now = settings_in_force(), utc_now()
    if bool(ids) == failed:
        refuse("name deliveries by their ids, or all that were given up with --failed")
    if ids and (channel or reason):
        refuse("--channel and --reason choose among --failed")
    if ids:
        finish(retry_deliveries(state, settings, list(dict.fromkeys(ids)), now))
    finish(retry_failed(state, settings, Chosen(channel=channel, reason=reason), now))


@deliveries.command()
def discard(
    ids: Ids,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the delivery.")] = "",
    author: Annotated[str, typer.Option(help="Who discards; your login name unless given.")] = "",
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Have deliveries that wait or were given up never be sent."""
    named = list(dict.fromkeys(ids))
    who = author or _login()
    finish(discard_deliveries(state, settings_in_force(), named, who, reason, utc_now()))


def _since(typed: str | None, now: datetime) -> datetime | None:
    if typed is None:
        return None
    if matched := re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", typed):
        return now - int(matched[1]) * _UNITS[matched[2]]
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        refuse(f"--since {typed}: write 30m, 12h, 7d, or a time such as 2026-11-30T08:00 (UTC)")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in a container
        return ""
