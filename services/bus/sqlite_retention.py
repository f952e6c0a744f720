"""Which records of the bus file are deleted, and when.

Decides by age, by what the declared groups have committed and, on compacted topics, by
key. A compacted topic is only compacted: its `retention` does not count. Deletes in small
transactions, oldest first, so that sending goes on and a stop in between does no harm.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Protocol

import structlog

from schemas.topics import TOMBSTONES_KEPT, TOPICS, Topic
from services.bus import sqlite_records as records
from services.bus.port import BusUnavailableError
from services.bus.sqlite_thread import SqlThread
from services.runtime.clock import Clock, utc_now

log = structlog.get_logger()

BATCH = 200
HOUSEKEEPING_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Entry:
    """What compaction looks at."""

    offset: int
    key: str
    written_at: int
    is_tombstone: bool


class Prunes(Protocol):
    """A bus that deletes what is no longer needed."""

    async def prune(self, now: datetime, topics: Sequence[Topic] = TOPICS) -> int:
        """Delete what may be deleted; how many records that were."""


async def keep_house(
    bus: Prunes, *, clock: Clock = utc_now, every: timedelta = HOUSEKEEPING_EVERY
) -> None:
    """Prune `bus` now and then until cancelled; a bus that is away is tried again."""
    while True:
        try:
            deleted = await bus.prune(clock())
        except BusUnavailableError as error:
            log.warning("the bus could not be pruned", error=str(error))
        else:
            if deleted:
                log.info("records deleted from the bus", records=deleted)
        await asyncio.sleep(every.total_seconds())


async def prune_topic(topic: Topic, now: datetime, reader: SqlThread, writer: SqlThread) -> int:
    """Delete what may be deleted of one topic; how many records that were."""
    if topic.compacted:
        return await _compact(topic, now, reader, writer)
    if topic.retention is None:
        return 0
    cutoff = records.microseconds(now - topic.retention)
    total = 0
    while deleted := await writer.run(partial(_delete_expired, topic=topic, cutoff=cutoff)):
        total += deleted
    return total


def superseded(entries: Iterable[Entry], tombstone_cutoff: int) -> list[int]:
    """The offsets that compaction removes: all but a key's last, and old tombstones."""
    last: dict[str, Entry] = {}
    gone = []
    for entry in entries:
        if entry.key in last:
            gone.append(last[entry.key].offset)
        last[entry.key] = entry
    gone += [
        entry.offset
        for entry in last.values()
        if entry.is_tombstone and entry.written_at < tombstone_cutoff
    ]
    return sorted(gone)


def _delete_expired(connection: sqlite3.Connection, topic: Topic, cutoff: int) -> int:
    # Only a prefix is deleted, also where a clock jumped: no holes.
    floor = records.floor_of(connection, topic, records.extent_of(connection, topic.name))
    oldest = connection.execute(
        "SELECT offset, written_at FROM records WHERE topic = ? AND offset < ? "
        "ORDER BY offset LIMIT ?",
        (topic.name, floor, BATCH),
    ).fetchall()
    expired = list(_while_older(oldest, cutoff))
    if expired:
        connection.execute(
            "DELETE FROM records WHERE topic = ? AND offset <= ?", (topic.name, expired[-1])
        )
        connection.execute(
            "UPDATE topics SET first_offset = ? WHERE name = ?", (expired[-1] + 1, topic.name)
        )
    return len(expired)


def _while_older(entries: Iterable[tuple[int, int]], cutoff: int) -> Iterator[int]:
    for offset, written_at in entries:
        if written_at >= cutoff:
            return
        yield offset


async def _compact(topic: Topic, now: datetime, reader: SqlThread, writer: SqlThread) -> int:
    cutoff = records.microseconds(now - TOMBSTONES_KEPT)
    gone = iter(await reader.run(partial(_removable, topic=topic, tombstone_cutoff=cutoff)))
    total = 0
    # Oldest first: a tombstone never goes before the values that it deletes.
    while batch := list(islice(gone, BATCH)):
        await writer.run(partial(_delete, topic=topic.name, offsets=batch))
        total += len(batch)
    return total


def _removable(
    connection: sqlite3.Connection, topic: Topic, tombstone_cutoff: int
) -> Sequence[int]:
    floor = records.floor_of(connection, topic, records.extent_of(connection, topic.name))
    entries = connection.execute(
        "SELECT offset, key, written_at, value IS NULL FROM records WHERE topic = ? "
        "ORDER BY offset",
        (topic.name,),
    )
    gone = superseded((Entry(o, k, w, bool(t)) for o, k, w, t in entries), tombstone_cutoff)
    return [offset for offset in gone if offset < floor]


def _delete(connection: sqlite3.Connection, topic: str, offsets: Sequence[int]) -> None:
    connection.executemany(
        "DELETE FROM records WHERE topic = ? AND offset = ?", [(topic, o) for o in offsets]
    )
