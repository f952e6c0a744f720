"""Opening the database, transactions, and what its failures are called.

SQLite runs in WAL mode with `synchronous=FULL`: a commit that returned survives a power
cut. Writers take the lock at the start (`BEGIN IMMEDIATE`), so that no transaction fails
half-way because another one wrote meanwhile.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.runtime.dependency import DependencyUnavailableError
from services.store.migrate import upgrade

_READING = "wirewatch_reading"
_BUSY_TIMEOUT_MS = 30_000


class DatabaseUnavailableError(DependencyUnavailableError):
    """The database cannot be reached or cannot store; callers wait and try again."""


class Database:
    """A database with its schema up to date. Create with `open_database`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # SQLite has one writer; queueing here spares the driver's polling for the lock.
        self._writer: asyncio.Lock | contextlib.nullcontext[None] = (
            asyncio.Lock() if engine.dialect.name == "sqlite" else contextlib.nullcontext()
        )

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end of the block and rolled back on an error."""
        async with self._writer:
            with _named_failures(self._engine):
                async with self._engine.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads; it sees one state of the database."""
        with _named_failures(self._engine):
            async with self._engine.connect() as connection:
                await connection.execution_options(**{_READING: True})
                yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite+aiosqlite:///{path}"


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """Connect to `url`, bring the schema up to date, and close in the end.

    Raises DatabaseUnavailableError.
    """
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    database = Database(engine)
    try:
        async with database.write() as connection:
            await connection.run_sync(upgrade)
        yield database
    finally:
        await database.close()


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # BEGIN is ours, see below
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextlib.contextmanager
def _named_failures(engine: AsyncEngine) -> Any:
    try:
        yield
    except IntegrityError:
        raise  # a mistake in our statements, not an outage
    except (DBAPIError, OSError) as error:
        place = engine.url.render_as_string(hide_password=True)
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseUnavailableError(f"database {place}: {cause}") from error
