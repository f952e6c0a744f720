"""Whether `watch-rules` tells what the database says, and what to do if not.

The database is the record. After the bus or the database was lost or replaced the topic
says something else; then everything is announced again, so that a reader who knows only
the topic comes to hold exactly the rules and lists of the record.
"""

from collections.abc import Iterable, Mapping
from contextlib import aclosing
from enum import Enum, auto

import structlog

from schemas.message import MalformedMessageError
from schemas.rule import RulesManifest, TermList, WatchRule
from schemas.topics import WATCH_RULES
from services.bus.port import Bus
from services.config.announcing import News, announce
from services.store import outbox, written
from services.store.database import Database
from services.store.written import Kind

log = structlog.get_logger()

_MANIFEST = "manifest"
_RULE = "rule:"
_LIST = "list:"
_UNUSABLE = -1  # a version that no record has


class Verdict(Enum):
    """What came of comparing."""

    NOT_NOW = auto()  # nothing was ever broadcast, or something is about to be
    TRUE = auto()
    ANNOUNCED = auto()


async def announce_again_if_lost(bus: Bus, database: Database) -> Verdict:
    """Queue every rule and list again if `watch-rules` does not hold what the record says.

    Raises BusUnavailableError and DatabaseUnavailableError.
    """
    async with database.read() as tx:
        if await written.counter(tx, written.BROADCAST) == 0:
            return Verdict.NOT_NOW
    held = await _on_topic(bus)
    async with database.write() as tx:
        generation = await written.begin_change(tx)
        if await outbox.waiting(tx, 1):
            return Verdict.NOT_NOW
        rules, lists = await written.items(tx, Kind.RULES), await written.items(tx, Kind.LISTS)
        expected = {f"{_RULE}{i}": item.version for i, item in rules.items()}
        expected |= {f"{_LIST}{i}": item.version for i, item in lists.items()}
        expected[_MANIFEST] = await written.counter(tx, written.BROADCAST)
        if held == expected:
            return Verdict.TRUE
        log.warning("watch-rules does not hold what the database says; announcing all rules again")
        generation = max(generation, held.get(_MANIFEST, 0)) + 1
        await written.set_counter(tx, written.GENERATION, generation)
        clear = to_be_cleared(held, expected)
        await announce(
            tx,
            generation,
            News(rules, _below(_RULE, clear)),
            News(lists, _below(_LIST, clear)),
            everything=True,
        )
        return Verdict.ANNOUNCED


def to_be_cleared(held: Mapping[str, int], expected: Mapping[str, int]) -> list[str]:
    """The keys to be removed from the topic before all are announced again. PURE.

    Those that are no more, and those the topic has in a higher version than the record, as
    after a restored backup: a reader passes over a version below the one it knows.
    """
    return sorted(
        key
        for key, version in held.items()
        if key != _MANIFEST and (version == _UNUSABLE or version > expected.get(key, 0))
    )


async def _on_topic(bus: Bus) -> Mapping[str, int]:
    """The version of every rule and list as a reader holds it, and the manifest's generation."""
    held: dict[str, int] = {}
    async with aclosing(bus.follow(WATCH_RULES)) as batches:
        async for batch in batches:
            if batch is None:
                break
            for record in batch:
                _take(held, record.key, record.value)
    return held


def _take(held: dict[str, int], key: str, value: bytes | None) -> None:
    if key != _MANIFEST and not key.startswith((_RULE, _LIST)):
        return
    if value is None:
        held.pop(key, None)
        return
    version = _version(key, value)
    held[key] = version if version == _UNUSABLE else max(version, held.get(key, 0))


def _version(key: str, value: bytes) -> int:
    try:
        if key == _MANIFEST:
            return RulesManifest.decode(value).generation
        model = TermList if key.startswith(_LIST) else WatchRule
        found = model.decode(value)
    except MalformedMessageError:
        return _UNUSABLE
    return found.version if found.key == key else _UNUSABLE


def _below(prefix: str, keys: Iterable[str]) -> list[str]:
    return [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
