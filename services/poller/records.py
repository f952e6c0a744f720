"""Writing down what polls have left to remember.

Decides which records share a transaction. Those of polls that brought news are written right
after the bus has acknowledged them, and together with others that come while the transaction
before is under way. All others only move the next poll: they are written a few hundred at a
time (bench/poll: each by itself costs ten times the poll), and a crash before that costs one
conditional request a feed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.poller import memory as remembered
from services.poller.memory import Memory
from services.poller.remembering import Taken
from services.poller.together import Together
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.store import feeds
from services.store.database import Database

log = structlog.get_logger()

AT_ONCE = 500
NEWS_AT_ONCE = 100

Tell = Callable[[AsyncConnection], Awaitable[None]]
"""Something else that is to be written in the same transaction."""

Remember = Callable[[AsyncConnection, Mapping[str, Taken], datetime], Awaitable[None]]
"""Writes down what polls brought, by feed."""


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

    def __init__(self, database: Database, clock: Clock, remember: Remember) -> None:
        self._database = database
        self._clock = clock
        self._remember = remember
        self._waiting: dict[str, Record] = {}
        self._news = Together(self._write_news, NEWS_AT_ONCE)
        self._turn = asyncio.Lock()  # or an older record of a feed could be its last
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

    async def at_once(self, record: Record, taken: Taken) -> None:
        """Write a record now, together with what its poll brought.

        Those that come meanwhile share the next transaction. Raises DatabaseUnavailableError.
        """
        await self._news.ask((record, taken))

    async def write(self) -> None:
        """Write what waits. Raises DatabaseUnavailableError: then the rest waits on."""
        for _ in range(-(-len(self._waiting) // AT_ONCE)):
            async with self._turn:
                batch = dict(islice(self._waiting.items(), AT_ONCE))
                await self._write(batch)
                self.count += len(batch)

    async def end(self) -> None:
        """Write nothing more; nobody waits for it."""
        await self._news.end()

    async def _write_news(self, news: Sequence[tuple[Record, Taken]]) -> Sequence[None]:
        brought = {record.memory.feed_id: taken for record, taken in news}
        async with self._turn:
            former = {i: self._waiting.pop(i) for i in brought if i in self._waiting}
            try:
                await self._transaction([record for record, _ in news], brought)
            except BaseException:
                self._wait_again(former)
                raise
            self.count += len(news)
        return [None] * len(news)

    def _wait_again(self, former: Mapping[str, Record]) -> None:
        newer = {i: r.after(former.get(i)) for i, r in self._waiting.items()}
        self._waiting = {**former, **newer}

    async def _write(self, batch: dict[str, Record]) -> None:
        for feed_id in batch:
            del self._waiting[feed_id]
        try:
            await self._store(list(batch.values()))
        except BaseException:
            self._wait_again(batch)
            raise

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

    async def _transaction(
        self, records: Sequence[Record], brought: Mapping[str, Taken] | None = None
    ) -> None:
        now = self._clock()
        async with self._database.write() as tx:
            if brought:
                await self._remember(tx, brought, now)
            states = [remembered.to_state(r.memory, now) for r in records if not r.again]
            await feeds.save_states(tx, states)
            await feeds.save_again(tx, [remembered.to_again(r.memory) for r in records if r.again])
            for record in records:
                if record.tell is not None:
                    await record.tell(tx)
