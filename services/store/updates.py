"""What was told of a story, as far as it can still be changed, or be followed by an update.

A row that is being sent is never changed: what is learnt meanwhile becomes a row of its own,
which waits until the other is out (`deliveries.lease`). So nothing has to be compared when an
attempt ends, and a crash in between loses nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.deliveries import DeliveryKind, DeliveryState, Leased
from services.store.delivery_tables import deliveries, held
from services.store.upsert import among


@dataclass(frozen=True, slots=True)
class Sent:
    """A message about a story, sent or on its way. `free`: it can still be rewritten."""

    delivery_id: str
    story_id: str
    subscription_id: str
    channel_id: str
    sequence: int
    kind: DeliveryKind
    state: DeliveryState
    updates: str | None
    message: bytes
    free: bool


@dataclass(frozen=True, slots=True)
class StillHeld:
    """A message about a story that waits for a summary."""

    held_id: str
    story_id: str
    message: bytes


async def sent_about(tx: AsyncConnection, story_ids: Collection[str]) -> Sequence[Sent]:
    """The alerts and updates about stories, by their sequence. The free ones are locked."""
    about = (
        among(tx, deliveries.c.story_id, story_ids),
        deliveries.c.kind.in_([DeliveryKind.ALERT.value, DeliveryKind.UPDATE.value]),
    )
    # A sender or a judge that is at work on a row right now has it: it is not waited for.
    free = set(
        await tx.scalars(
            select(deliveries.c.delivery_id)
            .where(*about, _is_free())
            .with_for_update(skip_locked=True)
        )
    )
    columns = [deliveries.c[name] for name in Sent.__slots__ if name != "free"]
    rows = await tx.execute(select(*columns).where(*about).order_by(deliveries.c.sequence))
    return [
        Sent(
            **{
                **row._mapping,
                "kind": DeliveryKind(row.kind),
                "state": DeliveryState(row.state),
                "free": row.delivery_id in free,
            }
        )
        for row in rows
    ]


async def held_about(tx: AsyncConnection, story_ids: Collection[str]) -> Sequence[StillHeld]:
    """The messages about stories that are held; those being released right now are not."""
    rows = await tx.execute(
        select(held.c.held_id, held.c.story_id, held.c.message)
        .where(among(tx, held.c.story_id, story_ids), held.c.released_at.is_(None))
        .with_for_update(skip_locked=True)
    )
    return [StillHeld(*row) for row in rows]


async def rewrite(tx: AsyncConnection, delivery_id: str, message: bytes) -> None:
    """Put another message into a row that is free."""
    await tx.execute(
        update(deliveries).where(deliveries.c.delivery_id == delivery_id).values(message=message)
    )


async def rewrite_held(tx: AsyncConnection, held_id: str, message: bytes) -> None:
    """Put another message into a held row."""
    await tx.execute(update(held).where(held.c.held_id == held_id).values(message=message))


async def with_threads(tx: AsyncConnection, rows: Sequence[Leased]) -> Sequence[Leased]:
    """The same rows, each with the receipt of what it follows: the first message about the
    story that went out to its subscription, and for an update the very one that it updates."""
    following = [row for row in rows if row.sequence > 1]
    if not following:
        return rows
    receipts = await _receipts(tx, [row.delivery_id for row in following])
    return [replace(row, thread=receipts.get(row.delivery_id)) for row in rows]


async def _receipts(tx: AsyncConnection, delivery_ids: Sequence[str]) -> dict[str, str]:
    first = deliveries.alias("first")
    about_the_same = and_(
        deliveries.c.updates.is_(None),
        first.c.story_id == deliveries.c.story_id,
        first.c.subscription_id == deliveries.c.subscription_id,
        first.c.channel_id == deliveries.c.channel_id,
        first.c.kind == DeliveryKind.ALERT.value,
        first.c.delivery_id != deliveries.c.delivery_id,
    )
    found = await tx.execute(
        select(deliveries.c.delivery_id, first.c.receipt)
        .join(first, or_(first.c.delivery_id == deliveries.c.updates, about_the_same))
        .where(
            deliveries.c.delivery_id.in_(delivery_ids),
            first.c.state == DeliveryState.DELIVERED.value,
        )
        .order_by(first.c.finished_at.desc())
    )
    return {row.delivery_id: row.receipt or "" for row in found}  # the earliest comes last


def _is_free() -> ColumnElement[bool]:
    # What may have arrived (uncertain) is not rewritten: it may stand there as it was.
    waits = and_(
        deliveries.c.state == DeliveryState.PENDING.value, deliveries.c.uncertain.is_(False)
    )
    return and_(
        deliveries.c.leased_by.is_(None),
        or_(waits, deliveries.c.state == DeliveryState.FAILED.value),
    )
