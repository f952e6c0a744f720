"""What people wrote (feeds, rules, channels, subscriptions) as the database keeps it.

Every change of any item raises the generation; rules go to `watch-rules` through the
outbox in the same transaction, the manifest last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import counters, written

GENERATION = "generation"  # raised by every apply that changed something
BROADCAST = "broadcast"  # the last generation that is whole on `watch-rules`


class Kind(StrEnum):
    """The kinds of things an operator writes."""

    FEEDS = "feeds"
    RULES = "rules"
    CHANNELS = "channels"
    SUBSCRIPTIONS = "subscriptions"


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item with its version and who made it."""

    spec: Mapping[str, Any]
    version: int
    managed_by: str


async def items(tx: AsyncConnection, kind: Kind) -> dict[str, StoredItem]:
    """All items of a kind by id, in the order of their ids."""
    rows = await tx.execute(
        select(written).where(written.c.kind == kind.value).order_by(written.c.item_id)
    )
    return {r.item_id: StoredItem(r.spec, r.version, r.managed_by) for r in rows}


async def put(
    tx: AsyncConnection, kind: Kind, specs: Mapping[str, Any], managed_by: str, now: datetime
) -> dict[str, int]:
    """Store items, each under its next version; the new versions by id."""
    before = await items(tx, kind)
    versions = {i: before[i].version + 1 if i in before else 1 for i in specs}
    for item_id, spec in specs.items():
        row = {
            "spec": spec,
            "version": versions[item_id],
            "managed_by": managed_by,
            "updated_at": now,
        }
        if item_id in before:
            await tx.execute(
                update(written)
                .where(written.c.kind == kind.value, written.c.item_id == item_id)
                .values(**row)
            )
        else:
            await tx.execute(insert(written).values(kind=kind.value, item_id=item_id, **row))
    return versions


async def remove(tx: AsyncConnection, kind: Kind, ids: Iterable[str]) -> None:
    """Remove items."""
    for item_id in ids:
        await tx.execute(
            delete(written).where(written.c.kind == kind.value, written.c.item_id == item_id)
        )


async def counter(tx: AsyncConnection, name: str) -> int:
    """The value of a counter, 0 before its first use."""
    value = await tx.scalar(select(counters.c.value).where(counters.c.name == name))
    return value or 0


async def set_counter(tx: AsyncConnection, name: str, value: int) -> None:
    """Set a counter."""
    changed = await tx.execute(update(counters).where(counters.c.name == name).values(value=value))
    if changed.rowcount == 0:
        await tx.execute(insert(counters).values(name=name, value=value))
