"""The bus in one SQLite file, for running everything in one process.

One partition per topic, whatever the topic declares. Several processes may send, tail,
follow and read lag; one of them may consume. Decides when a sender is held back; storing,
turns and deletion are decided in the `sqlite_*` modules beside.

Sends that come while a transaction is being synced share the next one, so that a hundred
senders pay for one sync together (bench/bus.py).
"""

import asyncio
import sqlite3
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import assert_never

import structlog

from schemas.topics import TOPICS, Topic
from services.bus import sqlite_file as file
from services.bus import sqlite_records as records
from services.bus.port import BusUnavailableError, Consumer, Lag, Outgoing, Record
from services.bus.record_size import refuse_too_large
from services.bus.sqlite_consumer import (
    LOOK_AGAIN_SECONDS,
    Parts,
    SqliteConsumer,
    check_position,
)
from services.bus.sqlite_lock import ConsumeLock
from services.bus.sqlite_records import Appended, Full, Row
from services.bus.sqlite_retention import prune_topic
from services.bus.sqlite_thread import Setup, SqlThread
from services.runtime.clock import Clock, utc_now
from services.runtime.wakeup import wait_any

log = structlog.get_logger()

FOLLOW_BATCH = 500
_MAX_BATCH = 10_000


@asynccontextmanager
async def open_bus(
    path: Path, *, max_backlog: int = 50_000, clock: Clock = utc_now
) -> AsyncIterator["SqliteBus"]:
    """Open the bus in the file `path`, which is made when it is not there yet.

    `max_backlog` is how many records the slowest declared group of a topic may be behind
    before sending to it waits. Raises BusUnavailableError, and BusFileError for a file
    that is no bus.
    """
    path = _prepared(path)
    writer = SqlThread(_setup(path, file.open_writer, "BEGIN IMMEDIATE"))
    reader = SqlThread(_setup(path, file.open_reader, "BEGIN"))
    try:
        await writer.start()
        await reader.start()
        yield SqliteBus(Parts(path, writer, reader), max_backlog, clock)
    finally:
        await reader.close()
        await writer.close()


class SqliteBus:
    """A `Bus` (see the port). Belongs to one event loop; made by `open_bus`."""

    def __init__(self, parts: Parts, max_backlog: int, clock: Clock) -> None:
        self._parts = parts
        self._max_backlog = max_backlog
        self._clock = clock
        self._lock = ConsumeLock(parts.path)
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._held_back: Counter[str] = Counter()

    async def send(self, outgoing: Outgoing) -> None:
        """See the port."""
        await self.send_all([outgoing])

    async def send_all(self, outgoing: Sequence[Outgoing]) -> None:
        """See the port. Stores all or none; waits where any of the topics is too full.

        Raises RecordTooLargeError for what Kafka would refuse: both ways behave alike.
        """
        if not outgoing:
            return
        for one in outgoing:
            refuse_too_large(one)
        rows = [records.row_of(one, self._clock()) for one in outgoing]
        full = await self._append_unless_full(rows)
        if full is not None:
            with self._telling_once(full):
                while full is not None:
                    full = await self._append_after_commit(rows, full)

    @asynccontextmanager
    async def consume(self, topic: Topic, group: str) -> AsyncIterator[Consumer]:
        """See the port. Raises BusInUseError when another process consumes."""
        self._lock.acquire()
        consumer = SqliteConsumer(self._parts, topic, group, self._turns[topic.name, group])
        try:
            yield consumer
        finally:
            consumer.leave()
            self._lock.release()

    async def follow(
        self, topic: Topic, after: Mapping[int, int] | None = None
    ) -> AsyncGenerator[Sequence[Record] | None, None]:
        """See the port. Close it with `aclosing`. Raises as `Consumer.fetch` does."""
        position = after[0] + 1 if after and 0 in after else None
        told = False
        while True:
            arrival = self._parts.arrivals[topic.name].next()
            found = await self._parts.reader.run(
                partial(records.read, topic=topic.name, position=position or 0, limit=FOLLOW_BATCH)
            )
            if position is not None:
                check_position(topic.name, "a follower", position, found.extent)
            position = found.extent.end
            if found.records:
                yield found.records
                told = False
            if len(found.records) == FOLLOW_BATCH:
                position = found.records[-1].offset + 1
                continue
            if not told:
                yield None
                told = True
            await wait_any(LOOK_AGAIN_SECONDS, arrival)

    async def since(self, topic: Topic, moment: datetime) -> AsyncGenerator[Sequence[Record], None]:
        """See the port."""
        extent = await self._parts.reader.run(
            partial(records.extent_since, topic=topic.name, moment=moment)
        )
        position = extent.first
        while position < extent.end:
            found = await self._parts.reader.run(
                partial(records.read, topic=topic.name, position=position, limit=FOLLOW_BATCH)
            )
            batch = [r for r in found.records if r.offset < extent.end and r.written_at >= moment]
            if batch:
                yield batch
            if len(found.records) < FOLLOW_BATCH:
                return
            position = found.records[-1].offset + 1

    async def tail(self, topic: Topic, max_records: int) -> Sequence[Record]:
        """See the port."""
        return await self._parts.reader.run(
            partial(records.tail, topic=topic.name, limit=max_records)
        )

    async def lag(self, topic: Topic, group: str) -> Lag:
        """See the port."""
        return await self._parts.reader.run(partial(records.lag, topic=topic.name, group=group))

    async def prune(self, now: datetime, topics: Sequence[Topic] = TOPICS) -> int:
        """Delete what is past its retention and compact; how many records that were."""
        parts = self._parts
        return sum([await prune_topic(topic, now, parts.reader, parts.writer) for topic in topics])

    async def _append_after_commit(self, rows: Sequence[Row], full: Full) -> Full | None:
        commit = self._parts.commits[full.topic].next()
        still = await self._append_unless_full(rows)
        if still is not None:
            await wait_any(LOOK_AGAIN_SECONDS, commit)
        return still

    async def _append_unless_full(self, rows: Sequence[Row]) -> Full | None:
        outcome = await self._parts.writer.run(
            partial(records.append, rows=rows, limit=self._max_backlog)
        )
        match outcome:
            case Full():
                return outcome
            case Appended():
                for topic in {row.topic.name for row in rows}:
                    self._parts.arrivals[topic].wake()
                return None
        assert_never(outcome)

    @contextmanager
    def _telling_once(self, full: Full) -> Iterator[None]:
        """Log when the first sender of a topic is held back, and when the last goes on."""
        self._held_back[full.topic] += 1
        if self._held_back[full.topic] == 1:
            log.warning(
                "sending waits for a group that is behind",
                topic=full.topic,
                group=full.group,
                backlog=full.backlog,
                max_backlog=self._max_backlog,
            )
        try:
            yield
        finally:
            self._held_back[full.topic] -= 1
            if self._held_back[full.topic] == 0:
                log.info("sending goes on", topic=full.topic)


def _setup(path: Path, connect: Callable[[Path], sqlite3.Connection], begin: str) -> Setup:
    return Setup(
        name=f"bus {path}",
        connect=partial(connect, path),
        begin=begin,
        explain=partial(file.explained, path),
        max_batch=_MAX_BATCH,
    )


def _prepared(path: Path) -> Path:
    """The path without links, so that all processes lock the same file; makes its folder."""
    try:
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BusUnavailableError(f"folder of the bus {path}: {error.strerror}") from error
    return path
