"""A terminal session on a page of the docs: the command it types, and what it is said to print."""

import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def put_command(folder: Path) -> None:
    """`wirewatch` in a folder, as the sessions call it."""
    folder.mkdir()
    command = folder / "wirewatch"
    command.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m services.cli "$@"\n'
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)


def exchanges(section: str) -> Iterator[tuple[str, str]]:
    """Each command of a section and what it is said to print."""
    for block in re.findall(r"^(?:    .*\n|\n(?=    ))+", section, re.MULTILINE):
        for exchange in re.split(r"^    \$ ", block, flags=re.MULTILINE)[1:]:
            command, _, said = exchange.partition("\n")
            yield command, re.sub(r"^    ", "", said, flags=re.MULTILINE).strip("\n")
