"""The commands below `wirewatch subscriptions`: arguments in, lines and exit codes out."""

from typing import Annotated

import typer

from services.embedded.subscriptions.command import bring_back, list_subscriptions
from services.embedded.terminal import DEFAULT_STATE, StateOption, finish, settings_in_force

subscriptions = typer.Typer(help="Who gets what, and who has unsubscribed.", no_args_is_help=True)


@subscriptions.command("list")
def list_(state: StateOption = DEFAULT_STATE) -> None:
    """List the subscriptions in force, and who has unsubscribed from them."""
    finish(list_subscriptions(state, settings_in_force()))


@subscriptions.command("restore")
def restore(
    subscription_id: str,
    address: Annotated[
        str, typer.Argument(help="Whose copy; without it, the whole subscription.")
    ] = "",
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Undo that somebody has unsubscribed, when they ask for it."""
    finish(bring_back(state, settings_in_force(), subscription_id, address))
