"""What silences hold, and whose silence has ended.

Asked of the rows, not of the silences: one that a judge wrote at the very moment of the end is
found at the next look. A row is released as every held one is (`services.store.held`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import held, silences
from services.store.held import Why


@dataclass(frozen=True, slots=True)
class Ended:
    """A silence that has ended, and a subscription that has not been told what it held back."""

    silence_id: str
    subscription_id: str


async def ended(tx: AsyncConnection, now: datetime) -> Sequence[Ended]:
    """Whom to tell of which silences."""
    rows = await tx.execute(
        select(held.c.silence_id, held.c.subscription_id)
        .outerjoin(silences, silences.c.silence_id == held.c.silence_id)
        # A silence that is not there is none: what it held is told.
        .where(*_waits(), or_(silences.c.ends_at <= now, silences.c.ends_at.is_(None)))
        .group_by(held.c.silence_id, held.c.subscription_id)
        .order_by(func.min(held.c.held_at), held.c.silence_id, held.c.subscription_id)
    )
    return [Ended(*row) for row in rows]


async def taken(tx: AsyncConnection, of: Ended, before: datetime | None = None) -> Sequence[str]:
    """The rows it held back (before a time), the oldest first; nobody else releases them now."""
    old = () if before is None else (held.c.held_at <= before,)
    rows = await tx.scalars(
        select(held.c.held_id)
        .where(
            *_waits(),
            held.c.silence_id == of.silence_id,
            held.c.subscription_id == of.subscription_id,
            *old,
        )
        .order_by(held.c.held_at, held.c.held_id)
        .with_for_update()
    )
    return list(rows)


def _waits() -> tuple[ColumnElement[bool], ...]:
    return (held.c.released_at.is_(None), held.c.why == Why.SILENCE.value)
