"""The pipeline in one process, on SQLite: which parts there are, and what they share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from schemas.topics import ARTICLES, MATCHER_GROUP
from services.bus.errors import BusFileError, BusInUseError
from services.bus.part import stage_part, watch_lag
from services.bus.sqlite import SqliteBus, open_bus
from services.bus.sqlite_retention import keep_house
from services.config.broadcast import broadcast_part
from services.embedded.folder import FolderKeeper
from services.matcher.assembly import match_stage, rules_part
from services.matcher.rules import RulesInForce
from services.notifier.assembly import notifier_parts
from services.poller.assembly import open_polling
from services.poller.sharing import Everything
from services.runtime.clock import utc_now
from services.runtime.health import Component
from services.runtime.lifecycle import Part, until_stopped
from services.runtime.process import CannotStartError, Process, run_process
from services.runtime.settings import Settings
from services.store import deliveries
from services.store.database import Database, open_database, sqlite_url


@dataclass(frozen=True, slots=True)
class Places:
    """Where the operator's folder and the state are."""

    config: Path
    state: Path

    @property
    def bus(self) -> Path:
        """The bus file."""
        return self.state / "bus.sqlite"

    @property
    def cache(self) -> Path:
        """What could be made anew, unless the settings name another folder."""
        return self.state / "cache"

    @property
    def database(self) -> Path:
        """The database file, unless the settings name another database."""
        return self.state / "wirewatch.sqlite"


def database_url(places: Places, settings: Settings) -> str:
    """The database that the settings mean."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return sqlite_url(places.database)


class StateFolderError(CannotStartError):
    """The state folder cannot be used."""


def make_state_folder(state: Path) -> None:
    """Make the folder for everything remembered; raises StateFolderError."""
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateFolderError(
            f"cannot make the state folder {state} ({error.strerror}); name another with --state"
        ) from error


async def run_pipeline(
    places: Places,
    settings: Settings,
    stop: asyncio.Event,
    started: Callable[[str], None] = lambda _: None,
) -> None:
    """Run everything until `stop` is set; `started` is told the endpoint's URL.

    Raises CannotStartError, PortTakenError and DependencyUnavailableError.
    """
    await run_process("embedded", settings, partial(assemble, places), stop, started)


async def assemble(places: Places, process: Process) -> dict[str, Part]:
    """All parts of the process, by name."""
    make_state_folder(places.state)
    bus, database = await _open(places, process)
    rules = RulesInForce(process.metrics)
    polling = await open_polling(process, bus, database, Everything())
    keeper = FolderKeeper(places.config, database, process.metrics, utc_now)
    process.refreshes.append(watch_lag(bus, ARTICLES, "matcher", process.metrics))
    return {
        "config": keeper.run,
        "broadcast": broadcast_part(bus, database),
        "rules": rules_part(bus, rules, process.settings.cache_folder or places.cache),
        **polling,
        "matcher": stage_part(
            bus,
            ARTICLES,
            match_stage(bus, rules, process.metrics),
            process.metrics,
            prepared=rules.current,
            waits_for="the rules are not known yet",
        ),
        **notifier_parts(process, bus, database),
        "housekeeping": _housekeeping(bus),
    }


async def _open(places: Places, process: Process) -> tuple[SqliteBus, Database]:
    settings = process.settings
    try:
        bus = await process.stack.enter_async_context(
            open_bus(places.bus, max_backlog=settings.bus_max_backlog_records)
        )
        # Held for the whole run, so that a second process on this folder ends at once.
        await process.stack.enter_async_context(bus.consume(ARTICLES, MATCHER_GROUP))
    except (BusFileError, BusInUseError) as error:
        raise CannotStartError(str(error)) from error
    database = await process.stack.enter_async_context(
        open_database(database_url(places, settings))
    )
    async with database.write() as tx:
        await deliveries.release(tx)  # nobody else is at work: what was leased is free
    return bus, database


def _housekeeping(bus: SqliteBus) -> Part:
    async def run(stop: asyncio.Event, component: Component) -> None:
        component.ready()
        await until_stopped(keep_house(bus), stop)

    return run
