"""A consumer of the bus file: its turn to read, its position, its commits.

Decides who of a group reads (whoever came first, until it leaves) and whether a committed
offset can be continued from. The lock between processes is `sqlite_lock`'s.
"""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from schemas.topics import Topic
from services.bus import sqlite_records as records
from services.bus.errors import FencedError
from services.bus.port import OffsetOutOfRangeError, Record
from services.bus.sqlite_records import Extent
from services.bus.sqlite_thread import SqlThread
from services.runtime.wakeup import Wakeup, wait_any

LOOK_AGAIN_SECONDS = 0.25  # for what another process sent or committed


@dataclass(frozen=True, slots=True)
class Parts:
    """What the parts of one open bus share."""

    path: Path
    writer: SqlThread
    reader: SqlThread
    arrivals: defaultdict[str, Wakeup] = field(default_factory=lambda: defaultdict(Wakeup))
    commits: defaultdict[str, Wakeup] = field(default_factory=lambda: defaultdict(Wakeup))


def check_position(topic: str, reader: str, position: int, extent: Extent) -> None:
    """Raises OffsetOutOfRangeError where records before or at `position` are missing."""
    if not extent.first <= position <= extent.end:
        raise OffsetOutOfRangeError(
            f"{reader} is at offset {position} of {topic}, which holds {extent.first} up to "
            f"{extent.end}: records were lost or the bus was replaced; find out which, then "
            "restore the bus file or start with an empty one"
        )


class SqliteConsumer:
    """A member of a group. Made by `SqliteBus.consume`; reads once it has its turn."""

    def __init__(self, parts: Parts, topic: Topic, group: str, turn: asyncio.Lock) -> None:
        self._parts = parts
        self._topic = topic.name
        self._group = group
        self._turn = turn
        self._has_turn = False
        self._left = False
        self._position: int | None = None

    async def fetch(self, max_records: int, timeout: float) -> Sequence[Record]:
        """See the port; a member that waits for its turn gets nothing meanwhile."""
        self._refuse_after_leaving()
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        if not await self._take_turn(timeout):
            return ()
        while True:
            arrival = self._parts.arrivals[self._topic].next()
            if found := await self._read(max_records):
                return found
            if (remaining := deadline - clock()) <= 0:
                return ()
            await wait_any(min(remaining, LOOK_AGAIN_SECONDS), arrival)

    async def commit(self, record: Record) -> None:
        """See the port. Raises FencedError after leaving and before its turn."""
        self._refuse_after_leaving()
        if not self._has_turn:
            raise FencedError(f"another member of {self._group} reads {self._topic}")
        if record.topic != self._topic:
            raise ValueError(f"a record of {record.topic} committed on {self._topic}")
        next_offset = record.offset + 1
        await self._write(
            partial(records.commit, topic=self._topic, group=self._group, next_offset=next_offset)
        )
        self._parts.commits[self._topic].wake()

    async def rewind(self) -> None:
        """See the port."""
        self._refuse_after_leaving()
        self._position = None

    def leave(self) -> None:
        """Give the turn to the next in line; only for `SqliteBus.consume`."""
        self._left = True
        if self._has_turn:
            self._has_turn = False
            self._turn.release()

    async def _take_turn(self, timeout: float) -> bool:
        if self._has_turn:
            return True
        try:
            async with asyncio.timeout(max(0.0, timeout)):
                await self._turn.acquire()
        except TimeoutError:
            return False
        self._has_turn = True
        return True

    async def _read(self, max_records: int) -> Sequence[Record]:
        if self._position is None:
            self._position = await self._parts.reader.run(self._start)
        position = self._position
        found = await self._parts.reader.run(
            partial(records.read, topic=self._topic, position=position, limit=max_records)
        )
        check_position(self._topic, self._group, position, found.extent)
        if found.records:
            self._position = found.records[-1].offset + 1
        return found.records

    def _start(self, connection: sqlite3.Connection) -> int:
        committed = records.committed(connection, self._topic, self._group)
        if committed is None:
            return records.extent_of(connection, self._topic).first
        return committed

    async def _write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        await self._parts.writer.run(work)

    def _refuse_after_leaving(self) -> None:
        if self._left:
            raise FencedError(f"this consumer has left {self._group} on {self._topic}")
