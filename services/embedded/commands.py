"""What the commands beside `run` do, on a state folder that may be in use right now.

Every function returns the lines to print and the exit code; `services.cli` prints them.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from schemas.dead_letter import DeadLetter, original_headers
from schemas.message import MalformedMessageError
from schemas.topics import ARTICLES, MATCHES, TOPICS, dead_letters_of
from services.bus.errors import BusFileError
from services.bus.kafka import open_kafka_bus
from services.bus.kafka_topics import create_topics
from services.bus.port import Bus, Outgoing
from services.bus.shared import kafka_servers
from services.bus.sqlite import open_bus
from services.config.apply import Applied, apply_folder
from services.config.folder import Broken, read_folder
from services.config.plan import PruneRefused
from services.config.saved_lists import ListInUse
from services.embedded.pipeline import (
    Places,
    database_url,
    make_state_folder,
)
from services.notifier.channels import Surroundings, open_channel
from services.notifier.outcome import Delivered, GaveUp, TryLater, Unwanted
from services.notifier.sample import sample_message
from services.runtime.clock import utc_now
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.netguard import networks
from services.runtime.process import CannotStartError
from services.runtime.settings import Settings
from services.store.database import Database, open_database

OK = 0
FAILED = 1
INVALID = 2

_SOURCES = (ARTICLES, MATCHES)
_MANY = 10_000


class NoStateError(Exception):
    """The state folder is not there, so nothing can be said about it."""


CANNOT_WORK = (NoStateError, CannotStartError, BusFileError, DependencyUnavailableError)
"""What a command raises when it cannot do its work; the text says why."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command has to say: for standard output, for standard error, the exit code."""

    code: int
    lines: Sequence[str] = field(default=())
    errors: Sequence[str] = field(default=())


async def apply_once(places: Places, settings: Settings, prune: bool) -> Said:
    """Check the folder and store what it says."""
    checked = read_folder(places.config)
    if isinstance(checked, Broken):
        return _broken(places.config, checked)
    if settings.database_url is None:
        make_state_folder(places.state)
    async with open_database(database_url(places, settings)) as database:
        applied = await apply_folder(database, places.config, prune, utc_now)
    match applied:
        case Applied(plan, warnings):
            lines = plan.lines if plan.lines else ("nothing to change",)
            return Said(OK, lines, [str(warning) for warning in warnings])
        case Broken():
            return _broken(places.config, applied)
        case PruneRefused() | ListInUse():
            return Said(INVALID, (), [*applied.lines, "nothing was applied"])
        case _:
            assert_never(applied)


async def test_channel(config: Path, channel_id: str, settings: Settings) -> Said:
    """Send a sample alert through a channel of the folder, once."""
    folder = read_folder(config)
    if isinstance(folder, Broken):
        return _broken(config, folder)
    specs = {spec.id: spec for spec in folder.channels}
    if channel_id not in specs:
        known = ", ".join(specs) or "none"
        return Said(INVALID, (), [f'no channel "{channel_id}" in {config}; there is: {known}'])
    now = utc_now()
    channel = open_channel(
        specs[channel_id],
        os.environ,
        Surroundings(
            timeout=settings.delivery_timeout_seconds, allowed=networks(settings.allowed_networks)
        ),
    )
    try:
        outcome = await channel.send(sample_message(now), now)
    finally:
        await channel.close()
    match outcome:
        case Delivered(receipt):
            return Said(OK, [f"{channel_id}: delivered ({receipt})"])
        case TryLater(reason, _, detail) | GaveUp(reason, detail):
            return Said(FAILED, (), [f"{channel_id}: not delivered: {reason.value}: {detail}"])
        case Unwanted(detail):
            return Said(FAILED, (), [f"{channel_id}: not sent: {detail}"])
        case _:
            assert_never(outcome)


async def list_dead_letters(state: Path, settings: Settings) -> Said:
    """The records that were put aside, oldest first."""
    async with open_bus_in(state, settings) as bus:
        letters = [r for source in _SOURCES for r in await bus.tail(dead_letters_of(source), _MANY)]
    lines = [f"{r.written_at:%Y-%m-%d %H:%M:%S} {_reason(r.headers)}" for r in letters]
    return Said(OK, lines or ["no dead letters"])


async def retry_dead_letters(state: Path, settings: Settings) -> Said:
    """Send every distinct record that was put aside to its topic again.

    One that went through already is recognised as a repeat; one that is still unreadable
    is put aside again.
    """
    sent = 0
    async with open_bus_in(state, settings) as bus:
        for source in _SOURCES:
            letters = await bus.tail(dead_letters_of(source), _MANY)
            distinct = {
                (letter.key, letter.value): Outgoing(
                    source, letter.key, letter.value, original_headers(letter.headers)
                )
                for letter in letters
            }
            await bus.send_all(list(distinct.values()))
            sent += len(distinct)
    return Said(OK, [f"{sent} records sent again"])


async def apply_topics(settings: Settings) -> Said:
    """Create the topics that are missing on Kafka, and say which ones differ."""
    report = await create_topics(kafka_servers(settings), TOPICS)
    created = [f"{name}: created" for name in report.created]
    differing = [str(difference) for difference in report.differing]
    return Said(FAILED if differing else OK, created or ["no topic is missing"], differing)


async def upgrade_database(state: Path, settings: Settings) -> Said:
    """Bring the database's schema up to date."""
    if settings.database_url is None:
        make_state_folder(state)
    async with open_database_in(state, settings):
        return Said(OK, ["the database is up to date"])


def open_bus_in(state: Path, settings: Settings) -> AbstractAsyncContextManager[Bus]:
    """The bus that the settings mean: Kafka where they name it, else the state folder's."""
    if settings.kafka_servers is not None:
        return open_kafka_bus(settings.kafka_servers, client_id="wirewatch-command")
    must_exist(state, settings)
    return open_bus(Places(state, state).bus)


def open_kept_bus(state: Path, settings: Settings) -> AbstractAsyncContextManager[Bus]:
    """The same where something is asked of it: it is not made if it is not there.

    Raises NoStateError.
    """
    if settings.kafka_servers is None:
        if not state.is_dir():
            raise NoStateError(f"{state}: no such state folder; name it with --state")
        if not Places(state, state).bus.is_file():
            raise NoStateError(f"no bus in {state}: nothing has run with this state folder yet")
    return open_bus_in(state, settings)


def open_database_in(state: Path, settings: Settings) -> AbstractAsyncContextManager[Database]:
    """The database that the settings mean, or else the state folder's."""
    return open_database(database_url(Places(state, state), settings))


def must_exist(state: Path, settings: Settings) -> None:
    """Raises NoStateError where there is no database to ask."""
    if settings.database_url is None and not state.is_dir():
        raise NoStateError(f"{state}: no such state folder; name it with --state")


def _broken(folder: Path, broken: Broken) -> Said:
    problems = [str(problem) for problem in broken.problems]
    errors = sum(problem.level == "error" for problem in broken.problems)
    told = "1 problem" if errors == 1 else f"{errors} problems"
    return Said(INVALID, (), [*problems, f"{told} in {folder}; nothing was applied"])


def _reason(headers: Mapping[str, bytes]) -> str:
    try:
        letter = DeadLetter.from_headers(headers)
    except MalformedMessageError as error:
        return str(error)
    return f"{letter.topic}[{letter.partition}]@{letter.offset}: {letter.error}"
