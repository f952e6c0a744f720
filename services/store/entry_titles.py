"""The titles that feeds have shown, and which of their articles bore a title or a text."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.feeds import SeenEntry
from services.store.tables import entry_titles, seen_entries
from services.store.upsert import upsert_each

# Both databases take a limited number of bound values.
_IN_ONE_STATEMENT = 500

Articles = Mapping[str, SeenEntry]
"""By article id."""


@dataclass(frozen=True, slots=True)
class Past:
    """The articles that a feed has shown, by the hash of their text and by their title."""

    by_text: Mapping[str, Articles]
    by_title: Mapping[str, Articles]


async def remember_titles(
    tx: AsyncConnection, feed_id: str, titles: Iterable[tuple[str, SeenEntry]], now: datetime
) -> None:
    """Remember that these articles bore these titles (`titles.title_key`), seen now."""
    rows = {
        (title, article.article_id): {
            "title": title,
            "feed_id": feed_id,
            "article_id": article.article_id,
            "first_seen_at": article.first_seen_at,
            "last_seen_at": now,
        }
        for title, article in titles
    }
    ordered = [rows[key] for key in sorted(rows)]  # so that two pollers cannot deadlock
    if ordered:
        key, keep = ("title", "feed_id", "article_id"), ("first_seen_at",)
        await tx.execute(upsert_each(tx, entry_titles, ordered[0], key, keep), ordered)


async def past_of(
    tx: AsyncConnection, feed_id: str, texts: Collection[str], titles: Collection[str]
) -> Past:
    """The articles of a feed that had one of these texts or titles.

    Reads all that is remembered of the feed: for the rare document that is suddenly new.
    """
    return Past(
        await _found(tx, seen_entries, feed_id, "text_hash", texts),
        await _found(tx, entry_titles, feed_id, "title", titles),
    )


async def _found(
    tx: AsyncConnection, table: Any, feed_id: str, by: str, wanted: Collection[str]
) -> Mapping[str, Articles]:
    found: dict[str, dict[str, SeenEntry]] = {}
    column: ColumnElement[str] = table.c[by]
    ordered = sorted(wanted)
    for start in range(0, len(ordered), _IN_ONE_STATEMENT):
        rows = await tx.execute(
            select(column.label("found_by"), table.c.article_id, table.c.first_seen_at)
            .where(table.c.feed_id == feed_id)
            .where(column.in_(ordered[start : start + _IN_ONE_STATEMENT]))
            .order_by(table.c.first_seen_at.desc())  # the earliest last, so that it stays
            .distinct()
        )
        for row in rows:
            articles = found.setdefault(row.found_by, {})
            articles[row.article_id] = SeenEntry(row.article_id, "", row.first_seen_at)
    return found
