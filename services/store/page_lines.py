"""What hosts repeat on their pages, and which lines are other articles' headlines."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import entry_titles, page_lines
from services.store.upsert import upsert

# Both databases take a limited number of bound values.
_IN_ONE_STATEMENT = 500
_ROWS_AT_ONCE = 50


async def on_other_pages(
    tx: AsyncConnection, host: str, page: str, lines: Collection[str], pages: int
) -> frozenset[str]:
    """Which of these lines stand on at least so many pages of a host, `page` not counted."""
    rows = await tx.execute(
        select(page_lines.c.line)
        .where(page_lines.c.host == host, page_lines.c.page != page)
        .where(page_lines.c.line.in_(sorted(lines)[:_IN_ONE_STATEMENT]))
        .group_by(page_lines.c.line)
        .having(func.count() >= pages)
    )
    return frozenset(rows.scalars())


async def titles_of_others(
    tx: AsyncConnection, titles: Collection[str], article_id: str
) -> frozenset[str]:
    """Which of these titles (`titles.title_key`) an entry of another article bears, in any feed."""
    found: set[str] = set()
    ordered = sorted(titles)
    for start in range(0, len(ordered), _IN_ONE_STATEMENT):
        rows = await tx.execute(
            select(entry_titles.c.title)
            .distinct()
            .where(entry_titles.c.title.in_(ordered[start : start + _IN_ONE_STATEMENT]))
            .where(entry_titles.c.article_id != article_id)
        )
        found.update(rows.scalars())
    return frozenset(found)


async def remember_page(
    tx: AsyncConnection, host: str, page: str, lines: Iterable[str], now: datetime
) -> None:
    """Remember that these lines stood on a page; reading it again counts no second time."""
    rows = [
        {"host": host, "line": line, "page": page, "seen_at": now} for line in sorted(set(lines))
    ]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        batch = rows[start : start + _ROWS_AT_ONCE]
        await tx.execute(upsert(tx, page_lines, batch, key=["host", "line", "page"]))


async def forget_pages(
    tx: AsyncConnection, hosts: Iterable[str], before: datetime, most: int
) -> None:
    """Forget what was seen before a time, and of these hosts all but about the `most` newest.

    The old ones of all hosts go first and hosts follow in order, so that two pollers that
    forget at once wait for each other and cannot deadlock.
    """
    await tx.execute(delete(page_lines).where(page_lines.c.seen_at < before))
    for host in sorted(set(hosts)):
        newest = (
            select(page_lines.c.seen_at)
            .where(page_lines.c.host == host)
            .order_by(page_lines.c.seen_at.desc())
            .limit(most)
            .subquery()
        )
        oldest_kept = select(func.min(newest.c.seen_at)).scalar_subquery()
        await tx.execute(
            delete(page_lines).where(page_lines.c.host == host, page_lines.c.seen_at < oldest_kept)
        )
