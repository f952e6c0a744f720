"""Statements that insert or change, whichever it takes, so that two processes cannot collide.

Reading first and deciding then leaves a gap in which somebody else inserts; one statement
with ON CONFLICT leaves none. SQLite and PostgreSQL spell it alike, each in its dialect.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Insert = postgresql.Insert | sqlite.Insert


def insert_into(tx: AsyncConnection, table: Table) -> Insert:
    """An INSERT that knows ON CONFLICT, for the database that `tx` is connected to."""
    if tx.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


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
    names: Collection[str],
    key: Collection[str],
    keep: Collection[str] = (),
) -> Insert:
    """The same for rows that are given when it is executed, however many, one by one.

    It is prepared once and sent with all rows together.
    """
    statement = insert_into(tx, table)
    changed = {
        name: statement.excluded[name] for name in names if name not in key and name not in keep
    }
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)
