"""A bus and a database that fail where a test wants them to, and work otherwise."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.topics import Topic
from services.bus.port import Bus, BusUnavailableError, Consumer, Lag, Outgoing, Record
from services.store.database import Database, DatabaseUnavailableError


class CrashedError(Exception):
    """The process died here."""


class FaultyDatabase(Database):
    """The same database, which is away for the writing transactions numbered in `fails`.

    They are numbered from 1. With `after_commit` they are committed, and only the answer is
    lost. While `away` is set nothing works at all, while `fail_writes` is set only reading.
    """

    def __init__(self, real: Database, *fails: int, after_commit: bool = False) -> None:
        self._real = real
        self.fail(*fails, after_commit=after_commit)
        self.away = False
        self.fail_writes = False
        self.error: Exception = DatabaseUnavailableError("the database is away")

    def fail(self, *fails: int, after_commit: bool = False) -> None:
        """Let these writing transactions fail, counted from now on."""
        self._fails = fails
        self._after_commit = after_commit
        self._number = 0

    @property
    def writes(self) -> int:
        """How many writing transactions there were since `fail`."""
        return self._number

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        self._number += 1
        failing = self.away or self.fail_writes or self._number in self._fails
        if failing and not self._after_commit:
            raise self.error
        async with self._real.write() as tx:
            yield tx
        if failing:
            raise self.error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        if self.away:
            raise self.error
        async with self._real.read() as tx:
            yield tx


@dataclass
class FaultyBus:
    """The same bus, whose sends fail after `room` more records; None for no end.

    With `after_send` the first that fails is on the bus all the same, only its answer is
    lost.
    """

    real: Bus
    room: int | None = None
    after_send: bool = False
    error: Exception = field(default_factory=lambda: BusUnavailableError("the bus is away"))

    async def send(self, outgoing: Outgoing) -> None:
        await self.send_all([outgoing])

    async def send_all(self, outgoing: Sequence[Outgoing]) -> None:
        if self.room is not None and self.room < len(outgoing):
            if self.after_send:
                await self.real.send_all(outgoing)
            raise self.error
        if self.room is not None:
            self.room -= len(outgoing)
        await self.real.send_all(outgoing)

    def consume(self, topic: Topic, group: str) -> AbstractAsyncContextManager[Consumer]:
        return self.real.consume(topic, group)

    def follow(self, topic: Topic, after: Mapping[int, int] | None = None) -> Any:
        return self.real.follow(topic, after)

    def since(self, topic: Topic, moment: datetime) -> Any:
        return self.real.since(topic, moment)

    async def tail(self, topic: Topic, max_records: int) -> Sequence[Record]:
        return await self.real.tail(topic, max_records)

    async def lag(self, topic: Topic, group: str) -> Lag:
        return await self.real.lag(topic, group)
