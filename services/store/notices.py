"""Notices to the operator, and the episodes they tell of.

An episode begins by a row that is not there yet, and ends by taking it away: of two pollers
that see the same, one changes something, and only that one writes the notice, in the same
transaction. A notice waits here until it has become deliveries.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import notices
from services.store.tables import feed_episodes
from services.store.upsert import insert_into, upsert


@dataclass(frozen=True, slots=True)
class StoredEpisode:
    """An episode that goes on: unique per feed and kind."""

    feed_id: str
    kind: str
    since: datetime
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """A notice; `notice` is a `schemas.notice.Notice`. `spread_at`: when it became deliveries."""

    notice_id: str
    kind: str
    feed_id: str | None
    raised_at: datetime
    notice: bytes
    spread_at: datetime | None = None


async def episodes(tx: AsyncConnection) -> Sequence[StoredEpisode]:
    """All episodes that go on."""
    rows = await tx.execute(select(feed_episodes).order_by(feed_episodes.c.feed_id))
    return [StoredEpisode(**row._mapping) for row in rows]


async def begin(tx: AsyncConnection, episode: StoredEpisode) -> bool:
    """Begin an episode; whether it had not been begun."""
    row = {name: getattr(episode, name) for name in StoredEpisode.__slots__}
    begun = await tx.execute(insert_into(tx, feed_episodes).values(**row).on_conflict_do_nothing())
    return begun.rowcount == 1


async def end(tx: AsyncConnection, episode: StoredEpisode) -> bool:
    """End this very episode; whether it went on until now."""
    ended = await tx.execute(
        delete(feed_episodes).where(
            feed_episodes.c.feed_id == episode.feed_id,
            feed_episodes.c.kind == episode.kind,
            feed_episodes.c.opened_at == episode.opened_at,
        )
    )
    return ended.rowcount == 1


async def put(tx: AsyncConnection, episode: StoredEpisode) -> None:
    """Write an episode down in place of the one that may be there."""
    row = {name: getattr(episode, name) for name in StoredEpisode.__slots__}
    await tx.execute(upsert(tx, feed_episodes, [row], key=["feed_id", "kind"]))


async def forget_episodes(tx: AsyncConnection, feed_ids: Collection[str]) -> None:
    """Forget the episodes of feeds that are gone; nothing has ended."""
    await tx.execute(delete(feed_episodes).where(feed_episodes.c.feed_id.in_(sorted(feed_ids))))


async def write(tx: AsyncConnection, notice: StoredNotice) -> None:
    """Write a notice down; one that is there already stays as it is."""
    row = {name: getattr(notice, name) for name in StoredNotice.__slots__}
    await tx.execute(insert_into(tx, notices).values(**row).on_conflict_do_nothing())


async def waiting(tx: AsyncConnection, limit: int) -> Sequence[StoredNotice]:
    """Notices that have not become deliveries, the oldest first; nobody else gets them now."""
    rows = await tx.execute(
        select(notices)
        .where(notices.c.spread_at.is_(None))
        .order_by(notices.c.raised_at, notices.c.notice_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [StoredNotice(**row._mapping) for row in rows]


async def any_waiting(tx: AsyncConnection) -> bool:
    """Whether there is a notice that has not become deliveries."""
    found = await tx.scalar(
        select(notices.c.notice_id).where(notices.c.spread_at.is_(None)).limit(1)
    )
    return found is not None


async def mark_spread(tx: AsyncConnection, notice_ids: Collection[str], now: datetime) -> None:
    """These have become deliveries, as many as there are subscribers."""
    await tx.execute(
        update(notices).where(notices.c.notice_id.in_(sorted(notice_ids))).values(spread_at=now)
    )


async def recent(
    tx: AsyncConnection, limit: int, feed_id: str | None = None
) -> Sequence[StoredNotice]:
    """The newest notices, of one feed or of all."""
    statement = select(notices).order_by(notices.c.raised_at.desc(), notices.c.notice_id)
    if feed_id is not None:
        statement = statement.where(notices.c.feed_id == feed_id)
    return [StoredNotice(**row._mapping) for row in await tx.execute(statement.limit(limit))]


async def forget(tx: AsyncConnection, before: datetime) -> None:
    """Forget notices of before a time that have become deliveries."""
    await tx.execute(
        delete(notices).where(notices.c.raised_at < before, notices.c.spread_at.is_not(None))
    )
