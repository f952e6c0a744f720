"""Which articles were edited of late, and how often: what the next revision waits for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import entry_edits
from services.store.upsert import upsert_each

_IN_ONE_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class Edits:
    """The revisions of an article that followed each other closely, and when the last came."""

    edits: int
    last_at: datetime


async def edits_of(tx: AsyncConnection, article_ids: Collection[str]) -> dict[str, Edits]:
    """The edits of these articles; nothing for one that was not edited of late."""
    found: dict[str, Edits] = {}
    ordered = sorted(article_ids)
    for start in range(0, len(ordered), _IN_ONE_STATEMENT):
        rows = await tx.execute(
            select(entry_edits).where(
                entry_edits.c.article_id.in_(ordered[start : start + _IN_ONE_STATEMENT])
            )
        )
        found |= {r.article_id: Edits(r.edits, r.last_at) for r in rows}
    return found


async def save_edits(tx: AsyncConnection, made: Mapping[str, Mapping[str, Edits]]) -> None:
    """Store the edits of some feeds' articles, by feed and article."""
    rows = [
        {"article_id": article_id, "feed_id": feed_id, "edits": e.edits, "last_at": e.last_at}
        for feed_id, articles in sorted(made.items())
        for article_id, e in sorted(articles.items())
    ]
    if rows:
        await tx.execute(upsert_each(tx, entry_edits, tuple(rows[0]), ("article_id",)), rows)


async def forget_edits(tx: AsyncConnection, feed_ids: Collection[str], before: datetime) -> None:
    """Forget the edits of feeds' articles that were last edited before a time."""
    old = entry_edits.c.feed_id.in_(sorted(feed_ids)) & (entry_edits.c.last_at < before)
    await tx.execute(delete(entry_edits).where(old))
