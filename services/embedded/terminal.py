"""What every command does at its edges: read the settings, print, refuse, and say so."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from services.embedded.commands import CANNOT_WORK, FAILED, INVALID, Said
from services.embedded.rules.shown import Look
from services.runtime.log import configure_logging
from services.runtime.settings import Settings, SettingsError, load_settings

StateOption = Annotated[Path, typer.Option("--state", help="Folder for everything remembered.")]
DEFAULT_STATE = Path("var")
_PIPE_COLUMNS = 96


def settings_in_force() -> Settings:
    """The settings of the environment and of `.env`; ends the command where they are wrong."""
    env_file = Path(".env")
    try:
        settings, warnings = load_settings(env_file if env_file.is_file() else None)
    except SettingsError as error:
        refuse(*error.problems)
    configure_logging(settings.log_level, settings.log_format)
    for warning in warnings:
        tell(warning)
    return settings


def refuse(*problems: str) -> NoReturn:
    """End the command: what was asked for is not valid."""
    for problem in problems:
        tell(problem)
    raise typer.Exit(INVALID)


def finish(command: Coroutine[Any, Any, Said]) -> NoReturn:
    """Run a command, print what it has to say, and exit with its code."""
    try:
        said = asyncio.run(command)
    except CANNOT_WORK as error:
        tell(str(error))
        raise typer.Exit(FAILED) from error
    say(said)


def say(said: Said) -> NoReturn:
    """Print what a command has to say, and exit with its code."""
    for line in said.lines:
        typer.echo(line)
    for line in said.errors:
        tell(line)
    raise typer.Exit(said.code)


def tell(line: str) -> None:
    """A line on standard error."""
    typer.echo(line, err=True)


def look(*, full: bool = False) -> Look:
    """How standard output wants things to look."""
    return Look(colours=Console().is_terminal and not Console().no_color, full=full)


def show(lines: Iterable[RenderableType]) -> None:
    """Print on standard output; lines of text are left as long as they are."""
    console = Console(highlight=False, emoji=False, markup=False, width=_width())
    for line in lines:
        if console.is_terminal:
            console.print(line, soft_wrap=isinstance(line, Text))
            continue
        with console.capture() as captured:
            console.print(line, soft_wrap=isinstance(line, Text))
        for one in captured.get().removesuffix("\n").split("\n"):
            sys.stdout.write(f"{one.rstrip()}\n")


def _width() -> int | None:
    """The terminal's own, or what reads well in a file."""
    return None if Console().is_terminal or "COLUMNS" in os.environ else _PIPE_COLUMNS
