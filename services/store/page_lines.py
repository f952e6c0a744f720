"""What hosts repeat on their pages, and which lines are other articles' headlines."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import entry_titles, page_lines
from services.store.upsert import upsert_each

# Both databases take a limited number of bound values.
_IN_ONE_STATEMENT = 500


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


async def remember_pages(
    tx: AsyncConnection, pages: Mapping[tuple[str, str], Iterable[str]], now: datetime
) -> None:
    """Remember which lines stood on pages, by host and page.

    Reading a page again counts no second time.
    """
    rows = [
        {"host": host, "line": line, "page": page, "seen_at": now}
        for (host, page), lines in sorted(pages.items())
        for line in sorted(set(lines))
    ]
    if rows:
        key = ("host", "line", "page")
        await tx.execute(upsert_each(tx, page_lines, tuple(rows[0]), key), rows)


async def forget_old_pages(tx: AsyncConnection, before: datetime) -> None:
    """Forget what all hosts showed that was last seen before a time."""
    await tx.execute(delete(page_lines).where(page_lines.c.seen_at < before))


async def forget_pages(tx: AsyncConnection, hosts: Iterable[str], most: int) -> None:
    """Forget of these hosts all but about the `most` newest lines.

    Hosts follow in order, so that two pollers that forget at once wait for each other and
    cannot deadlock.
    """
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
