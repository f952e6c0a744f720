"""The titles that feeds have shown, and which of their articles bore a title or a text."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.feeds import SeenEntry
from services.store.tables import entry_titles, seen_entries
from services.store.upsert import upsert_each

# Both databases take a limited number of bound values.
_IN_ONE_STATEMENT = 500
# What left the feed longer ago is dated over a week before its last poll, and late if it comes
# again. A feed that is new at every poll need not be looked through as a whole each time.
_RECALLED = timedelta(days=8)

Articles = Mapping[str, SeenEntry]
"""By article id."""


@dataclass(frozen=True, slots=True)
class Past:
    """The articles that a feed has shown, by the hash of their text and by their title."""

    by_text: Mapping[str, Articles]
    by_title: Mapping[str, Articles]


async def remember_titles(
    tx: AsyncConnection, shown: Mapping[str, Iterable[tuple[str, SeenEntry]]], now: datetime
) -> None:
    """Remember that articles of some feeds bore titles (`titles.title_key`), seen now."""
    rows = {
        (title, feed_id, article.article_id): {
            "title": title,
            "feed_id": feed_id,
            "article_id": article.article_id,
            "first_seen_at": article.first_seen_at,
            "last_seen_at": now,
        }
        for feed_id, titles in shown.items()
        for title, article in titles
    }
    ordered = [rows[key] for key in sorted(rows)]  # so that two pollers cannot deadlock
    if ordered:
        key, keep = ("title", "feed_id", "article_id"), ("first_seen_at",)
        await tx.execute(upsert_each(tx, entry_titles, tuple(ordered[0]), key, keep), ordered)


async def past_of(
    tx: AsyncConnection, feed_id: str, texts: Collection[str], titles: Collection[str]
) -> Past:
    """The articles of a feed that had one of these texts or titles, of the last days it was read.

    Looks through all that the feed showed in these days: for a document that is suddenly new.
    """
    mine = seen_entries.c.feed_id == feed_id
    newest = await tx.scalar(select(func.max(seen_entries.c.last_seen_at)).where(mine))
    if newest is None:
        return Past({}, {})
    lately = (feed_id, newest - _RECALLED)
    return Past(
        await _found(tx, seen_entries.c.text_hash, lately, texts),
        await _found(tx, entry_titles.c.title, lately, titles),
    )


async def _found(
    tx: AsyncConnection, by: Column[str], lately: tuple[str, datetime], wanted: Collection[str]
) -> Mapping[str, Articles]:
    found: dict[str, dict[str, SeenEntry]] = {}
    feed_id, since = lately
    table = by.table.c
    ordered = sorted(wanted)
    for start in range(0, len(ordered), _IN_ONE_STATEMENT):
        rows = await tx.execute(
            select(by.label("found_by"), table.article_id, table.first_seen_at)
            .where(table.feed_id == feed_id, table.last_seen_at >= since)
            .where(by.in_(ordered[start : start + _IN_ONE_STATEMENT]))
            .order_by(table.first_seen_at.desc())  # the earliest last, so that it stays
            .distinct()
        )
        for row in rows:
            articles = found.setdefault(row.found_by, {})
            articles[row.article_id] = SeenEntry(row.article_id, "", row.first_seen_at)
    return found
