"""Deliveries as the operator looks at them: chosen, counted, sent again, discarded."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.deliveries import DeliveryState, text_of
from services.store.delivery_tables import deliveries, suspended_channels

_CAN_GO_AGAIN = (DeliveryState.FAILED.value, DeliveryState.DISCARDED.value)
_CAN_BE_DISCARDED = (DeliveryState.FAILED.value, DeliveryState.PENDING.value)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which deliveries are meant; None leaves a thing open. `since`: created then or later."""

    state: DeliveryState | None = None
    channel: str | None = None
    subscription: str | None = None
    reason: str | None = None
    since: datetime | None = None

    def conditions(self) -> Sequence[ColumnElement[bool]]:
        """The same for a statement."""
        table = deliveries.c
        return [
            *([table.state == self.state.value] if self.state else []),
            *([table.channel_id == self.channel] if self.channel else []),
            *([table.subscription_id == self.subscription] if self.subscription else []),
            *([table.reason == self.reason] if self.reason else []),
            *([table.created_at >= self.since] if self.since else []),
        ]


@dataclass(frozen=True, slots=True)
class Stored:
    """A delivery, with everything that is known of it."""

    delivery_id: str
    story_id: str
    subscription_id: str
    sequence: int
    channel_id: str
    kind: str
    message: bytes
    state: str
    created_at: datetime
    due_at: datetime
    next_attempt_at: datetime
    attempts: int
    uncertain: bool
    leased_until: datetime | None
    reason: str | None
    detail: str | None
    receipt: str | None
    progress: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Failures:
    """How many deliveries a channel failed for a reason, and when the first and the last."""

    channel_id: str
    reason: str
    number: int
    first_at: datetime
    last_at: datetime


async def found(tx: AsyncConnection, chosen: Chosen, limit: int) -> Sequence[Stored]:
    """Deliveries, newest first."""
    statement = select(*_COLUMNS).where(*chosen.conditions()).limit(limit)
    order = (deliveries.c.created_at.desc(), deliveries.c.delivery_id)
    return [Stored(**row._mapping) for row in await tx.execute(statement.order_by(*order))]


async def one(tx: AsyncConnection, delivery_id: str) -> Stored | None:
    """One delivery."""
    rows = await tx.execute(select(*_COLUMNS).where(deliveries.c.delivery_id == delivery_id))
    return next((Stored(**row._mapping) for row in rows), None)


async def failures(tx: AsyncConnection, chosen: Chosen) -> Sequence[Failures]:
    """Those of the chosen deliveries that failed, by channel and reason; most first."""
    number = func.count()
    table = deliveries.c
    rows = await tx.execute(
        select(
            table.channel_id,
            table.reason,
            number,
            func.min(table.finished_at),
            func.max(table.finished_at),
        )
        .where(table.state == DeliveryState.FAILED.value, *chosen.conditions())
        .group_by(table.channel_id, table.reason)
        .order_by(number.desc(), table.channel_id, table.reason)
    )
    return [Failures(*row) for row in rows]


async def retry(tx: AsyncConnection, ids: Collection[str], now: datetime) -> frozenset[str]:
    """Put deliveries that were given up or discarded back into the queue; which there were."""
    rows = await tx.scalars(
        update(deliveries)
        .where(deliveries.c.delivery_id.in_(sorted(ids)), deliveries.c.state.in_(_CAN_GO_AGAIN))
        .values(**_again(now))
        .returning(deliveries.c.delivery_id)
    )
    return frozenset(rows)


async def retry_failed(tx: AsyncConnection, chosen: Chosen, now: datetime) -> int:
    """The same for all of the chosen that failed; how many."""
    changed = await tx.execute(
        update(deliveries)
        .where(deliveries.c.state == DeliveryState.FAILED.value, *chosen.conditions())
        .values(**_again(now))
    )
    return changed.rowcount


async def discard(tx: AsyncConnection, delivery_id: str, why: str, now: datetime) -> bool:
    """What waits or was given up is not to be sent; whether there was such a delivery.

    An attempt that is under way may still succeed, and is recorded then.
    """
    changed = await tx.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id == delivery_id, deliveries.c.state.in_(_CAN_BE_DISCARDED))
        .values(
            state=DeliveryState.DISCARDED.value,
            finished_at=now,
            detail=text_of(why),
            # The attempt that is under way may arrive; whoever sends it again is careful.
            uncertain=or_(deliveries.c.uncertain, deliveries.c.leased_by.is_not(None)),
            leased_by=None,
            leased_until=None,
        )
    )
    return changed.rowcount == 1


async def suspended(tx: AsyncConnection) -> Sequence[tuple[str, datetime, str]]:
    """The channels that are suspended, since when, and what they said."""
    table = suspended_channels.c
    rows = await tx.execute(
        select(table.channel_id, table.since, table.detail).order_by(table.channel_id)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _again(now: datetime) -> dict[str, object]:
    return {
        "state": DeliveryState.PENDING.value,
        "due_at": now,
        "next_attempt_at": now,
        "finished_at": None,
    }


_COLUMNS = [deliveries.c[name] for name in Stored.__slots__]
