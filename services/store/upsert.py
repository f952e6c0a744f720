"""Statements that insert or change, whichever it takes, so that two processes cannot collide.

Reading first and deciding then leaves a gap in which somebody else inserts; one statement
with ON CONFLICT leaves none. SQLite and PostgreSQL spell it alike, each in its dialect.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    DateTime,
    Select,
    String,
    Subquery,
    Table,
    Text,
    Update,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from services.store.tables import UtcDateTime

Insert = postgresql.Insert | sqlite.Insert


def among(
    tx: AsyncConnection, column: ColumnElement[Any], values: Collection[Any]
) -> ColumnElement[bool]:
    """Whether a column of text has one of these values.

    On PostgreSQL it is the same statement for any number of them, and prepared once.
    """
    if _is_sqlite(tx):
        return column.in_(values)
    return column == any_(literal(list(values), postgresql.ARRAY(Text())))


def insert_into(tx: AsyncConnection, table: Table) -> Insert:
    """An INSERT that knows ON CONFLICT, for the database that `tx` is connected to."""
    return _insert(_is_sqlite(tx), table)


def upsert(
    tx: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    key: Collection[str],
    keep: Collection[str] = (),
) -> Insert:
    """Insert `rows`; where a row of that `key` exists, replace all its columns but `keep`.

    No two rows may have the same key: PostgreSQL refuses to change a row twice.
    """
    statement = insert_into(tx, table).values(list(rows))
    changed = {
        name: statement.excluded[name] for name in rows[0] if name not in key and name not in keep
    }
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)


def upsert_each(
    tx: AsyncConnection,
    table: Table,
    names: tuple[str, ...],
    key: tuple[str, ...],
    keep: tuple[str, ...] = (),
) -> Insert:
    """The same for rows that are given when it is executed, however many, one by one.

    It is prepared once and sent with all rows together.
    """
    return _upsert_each(_is_sqlite(tx), table, names, key, keep)


# To put a statement together takes longer than to execute it (bench/poll).
@cache
def _upsert_each(
    is_sqlite: bool,
    table: Table,
    names: tuple[str, ...],
    key: tuple[str, ...],
    keep: tuple[str, ...],
) -> Insert:
    statement = _insert(is_sqlite, table)
    changed = {
        name: statement.excluded[name] for name in names if name not in key and name not in keep
    }
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)


def upsert_json(tx: AsyncConnection, table: Table, names: tuple[str, ...], key: str) -> Insert:
    """The same for any number of rows, given as one JSON array of objects named `rows`.

    The driver hands over one value and is called once: row by row, half the time of many
    small rows goes into the driver and into waiting for Python's lock (bench/poll). Times are
    given as `stored_time` writes them, JSON as text.
    """
    return _upsert_json(_is_sqlite(tx), table, names, key)


@cache
def _upsert_json(is_sqlite: bool, table: Table, names: tuple[str, ...], key: str) -> Insert:
    columns = [table.c[name] for name in names]
    values = _of_sqlite(columns) if is_sqlite else _of_postgresql(columns)
    # SQLite would take ON for a part of a SELECT without WHERE.
    statement = _insert(is_sqlite, table).from_select(list(names), values.where(true()))
    changed = {name: statement.excluded[name] for name in names if name != key}
    return statement.on_conflict_do_update(index_elements=[key], set_=changed)


def update_json(tx: AsyncConnection, table: Table, names: tuple[str, ...], key: str) -> Update:
    """Change rows that are there, given as for `upsert_json`, but JSON as it is.

    Of a JSON column what is given takes the place of the members of the same names.
    """
    return _update_json(_is_sqlite(tx), table, names, key)


@cache
def _update_json(is_sqlite: bool, table: Table, names: tuple[str, ...], key: str) -> Update:
    columns = tuple(table.c[name] for name in names)
    given = _given_rows(is_sqlite, columns)
    changed = {c.name: _changed(c, given.c[c.name], is_sqlite) for c in columns if c.name != key}
    return update(table).where(table.c[key] == given.c[key]).values(changed)


def _is_sqlite(tx: AsyncConnection) -> bool:
    return tx.dialect.name == "sqlite"


def _insert(is_sqlite: bool, table: Table) -> Insert:
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


def _changed(stored: Column[Any], given: ColumnElement[Any], is_sqlite: bool) -> ColumnElement[Any]:
    if not isinstance(stored.type, JSON):
        return given
    if is_sqlite:
        return func.json_patch(stored, given)
    both = cast(stored, postgresql.JSONB).op("||")(cast(given, postgresql.JSONB))
    return cast(both, postgresql.JSON)


def given_rows(tx: AsyncConnection, *columns: Column[Any]) -> Subquery:
    """Rows that are given as for `upsert_json`, to be joined with a table; of these columns."""
    return _given_rows(_is_sqlite(tx), columns)


@cache
def _given_rows(is_sqlite: bool, columns: tuple[Column[Any], ...]) -> Subquery:
    values = _of_sqlite(columns) if is_sqlite else _of_postgresql(columns)
    named = [v.label(c.name) for v, c in zip(values.selected_columns, columns, strict=True)]
    return select(*named).subquery("given")


def stored_time(time: datetime | None) -> str | None:
    """A time for `upsert_json`; as SQLite keeps it."""
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds")


def _of_sqlite(columns: Sequence[Column[Any]]) -> Select[Any]:
    each = func.json_each(bindparam("rows", type_=Text)).table_valued("value", name="each")
    return select(*[func.json_extract(each.c.value, f"$.{c.name}") for c in columns])


def _of_postgresql(columns: Sequence[Column[Any]]) -> Select[Any]:
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text), postgresql.JSON))
    each = rows.table_valued(
        *[column(c.name, _given(c)) for c in columns], name="each"
    ).render_derived(with_types=True)
    return select(*[_taken(each.c[c.name], c) for c in columns])


def _taken(value: ColumnElement[Any], column: Column[Any]) -> ColumnElement[Any]:
    if _is_time(column):
        return func.timezone("UTC", value)
    return cast(value, column.type) if isinstance(column.type, JSON) else value


def _given(column: Column[Any]) -> TypeEngine[Any]:
    if _is_time(column):
        return DateTime(timezone=False)
    return Text() if isinstance(column.type, String | JSON) else column.type


def _is_time(column: Column[Any]) -> bool:
    return isinstance(column.type, UtcDateTime)
