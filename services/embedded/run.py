"""`wirewatch run`: the pipeline until a signal comes, and what its failures say."""

import sys

from services.bus.errors import BusFileError, BusInUseError
from services.embedded.pipeline import Places, StateFolderError, run_pipeline
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.http import PortTakenError
from services.runtime.lifecycle import stop_on_signals
from services.runtime.settings import Settings

CANNOT_START = (
    StateFolderError,
    BusFileError,
    BusInUseError,
    PortTakenError,
    DependencyUnavailableError,
)


async def run_until_stopped(places: Places, settings: Settings) -> int:
    """Run until SIGTERM or Ctrl-C; the exit code."""
    async with stop_on_signals() as stop:
        try:
            await run_pipeline(places, settings, stop)
        except CANNOT_START as error:
            sys.stderr.write(f"wirewatch cannot start: {error}\n")
            return 1
    return 0
