"""Records and offsets in the bus file: what is written and read inside one transaction.

Every function takes a connection whose transaction the caller has begun. Decides the
offset of a new record and when a topic is too full for it; waiting, waking and leases are
`sqlite` and `sqlite_consumer`'s business.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.topics import Topic
from services.bus.port import Headers, Lag, Outgoing, Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RECORD = "topic, offset, key, value, headers, written_at"

StoredRecord = tuple[str, int, str, bytes | None, str | None, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A record ready to be stored."""

    topic: Topic
    written_at: int
    key: str
    headers: str | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Appended:
    """All rows are stored."""


@dataclass(frozen=True, slots=True)
class Full:
    """Nothing was stored: `group` has `backlog` records of `topic` still to read."""

    topic: str
    group: str
    backlog: int


@dataclass(frozen=True, slots=True)
class Extent:
    """The offsets a topic holds: `first` up to, not including, `end`."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Records from a position on, and the extent as it was when they were read."""

    extent: Extent
    records: Sequence[Record]


def row_of(outgoing: Outgoing, written_at: datetime) -> Row:
    """Raises UnicodeEncodeError for a key that is not text, before others share its fate."""
    outgoing.key.encode()
    headers = _encode_headers(outgoing.headers) if outgoing.headers else None
    return Row(outgoing.topic, microseconds(written_at), outgoing.key, headers, outgoing.value)


def microseconds(moment: datetime) -> int:
    """A point in time as it is stored."""
    return (moment - _EPOCH) // _MICROSECOND


def append(connection: sqlite3.Connection, rows: Sequence[Row], limit: int) -> Appended | Full:
    """Store all rows, or none where a declared group is more than `limit` behind."""
    topics = {row.topic.name: row.topic for row in rows}
    ends = {}
    for topic in topics.values():
        extent = extent_of(connection, topic.name)
        slowest = _slowest(connection, topic, extent)
        if slowest is not None and slowest.backlog > limit:
            return slowest
        ends[topic.name] = extent.end
    connection.executemany(
        "INSERT INTO records (topic, offset, written_at, key, headers, value) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        list(_numbered(rows, ends)),
    )
    connection.executemany(
        "INSERT INTO topics (name, next_offset) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET next_offset = excluded.next_offset",
        list(ends.items()),
    )
    return Appended()


def extent_of(connection: sqlite3.Connection, topic: str) -> Extent:
    """The extent of a topic; nothing at 0 for one that was never written to."""
    found = connection.execute(
        "SELECT first_offset, next_offset FROM topics WHERE name = ?", (topic,)
    ).fetchone()
    return Extent(*found) if found else Extent(0, 0)


def committed(connection: sqlite3.Connection, topic: str, group: str) -> int | None:
    """The first offset that the group has not committed; None before its first commit."""
    found = connection.execute(
        "SELECT next_offset FROM commits WHERE topic = ? AND group_name = ?", (topic, group)
    ).fetchone()
    return int(found[0]) if found else None


def commit(connection: sqlite3.Connection, topic: str, group: str, next_offset: int) -> None:
    """Move the group on to `next_offset`, never back."""
    connection.execute(
        "INSERT INTO commits (topic, group_name, next_offset) VALUES (?, ?, ?) "
        "ON CONFLICT (topic, group_name) DO UPDATE SET next_offset = excluded.next_offset "
        "WHERE excluded.next_offset > commits.next_offset",
        (topic, group, next_offset),
    )


def read(connection: sqlite3.Connection, topic: str, position: int, limit: int) -> Slice:
    """At most `limit` records from `position` on."""
    rows = connection.execute(
        f"SELECT {_RECORD} FROM records WHERE topic = ? AND offset >= ? ORDER BY offset LIMIT ?",
        (topic, position, limit),
    ).fetchall()
    return Slice(extent_of(connection, topic), [_record(row) for row in rows])


def extent_since(connection: sqlite3.Connection, topic: str, moment: datetime) -> Extent:
    """From the first record written at `moment` or later up to the end."""
    end = extent_of(connection, topic).end
    found = connection.execute(
        "SELECT offset FROM records WHERE topic = ? AND written_at >= ? ORDER BY offset LIMIT 1",
        (topic, microseconds(moment)),
    ).fetchone()
    return Extent(found[0] if found else end, end)


def tail(connection: sqlite3.Connection, topic: str, limit: int) -> Sequence[Record]:
    """The last `limit` records, oldest first."""
    rows = connection.execute(
        f"SELECT {_RECORD} FROM records WHERE topic = ? ORDER BY offset DESC LIMIT ?",
        (topic, limit),
    ).fetchall()
    return [_record(row) for row in reversed(rows)]


def lag(connection: sqlite3.Connection, topic: str, group: str) -> Lag:
    """How far the group is behind the end; holes at its position do not count."""
    position = committed(connection, topic, group) or 0
    oldest = connection.execute(
        "SELECT offset, written_at FROM records WHERE topic = ? AND offset >= ? "
        "ORDER BY offset LIMIT 1",
        (topic, position),
    ).fetchone()
    if oldest is None:
        return Lag(0, None)
    return Lag(extent_of(connection, topic).end - oldest[0], _moment(oldest[1]))


def floor_of(connection: sqlite3.Connection, topic: Topic, extent: Extent) -> int:
    """The offset below which every declared group has committed."""
    done = [committed(connection, topic.name, group) or 0 for group in topic.groups]
    return min(done, default=extent.end)


def _slowest(connection: sqlite3.Connection, topic: Topic, extent: Extent) -> Full | None:
    # Retention may have emptied what a group that was declared later has never read.
    backlogs = [
        Full(topic.name, group, extent.end - max(position, extent.first))
        for group in topic.groups
        for position in [committed(connection, topic.name, group) or 0]
    ]
    return max(backlogs, key=lambda full: full.backlog, default=None)


def _numbered(
    rows: Iterable[Row], ends: dict[str, int]
) -> Iterable[tuple[str, int, int, str, str | None, bytes | None]]:
    for row in rows:
        name = row.topic.name
        yield name, ends[name], row.written_at, row.key, row.headers, row.value
        ends[name] += 1


def _record(row: StoredRecord) -> Record:
    topic, offset, key, value, headers, written_at = row
    return Record(topic, 0, offset, key, value, _decode_headers(headers), _moment(written_at))


def _moment(stored: int) -> datetime:
    return _EPOCH + stored * _MICROSECOND


# Latin-1 maps every byte to one character and back, which is all JSON needs.
def _encode_headers(headers: Headers) -> str:
    return json.dumps({name: value.decode("latin-1") for name, value in headers.items()})


def _decode_headers(stored: str | None) -> Headers:
    if stored is None:
        return {}
    return {name: value.encode("latin-1") for name, value in json.loads(stored).items()}
