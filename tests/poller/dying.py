"""A poller that dies at one of the points it passes, numbered as they come.

A point is before and after everything that reaches outside: a statement, a commit, a send,
a page, a document that is read. Once dead it does nothing more: every later point fails.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.bus.port import Bus, Outgoing
from services.poller.surroundings import Surroundings
from services.store.database import Database
from tests.servers.faults import CrashedError


@dataclass
class Life:
    """The points passed so far; it ends at number `dies_at`, counted from 1, if ever."""

    dies_at: int | None = None
    passed: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.dies_at is not None and len(self.passed) >= self.dies_at

    def passes(self, point: str) -> None:
        if not self.is_over:
            self.passed.append(point)
        if self.is_over:
            raise CrashedError(point)


def dying(around: Surroundings, life: Life) -> Surroundings:
    """The same surroundings for a poller that may die."""
    return replace(
        around,
        bus=_Bus(around.bus, life),
        database=_Database(around.database, life),
        reader=_Stepping(around.reader, life, ("read",)),  # type: ignore[arg-type]
        workers=_Stepping(around.workers, life, ("parse_feed",)),  # type: ignore[arg-type]
    )


class _Database(Database):
    def __init__(self, real: Database, life: Life) -> None:
        self._real = real
        self._life = life

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with self._transaction(self._real.write(), "commit") as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._transaction(self._real.read(), "end of reading") as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(
        self, real: AbstractAsyncContextManager[AsyncConnection], end: str
    ) -> AsyncIterator[AsyncConnection]:
        self._life.passes("begin")
        async with real as tx:
            yield _Connection(tx, self._life)  # type: ignore[misc]
            self._life.passes(f"before {end}")
        self._life.passes(f"after {end}")


class _Connection:
    def __init__(self, real: AsyncConnection, life: Life) -> None:
        self._real = real
        self._life = life

    def __getattr__(self, name: str) -> Any:
        if name in {"execute", "scalar", "scalars"}:
            self._life.passes("before a statement")
        return getattr(self._real, name)


class _Bus:
    def __init__(self, real: Bus, life: Life) -> None:
        self._real = real
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def send(self, outgoing: Outgoing) -> None:
        await self.send_all([outgoing])

    async def send_all(self, outgoing: Sequence[Outgoing]) -> None:
        self._life.passes("before a send")
        await self._real.send_all(outgoing)
        self._life.passes("after a send")


class _Stepping:
    """Anything, with a point before and after each call of these methods."""

    def __init__(self, real: Any, life: Life, methods: Sequence[str]) -> None:
        self._real = real
        self._life = life
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._called(found, name) if name in self._methods else found

    def _called(self, method: Any, name: str) -> Any:
        async def call(*args: Any, **named: Any) -> Any:
            self._life.passes(f"before {name}")
            result = await method(*args, **named)
            self._life.passes(f"after {name}")
            return result

        return call
