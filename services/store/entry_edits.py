"""Which articles were edited of late, and how often: what the next revision waits for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import entry_edits
from services.store.upsert import upsert

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


async def save_edits(tx: AsyncConnection, feed_id: str, article_id: str, edits: Edits) -> None:
    """Store the edits of an article."""
    row = {
        "article_id": article_id,
        "feed_id": feed_id,
        "edits": edits.edits,
        "last_at": edits.last_at,
    }
    await tx.execute(upsert(tx, entry_edits, [row], key=["article_id"]))


async def forget_edits(tx: AsyncConnection, feed_id: str, before: datetime) -> None:
    """Forget the edits of a feed's articles that were last edited before a time."""
    await tx.execute(
        delete(entry_edits).where(entry_edits.c.feed_id == feed_id, entry_edits.c.last_at < before)
    )
