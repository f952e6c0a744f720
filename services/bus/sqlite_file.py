"""The bus file: its tables, how a connection to it is set up, what its errors mean.

Decides whether a file is a bus of ours, and whether an SQLite error is worth waiting for
(BusUnavailableError) or needs an operator (BusFileError). What stands in the tables is
`sqlite_records`' and `sqlite_retention`'s business.
"""

import sqlite3
from pathlib import Path

from services.bus.errors import BusFileError
from services.bus.port import BusUnavailableError

APPLICATION_ID = 0x57574255  # "WWBU", in the file's header
SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 5_000

# `first_offset` rises with retention only, not with compaction: what lies below it is
# gone, while the holes of compaction were replaced. `next_offset` is kept here and not
# derived from the records, so that an offset is never used twice. The value stands last:
# SQLite reads the columns before a large one without touching its overflow pages.
_SCHEMA = f"""
CREATE TABLE topics (
    name TEXT PRIMARY KEY,
    first_offset INTEGER NOT NULL DEFAULT 0,
    next_offset INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE records (
    topic TEXT NOT NULL,
    offset INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    key TEXT NOT NULL,
    headers TEXT,
    value BLOB,
    UNIQUE (topic, offset)
);
CREATE TABLE commits (
    topic TEXT NOT NULL,
    group_name TEXT NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, group_name)
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""

# https://www.sqlite.org/rescode.html: these do not pass by waiting.
_BROKEN = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_FORMAT"})

_WAY_OUT = {
    "SQLITE_FULL": "free some space on its disk, the bus goes on by itself",
    "SQLITE_BUSY": "another process holds it for long, look for one with `fuser`",
    "SQLITE_READONLY": "make the file and its folder writable for this user",
    "SQLITE_CANTOPEN": "check that the folder exists and is writable for this user",
    "SQLITE_IOERR": "check the disk it lies on",
}


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection that writes; makes the file when it is not there yet."""
    connection = _connect(path)
    try:
        _refuse_foreign(connection, path)
        _configure_writer(connection)
        _create_tables(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads, from a file that `open_writer` has seen."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def explained(path: Path, error: Exception) -> Exception:
    """What an error on the file means to a caller of the bus."""
    if not isinstance(error, sqlite3.DatabaseError):
        return error
    name = _primary(getattr(error, "sqlite_errorname", None) or "SQLITE_ERROR")
    if name in _BROKEN:
        return BusFileError(
            f"bus {path} cannot be read: {error} ({name}); restore it from a backup, or move it "
            "away to start with an empty bus"
        )
    if not isinstance(error, sqlite3.OperationalError):
        return error
    way_out = f"; {_WAY_OUT[name]}" if name in _WAY_OUT else ""
    return BusUnavailableError(f"bus {path}: {error} ({name}){way_out}")


def _primary(name: str) -> str:
    """`SQLITE_IOERR` of `SQLITE_IOERR_WRITE`."""
    return "_".join(name.split("_")[:2])


def _connect(path: Path) -> sqlite3.Connection:
    # isolation_level None: transactions begin and end where the code says so.
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return connection


def _configure_writer(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode only FULL syncs at every commit; NORMAL may lose the last ones with the power.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 67108864")


def _create_tables(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Looked at again under the lock: another process may just have created them.
        if not _refuse_foreign(connection, path):
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the tables are there; raises BusFileError for a file that is not ours."""
    application = _pragma(connection, "application_id")
    if application == APPLICATION_ID:
        _refuse_later(_pragma(connection, "user_version"), path)
        return True
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application or tables:
        raise BusFileError(
            f"{path} is an SQLite database of something else, not a bus; name another file"
        )
    return False


def _refuse_later(version: int, path: Path) -> None:
    if version != SCHEMA_VERSION:
        raise BusFileError(
            f"bus {path} has format {version}, this version of the program reads "
            f"{SCHEMA_VERSION}; start the version that wrote it"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
