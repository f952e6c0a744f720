"""Opening the database, transactions, and what its failures are called.

SQLite runs in WAL mode with `synchronous=FULL`: a commit that returned survives a power
cut. Writers take the lock at the start (`BEGIN IMMEDIATE`), so that no transaction fails
half-way because another one wrote meanwhile.

On PostgreSQL writers run at READ COMMITTED: everything that two processes may contend for
is settled by one statement that locks what it changes (ON CONFLICT, compare-and-set, FOR
UPDATE, SKIP LOCKED) and then sees the other's result. A higher level would only turn each
such wait into a failure and a repeat. Readers run at REPEATABLE READ, because what they
read in several statements belongs together.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionFreeError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.runtime.dependency import DependencyUnavailableError
from services.runtime.process import CannotStartError
from services.store.migrate import upgrade

_READING = "wirewatch_reading"
_BUSY_TIMEOUT_MS = 30_000
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "sqlite+aiosqlite": {},
    "postgresql+asyncpg": {
        # A server that was restarted has cut the connections in the pool.
        "pool_pre_ping": True,
        # A server that has gone without a word must not hold anybody for ever (seconds).
        "connect_args": {"timeout": 10, "command_timeout": 60},
    },
}
_READER_ON_POSTGRESQL = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: data exceptions and
# violated constraints, where the values are to blame and waiting changes nothing.
_VALUES_TO_BLAME = ("22", "23")


class DatabaseUnavailableError(DependencyUnavailableError):
    """The database cannot be reached or cannot store; callers wait and try again."""


class Database:
    """A database with its schema up to date. Create with `open_database`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        sqlite = engine.dialect.name == "sqlite"
        self._reader: dict[str, Any] = {_READING: True} if sqlite else _READER_ON_POSTGRESQL
        # SQLite has one writer; queueing here spares the driver's polling for the lock.
        self._writer: asyncio.Lock | contextlib.nullcontext[None] = (
            asyncio.Lock() if sqlite else contextlib.nullcontext()
        )

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end of the block and rolled back on an error.

        Raises DatabaseUnavailableError; where the commit itself fails so, the transaction
        may have been committed or not.
        """
        async with self._writer:
            with _named_failures(self._engine.url):
                async with self._engine.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads; it sees one state of the database."""
        with _named_failures(self._engine.url):
            async with self._engine.connect() as connection:
                await connection.execution_options(**self._reader)
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

    Raises DatabaseUnavailableError, and CannotStartError for a URL that names no database
    we know and for a schema that a later version has made.
    """
    engine = _engine(url)
    database = Database(engine)
    try:
        async with database.write() as connection:
            await connection.run_sync(upgrade)
        yield database
    finally:
        await database.close()


def _engine(url: str) -> AsyncEngine:
    # The URL may hold a password: it stands in no message, nor does the parser's.
    try:
        parsed = make_url(url)
        driver = _DRIVERS[parsed.drivername]
    except (ArgumentError, ValueError, KeyError):
        raise CannotStartError(
            "the database URL cannot be used; write postgresql://user:password@host/database "
            "or sqlite:////path/to/file"
        ) from None
    # Values stand in no error either: some are secrets, some are whole articles.
    engine = create_async_engine(
        parsed.set(drivername=driver), hide_parameters=True, **_OPTIONS[driver]
    )
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # BEGIN is ours, see below
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={_BUSY_TIMEOUT_MS}",  # first: the others may have to wait
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextlib.contextmanager
def _named_failures(url: URL) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if _values_are_to_blame(error):
            raise
        raise _unavailable(url, error.orig or error) from error
    except (OSError, NoConnectionFreeError) as error:
        raise _unavailable(url, error) from error


def _values_are_to_blame(error: DBAPIError) -> bool:
    """Whether the statement would fail for ever: no outage, but a bug or a bad record."""
    if isinstance(error, IntegrityError | DataError):
        return True
    if error.orig is None:
        return False
    # asyncpg says ValueError of what it cannot encode, before the server sees it.
    unencodable = isinstance(error.orig.__cause__, ValueError)
    state = getattr(error.orig, "sqlstate", None) or ""
    return unencodable or state.startswith(_VALUES_TO_BLAME)


def _unavailable(url: URL, cause: BaseException) -> DatabaseUnavailableError:
    # Without the query, which may hold a password too.
    place = url.set(query={}).render_as_string(hide_password=True)
    what = str(cause) or type(cause).__name__
    return DatabaseUnavailableError(f"database {place}: {what}")
