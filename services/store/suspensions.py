"""Channels that are suspended: nothing is sent there but a trial, until one works.

A suspension begins by a row that is not there yet and ends by taking it away: of two notifiers
that see the same one changes something, and only that one tells the operator.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, false, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import suspended_channels
from services.store.upsert import insert_into


@dataclass(frozen=True, slots=True)
class Suspension:
    """A channel that cannot send, since when and why; `trial_at` is when it is tried next."""

    channel_id: str
    since: datetime
    reason: str
    detail: str
    trial_at: datetime


async def begin(tx: AsyncConnection, new: Suspension) -> bool:
    """Suspend a channel; whether it was not yet."""
    row = {name: getattr(new, name) for name in Suspension.__slots__}
    statement = insert_into(tx, suspended_channels).values(**row).on_conflict_do_nothing()
    return (await tx.execute(statement)).rowcount == 1


async def end(tx: AsyncConnection, channel_id: str) -> Suspension | None:
    """A trial has worked; the suspension, if it went on until now."""
    ended = await tx.execute(
        delete(suspended_channels)
        .where(suspended_channels.c.channel_id == channel_id)
        .returning(suspended_channels)
    )
    return next((Suspension(**row._mapping) for row in ended), None)


async def of_channel(tx: AsyncConnection, channel_id: str) -> Suspension | None:
    """The suspension of a channel that is suspended."""
    rows = await tx.execute(
        select(suspended_channels).where(suspended_channels.c.channel_id == channel_id)
    )
    return next((Suspension(**row._mapping) for row in rows), None)


async def take_trial(
    tx: AsyncConnection, channel_id: str, now: datetime, following: datetime, *, at_once: bool
) -> bool:
    """Whether the channel is suspended and this caller is the one to try it now."""
    is_due = or_(suspended_channels.c.trial_at <= now, true() if at_once else false())
    taken = await tx.execute(
        update(suspended_channels)
        .where(suspended_channels.c.channel_id == channel_id, is_due)
        .values(trial_at=following)
    )
    return taken.rowcount == 1
