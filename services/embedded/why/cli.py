"""The command `wirewatch why`: 0 somebody was told, 1 nobody was, 2 it cannot be said."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.embedded.commands import CANNOT_WORK, must_exist, open_kept_bus
from services.embedded.pipeline import Places, database_url
from services.embedded.rules.shown import Look
from services.embedded.terminal import (
    DEFAULT_STATE,
    StateOption,
    look,
    refuse,
    settings_in_force,
    show,
)
from services.embedded.why import command
from services.runtime.clock import utc_now
from services.runtime.settings import Settings
from services.store.database import open_database


def why(
    url: Annotated[str, typer.Argument(metavar="URL", help="The article's address.")],
    rule: Annotated[
        str | None, typer.Option(help="Only about this rule, explained clause by clause.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out.")] = False,
) -> None:
    """Say why you were told of an article, or were not: feed, page, rules, story, deliveries."""
    settings = settings_in_force()
    try:
        with Console(stderr=True).status("looking through the bus"):
            answer = asyncio.run(_ask(url, rule, state, settings, look(full=full)))
    except (command.NoAnswerError, *CANNOT_WORK) as error:
        refuse(str(error))
    show(answer.lines)
    raise typer.Exit(0 if answer.told else 1)


async def _ask(
    url: str, rule: str | None, state: Path, settings: Settings, shown: Look
) -> command.Answer:
    must_exist(state, settings)
    async with (
        open_kept_bus(state, settings) as bus,
        open_database(database_url(Places(state, state), settings)) as database,
    ):
        return await command.why(bus, database, url, rule, shown, utc_now())
