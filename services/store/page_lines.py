"""What hosts repeat on their pages, and which lines are other articles' headlines."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import entry_titles, page_lines
from services.store.upsert import given_rows, upsert_each

_ASKED = Column("asked", Integer)


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be known of an article's page.

    Which of the `lines` stand on other pages of the host, and which of the `titles`
    (`titles.title_key`) are those of other articles, in any feed.
    """

    article_id: str
    titles: Collection[str] = ()
    host: str = ""
    page: str = ""
    lines: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The titles that are others', and the lines that stand on other pages, too."""

    titles: frozenset[str]
    lines: frozenset[str]


NOTHING = Answer(frozenset(), frozenset())


async def look_up(
    tx: AsyncConnection, questions: Sequence[Question], pages: int
) -> Sequence[Answer]:
    """An answer for each question; lines count that stand on at least so many other pages."""
    titles = await _found(
        tx,
        _titles_of_others(tx),
        [
            {"asked": n, "title": title, "article_id": q.article_id}
            for n, q in enumerate(questions)
            for title in q.titles
        ],
    )
    lines = await _found(
        tx,
        _on_other_pages(tx, pages),
        [
            {"asked": n, "host": q.host, "line": line, "page": q.page}
            for n, q in enumerate(questions)
            for line in q.lines
        ],
    )
    return [Answer(frozenset(titles[n]), frozenset(lines[n])) for n in range(len(questions))]


async def _found(
    tx: AsyncConnection, statement: Select[Any], asked: Sequence[Mapping[str, Any]]
) -> Mapping[int, Collection[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    if asked:
        for number, key in await tx.execute(statement, {"rows": json.dumps(asked)}):
            found[number].append(key)
    return found


def _titles_of_others(tx: AsyncConnection) -> Select[Any]:
    theirs = entry_titles.c
    given = given_rows(tx, _ASKED, theirs.title, theirs.article_id)
    others = (theirs.title == given.c.title) & (theirs.article_id != given.c.article_id)
    joined = given.join(entry_titles, others)
    return select(given.c.asked, given.c.title).select_from(joined).distinct()


def _on_other_pages(tx: AsyncConnection, pages: int) -> Select[Any]:
    theirs = page_lines.c
    given = given_rows(tx, _ASKED, theirs.host, theirs.line, theirs.page)
    same = (theirs.host == given.c.host) & (theirs.line == given.c.line)
    joined = given.join(page_lines, same & (theirs.page != given.c.page))
    each = select(given.c.asked, given.c.line).select_from(joined)
    return each.group_by(given.c.asked, given.c.line).having(func.count() >= pages)


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
