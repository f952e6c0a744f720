"""One SQLite connection in a thread of its own, and group commit.

Decides which of the waiting jobs share a transaction: all that have gathered while the
one before was being synced. What a job does is the caller's business.

sqlite3 in a thread of ours rather than aiosqlite: a whole transaction is one hop to the
thread, not one for each statement, it cannot be cut in two by a cancelled task, and the
thread sees the jobs that wait behind it, which is what group commit takes.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@dataclass(frozen=True, slots=True)
class Setup:
    """How a thread opens its connection, begins, and words what went wrong."""

    name: str
    connect: Callable[[], sqlite3.Connection]
    begin: str
    explain: Callable[[Exception], Exception]
    max_batch: int


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work[Any]
    future: asyncio.Future[Any]


class SqlThread:
    """Runs jobs on a connection, in the order they came. Belongs to one event loop."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended = asyncio.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._main, name=setup.name, daemon=True)

    async def start(self) -> None:
        """Open the connection; raises what that raises, explained."""
        self._thread.start()
        await self._opened

    async def run(self, work: Work[T]) -> T:
        """Run `work` in a transaction; returns when that is committed.

        Raises what the transaction raised, explained; nothing of it was stored then.
        When the caller is cancelled, the work is done or not, but never by half.
        """
        if self._closing:
            raise RuntimeError(f"{self._setup.name} is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future))
        return await future

    async def close(self) -> None:
        """Finish the jobs that wait, close the connection and end the thread."""
        if self._thread.ident is None:  # never started
            return
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await self._ended.wait()
        self._thread.join()

    def _main(self) -> None:
        try:
            connection = self._setup.connect()
        except Exception as error:
            self._call(_settle, [self._opened], self._setup.explain(error))
        else:
            self._call(_settle, [self._opened], [None])
            self._work(connection)
        self._call(self._ended.set)

    def _work(self, connection: sqlite3.Connection) -> None:
        while batch := self._next_batch():
            jobs = [job for job in batch if not job.future.cancelled()]
            outcome = self._transact(connection, [job.work for job in jobs])
            self._call(_settle, [job.future for job in jobs], outcome)
        with suppress(sqlite3.Error):
            connection.close()

    def _next_batch(self) -> list[_Job]:
        """The jobs that have gathered, at least one; none when it is time to end."""
        batch = []
        job = self._jobs.get()
        with suppress(Empty):
            while job is not None:
                batch.append(job)
                if len(batch) == self._setup.max_batch:
                    return batch
                job = self._jobs.get_nowait()
            if batch:
                self._jobs.put(None)
        return batch

    def _transact(
        self, connection: sqlite3.Connection, works: Sequence[Work[Any]]
    ) -> list[Any] | Exception:
        try:
            _roll_back(connection)
            connection.execute(self._setup.begin)
            results = [work(connection) for work in works]
            connection.execute("COMMIT")
        except Exception as error:
            # When this fails too, it is tried again before the next batch.
            with suppress(sqlite3.Error):
                _roll_back(connection)
            return self._setup.explain(error)
        return results

    def _call(self, function: Callable[..., object], *args: object) -> None:
        # A loop that was closed without closing the bus has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _settle(futures: Sequence[asyncio.Future[Any]], outcome: list[Any] | Exception) -> None:
    for index, future in enumerate(futures):
        if future.done():  # cancelled
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome[index])
