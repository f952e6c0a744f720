"""Silences: what nobody is told of, or one subscription is not, until an end.

A silence is never without an end, an author and a reason. It is kept when it has ended, with
what it held back (`held.silence_id`), so that it can be shown and is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import held, silences


class SilenceKind(StrEnum):
    """What a silence is about; a closed set."""

    RULE = "rule"  # a rule's id
    SOURCE = "source"  # a feed's id, its name, or a host
    STORY = "story"  # a story's id


@dataclass(frozen=True, slots=True)
class Silence:
    """`target` is not told of from `begins_at` to before `ends_at`.

    `subscription_id` is the only one that it concerns, None: all of them.
    """

    silence_id: str
    kind: SilenceKind
    target: str
    subscription_id: str | None
    author: str
    reason: str
    begins_at: datetime
    ends_at: datetime

    def is_active(self, at: datetime) -> bool:
        """Whether it is in force."""
        return self.begins_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Counted:
    """A silence, and how many alerts it has held back so far."""

    silence: Silence
    held: int


async def add(tx: AsyncConnection, silence: Silence) -> None:
    """Begin a silence; raises ValueError for one that nobody answers for or that has no length."""
    if not (silence.author.strip() and silence.reason.strip() and silence.target.strip()):
        raise ValueError("a silence has a target, an author and a reason")
    if silence.ends_at <= silence.begins_at:
        raise ValueError("a silence ends after it begins")
    row = {name: getattr(silence, name) for name in Silence.__slots__}
    await tx.execute(insert(silences).values(row | {"kind": silence.kind.value}))


async def active(tx: AsyncConnection, now: datetime) -> Sequence[Silence]:
    """The silences in force, the one that ends last first."""
    rows = await tx.execute(
        select(silences)
        .where(silences.c.ends_at > now, silences.c.begins_at <= now)
        .order_by(silences.c.ends_at.desc(), silences.c.silence_id)
    )
    return [_silence(row._mapping) for row in rows]


async def expire(tx: AsyncConnection, silence_id: str, now: datetime) -> bool:
    """End a silence now; whether it was to last longer."""
    ended = await tx.execute(
        update(silences)
        .where(silences.c.silence_id == silence_id, silences.c.ends_at > now)
        .values(ends_at=now)
    )
    return ended.rowcount == 1


async def forget(tx: AsyncConnection, before: datetime) -> None:
    """Forget silences that ended before a time and hold nothing that is still to be told."""
    holding = select(held.c.silence_id).where(
        held.c.silence_id.is_not(None), held.c.released_at.is_(None)
    )
    await tx.execute(
        delete(silences).where(silences.c.ends_at < before, silences.c.silence_id.not_in(holding))
    )


async def by_id(tx: AsyncConnection, silence_ids: Sequence[str]) -> Mapping[str, Silence]:
    """These silences, as far as there are such."""
    rows = await tx.execute(select(silences).where(silences.c.silence_id.in_(sorted(silence_ids))))
    return {row.silence_id: _silence(row._mapping) for row in rows}


async def listed(tx: AsyncConnection, since: datetime | None = None) -> Sequence[Counted]:
    """Silences with what they held back, the newest first; of those that ended, since `since`."""
    counts = (
        select(held.c.silence_id, func.count().label("held"))
        .where(held.c.silence_id.is_not(None))
        .group_by(held.c.silence_id)
        .subquery()
    )
    statement = (
        select(silences, func.coalesce(counts.c.held, 0).label("held"))
        .outerjoin(counts, counts.c.silence_id == silences.c.silence_id)
        .order_by(silences.c.begins_at.desc(), silences.c.silence_id)
    )
    if since is not None:
        statement = statement.where(silences.c.ends_at > since)
    rows = await tx.execute(statement)
    return [Counted(_silence(row._mapping), row.held) for row in rows]


def _silence(row: RowMapping) -> Silence:
    fields = {name: row[name] for name in Silence.__slots__}
    return Silence(**fields | {"kind": SilenceKind(str(row["kind"]))})
