"""The commands below `wirewatch silences`: arguments in, lines and exit codes out.

0: done. 1: it failed. 2: what was asked for is not valid, and nothing was changed.
"""

import getpass
from typing import Annotated

import typer

from services.embedded.silences.command import add_silence, expire_silence, list_silences
from services.embedded.silences.wish import Typed
from services.embedded.terminal import DEFAULT_STATE, StateOption, finish, settings_in_force
from services.runtime.clock import utc_now

silences = typer.Typer(
    help="What nobody is told of for a while, and what was held back.", no_args_is_help=True
)


@silences.command("list")
def list_(
    state: StateOption = DEFAULT_STATE,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that ended more than a week ago.")
    ] = False,
) -> None:
    """List silences, the newest first, with how many alerts each has held back."""
    finish(list_silences(state, settings_in_force(), everything, utc_now()))


@silences.command()
def add(
    rule: Annotated[str | None, typer.Option(help="A rule, by its id.")] = None,
    source: Annotated[
        str | None, typer.Option(help="A feed, by its id or name, or a host such as news.example.")
    ] = None,
    story: Annotated[
        str | None, typer.Option(help="A story, by its id or that of a delivery.")
    ] = None,
    subscription: Annotated[
        str | None, typer.Option(help="Only for this subscription; for everybody unless given.")
    ] = None,
    length: Annotated[str | None, typer.Option("--for", help="For how long: 30m, 2h, 3d.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when: 2026-11-30T08:00, UTC unless it says more.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; shown when it ends.")] = "",
    author: Annotated[str, typer.Option(help="Who silences; your login name unless given.")] = "",
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Silence a rule, a source or a story; what is held back comes as one message in the end."""
    typed = Typed(rule, source, story, subscription, length, until, author or _login(), reason)
    finish(add_silence(state, settings_in_force(), typed, utc_now()))


@silences.command()
def expire(silence_id: str, state: StateOption = DEFAULT_STATE) -> None:
    """End a silence now; what it held back is told."""
    finish(expire_silence(state, settings_in_force(), silence_id, utc_now()))


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in a container
        return ""
