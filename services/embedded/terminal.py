"""What every command does at its edges: read the settings, refuse, and say so."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from services.embedded.commands import INVALID
from services.runtime.log import configure_logging
from services.runtime.settings import Settings, SettingsError, load_settings

StateOption = Annotated[Path, typer.Option("--state", help="Folder for everything remembered.")]
DEFAULT_STATE = Path("var")


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


def tell(line: str) -> None:
    """A line on standard error."""
    typer.echo(line, err=True)
