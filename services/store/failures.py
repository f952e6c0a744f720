"""Deliveries that were given up, as episodes: a hundred of them are told as one.

An episode is of a channel and a reason; it goes on until there was no failure for a while.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import failure_episodes
from services.store.upsert import insert_into

OVER_AFTER = timedelta(hours=6)
"""An episode is over when nothing has failed for so long; what comes then is a new one."""


@dataclass(frozen=True, slots=True)
class FailureEpisode:
    """How many deliveries a channel failed for a reason; `detail` is what the first one said."""

    channel_id: str
    reason: str
    since: datetime
    last_at: datetime
    failures: int
    detail: str
    told_at: datetime | None = None


async def note(
    tx: AsyncConnection, channel_id: str, reason: str, detail: str, now: datetime
) -> None:
    """A delivery was given up."""
    table = failure_episodes
    row = {"since": now, "failures": 1, "detail": detail, "told_at": None}
    new = insert_into(tx, table).values(channel_id=channel_id, reason=reason, last_at=now, **row)
    goes_on = table.c.last_at > now - OVER_AFTER
    kept = {name: table.c[name] for name in ("since", "detail", "told_at")} | {
        "failures": table.c.failures + 1
    }
    changed = {name: case((goes_on, kept[name]), else_=new.excluded[name]) for name in kept}
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=["channel_id", "reason"],
            set_={**changed, "last_at": new.excluded.last_at},
        )
    )


async def untold(tx: AsyncConnection, begun_before: datetime) -> Sequence[FailureEpisode]:
    """Episodes that nobody was told of; nobody else gets them now."""
    rows = await tx.execute(
        select(failure_episodes)
        .where(failure_episodes.c.told_at.is_(None), failure_episodes.c.since <= begun_before)
        .order_by(failure_episodes.c.channel_id, failure_episodes.c.reason)
        .with_for_update(skip_locked=True)
    )
    return [FailureEpisode(**row._mapping) for row in rows]


async def any_untold(tx: AsyncConnection, begun_before: datetime) -> bool:
    """Whether there is one."""
    found = await tx.scalar(
        select(failure_episodes.c.channel_id)
        .where(failure_episodes.c.told_at.is_(None), failure_episodes.c.since <= begun_before)
        .limit(1)
    )
    return found is not None


async def mark_told(tx: AsyncConnection, episode: FailureEpisode, now: datetime) -> None:
    """The operator is told of it."""
    await tx.execute(
        update(failure_episodes)
        .where(
            failure_episodes.c.channel_id == episode.channel_id,
            failure_episodes.c.reason == episode.reason,
        )
        .values(told_at=now)
    )
