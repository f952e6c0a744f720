"""Writing down what polls have left to remember.

Decides which records share a transaction. A poll that brought news has one of its own, right
after the bus has acknowledged them. All others only move the next poll: they are written a few
hundred at a time (bench/poll: each by itself costs ten times the poll), and a crash before
that costs one conditional request a feed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import islice

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.poller import memory as remembered
from services.poller.memory import Memory
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.store import feeds
from services.store.database import Database

log = structlog.get_logger()

AT_ONCE = 500

Tell = Callable[[AsyncConnection], Awaitable[None]]
"""Something else that is to be written in the same transaction."""


@dataclass(frozen=True, slots=True)
class Record:
    """A feed's memory after a poll.

    `again` says that it differs from what is recorded, or is to be, in the times of the poll
    alone: a third of the work (bench/poll).
    """

    memory: Memory
    tell: Tell | None = None
    again: bool = False

    def after(self, former: "Record | None") -> "Record":
        """The record that takes the place of a former one which is not written yet."""
        whole = former is not None and not former.again
        return replace(self, again=False) if whole and self.again else self


class Records:
    """The records of one process's polls."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[str, Record] = {}
        self._being_written: frozenset[str] = frozenset()
        self._turn = asyncio.Lock()
        self.count = 0
        """How many were written; it tells that the database can be written to."""

    def later(self, record: Record) -> None:
        """Write a record with the next ones; it takes the place of the feed's former one."""
        feed_id = record.memory.feed_id
        self._waiting[feed_id] = record.after(self._waiting.get(feed_id))

    def leave_out(self, unless: Callable[[Memory], bool]) -> None:
        """Forget the records that wait of feeds which are another poller's by now.

        They are older than what that one has written.
        """
        self._waiting = {i: r for i, r in self._waiting.items() if unless(r.memory)}

    @asynccontextmanager
    async def at_once(self, memory: Memory) -> AsyncIterator[AsyncConnection]:
        """Write a record now, together with what the block writes.

        Raises DatabaseUnavailableError.
        """
        feed_id = memory.feed_id
        if feed_id in self._being_written:  # or the older record would be the last
            async with self._turn:
                pass
        former = self._waiting.pop(feed_id, None)
        try:
            async with self._database.write() as tx:
                yield tx
                await feeds.save_states(tx, [remembered.to_state(memory, self._clock())])
        except BaseException:
            if former is not None:
                self._waiting.setdefault(feed_id, former)
            raise
        self.count += 1

    async def write(self) -> None:
        """Write what waits. Raises DatabaseUnavailableError: then the rest waits on."""
        async with self._turn:
            for _ in range(-(-len(self._waiting) // AT_ONCE)):
                batch = dict(islice(self._waiting.items(), AT_ONCE))
                await self._write(batch)
                self.count += len(batch)

    async def _write(self, batch: dict[str, Record]) -> None:
        for feed_id in batch:
            del self._waiting[feed_id]
        self._being_written = frozenset(batch)
        try:
            await self._store(list(batch.values()))
        except BaseException:
            newer = {i: r.after(batch.get(i)) for i, r in self._waiting.items()}
            self._waiting = batch | newer
            raise
        finally:
            self._being_written = frozenset()

    async def _store(self, records: list[Record]) -> None:
        try:
            await self._transaction(records)
        except DependencyUnavailableError:
            raise
        except Exception:
            if len(records) == 1 and records[0].again:
                await self._store([replace(records[0], again=False)])
                return
            if len(records) == 1:
                feed_id = records[0].memory.feed_id
                log.exception("a feed's state cannot be stored; it is left out", feed=feed_id)
                return
            for record in records:  # one of them is to blame, the others are not
                await self._store([record])

    async def _transaction(self, records: list[Record]) -> None:
        now = self._clock()
        async with self._database.write() as tx:
            states = [remembered.to_state(r.memory, now) for r in records if not r.again]
            await feeds.save_states(tx, states)
            await feeds.save_again(tx, [remembered.to_again(r.memory) for r in records if r.again])
            for record in records:
                if record.tell is not None:
                    await record.tell(tx)
