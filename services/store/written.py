"""What people wrote (feeds, rules, lists, channels, subscriptions) as the database keeps it.

Every change of any item raises the generation; rules and lists go to `watch-rules` through the
outbox in the same transaction, the manifest last.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import counters, written
from services.store.upsert import insert_into, upsert

GENERATION = "generation"  # raised by every apply that changed something
BROADCAST = "broadcast"  # the last generation that is whole on `watch-rules`
ANNOUNCEMENT = "announcement"  # names the last time that everything was put on it


class Kind(StrEnum):
    """The kinds of things an operator writes."""

    FEEDS = "feeds"
    RULES = "rules"
    LISTS = "lists"
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


async def pages(tx: AsyncConnection, kind: Kind, size: int) -> AsyncIterator[dict[str, StoredItem]]:
    """All items of a kind, `size` at a time, so that nobody is deaf while he reads them."""
    last = ""
    while True:
        rows = await tx.execute(
            select(written)
            .where(written.c.kind == kind.value, written.c.item_id > last)
            .order_by(written.c.item_id)
            .limit(size)
        )
        page = {r.item_id: StoredItem(r.spec, r.version, r.managed_by) for r in rows}
        if not page:
            return
        yield page
        last = next(reversed(page))


async def count(tx: AsyncConnection, kind: Kind) -> int:
    """How many items of a kind there are."""
    number = select(func.count()).select_from(written).where(written.c.kind == kind.value)
    return int((await tx.execute(number)).scalar_one())


async def item(tx: AsyncConnection, kind: Kind, item_id: str) -> StoredItem | None:
    """One item."""
    rows = await tx.execute(
        select(written).where(written.c.kind == kind.value, written.c.item_id == item_id)
    )
    return next((StoredItem(r.spec, r.version, r.managed_by) for r in rows), None)


async def begin_change(tx: AsyncConnection) -> int:
    """The current generation, held until `tx` ends: whoever else begins a change waits.

    Call it before reading what the change depends on. Without it two processes that apply
    at the same time would plan on the same state and make two generations of one number.
    """
    first = insert_into(tx, counters).values(name=GENERATION, value=0).on_conflict_do_nothing()
    await tx.execute(first)
    row = select(counters.c.value).where(counters.c.name == GENERATION).with_for_update()
    return int((await tx.execute(row)).scalar_one())


async def put(
    tx: AsyncConnection, kind: Kind, specs: Mapping[str, Any], managed_by: str, now: datetime
) -> dict[str, int]:
    """Store items, each under its next version; the new versions by id."""
    versions: dict[str, int] = {}
    for item_id in sorted(specs):  # always in the same order, so that two cannot deadlock
        row = {"spec": specs[item_id], "managed_by": managed_by, "updated_at": now}
        statement = insert_into(tx, written).values(
            kind=kind.value, item_id=item_id, version=1, **row
        )
        stored = statement.on_conflict_do_update(
            index_elements=["kind", "item_id"], set_={**row, "version": written.c.version + 1}
        )
        versions[item_id] = (await tx.execute(stored.returning(written.c.version))).scalar_one()
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
    await tx.execute(upsert(tx, counters, [{"name": name, "value": value}], key=["name"]))
