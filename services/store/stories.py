"""Stories: which report tells which, which tell of one event, and what finds their copies."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import stories, story_articles, story_reports
from services.store.upsert import insert_into, upsert

_ROWS_AT_ONCE = 1_000
MOST_TOLD = 500
"""A message counts at most so many reports beside its own."""


class ReportKind(StrEnum):
    """What a report is to its story."""

    FIRST = "first"
    COPY = "copy"
    CONTAINER = "container"  # the first report of its story, which holds other stories, too


@dataclass(frozen=True, slots=True)
class StoredReport:
    """An article in its story. `trace` is what finds its copies, None once it is too old."""

    article_id: str
    story_id: str
    kind: str
    outlet: str
    source: str
    title: str
    page: str | None
    seen_at: datetime
    trace: bytes | None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A report of a story, as a message names it."""

    article_id: str
    story_id: str
    kind: ReportKind
    outlet: str
    source: str
    seen_at: datetime
    url: str | None = None


async def story_of_article(tx: AsyncConnection, article_id: str) -> str | None:
    """The story that an article tells, in whatever revision, also where its report is forgotten
    or was judged before there were any."""
    found: str | None = await tx.scalar(
        select(story_reports.c.story_id).where(story_reports.c.article_id == article_id)
    )
    return found or await tx.scalar(
        select(story_articles.c.story_id)
        .where(story_articles.c.article_id == article_id)
        .order_by(story_articles.c.judged_at.desc())
        .limit(1)
    )


async def begin(tx: AsyncConnection, story_id: str, group_id: str, now: datetime) -> None:
    """A story begins, in a group of stories or in one of its own."""
    row = {"story_id": story_id, "group_id": group_id, "begun_at": now}
    await tx.execute(insert_into(tx, stories).values(row).on_conflict_do_nothing())


async def group_of(tx: AsyncConnection, story_id: str) -> str | None:
    """The group that a story belongs to."""
    found: str | None = await tx.scalar(
        select(stories.c.group_id).where(stories.c.story_id == story_id)
    )
    return found


async def save_report(tx: AsyncConnection, report: StoredReport) -> None:
    """A report has been placed; a later revision of it replaces what is kept."""
    row = {name: getattr(report, name) for name in StoredReport.__slots__}
    keep = ("story_id", "kind", "seen_at")
    await tx.execute(upsert(tx, story_reports, [row], ["article_id"], keep))


async def traces_since(tx: AsyncConnection, since: datetime) -> AsyncIterator[StoredReport]:
    """The reports of which there is a trace, of all stories with one that was first seen since.

    In the order in which they were first seen.
    """
    after: tuple[datetime, str] | None = None
    more = True
    while more:
        rows = await _some(tx, since, after)
        for row in rows:
            yield row
        more = len(rows) == _ROWS_AT_ONCE
        after = (rows[-1].seen_at, rows[-1].article_id) if rows else None


async def told_beside(tx: AsyncConnection, story_id: str) -> Sequence[Told]:
    """The reports of all stories of a story's group, in the order in which they were seen."""
    columns = [story_reports.c[name] for name in Told.__slots__]
    own = select(stories.c.group_id).where(stories.c.story_id == story_id).scalar_subquery()
    rows = await tx.execute(
        select(*columns)
        .join(stories, stories.c.story_id == story_reports.c.story_id)
        .where(stories.c.group_id == own)
        .order_by(story_reports.c.seen_at, story_reports.c.article_id)
        .limit(MOST_TOLD)
    )
    return [Told(**{**row._mapping, "kind": ReportKind(row.kind)}) for row in rows]


async def groups_of(tx: AsyncConnection, story_ids: Collection[str]) -> Mapping[str, str]:
    """The group of each story."""
    rows = await tx.execute(
        select(stories.c.story_id, stories.c.group_id).where(
            stories.c.story_id.in_(sorted(story_ids))
        )
    )
    return {row.story_id: row.group_id for row in rows}


async def forget(tx: AsyncConnection, traces_before: datetime, all_before: datetime) -> None:
    """Drop traces, and later everything, of reports that were first seen before."""
    old = story_reports.c.seen_at < traces_before
    await tx.execute(
        update(story_reports).where(old, story_reports.c.trace.is_not(None)).values(trace=None)
    )
    await tx.execute(delete(story_reports).where(story_reports.c.seen_at < all_before))
    await tx.execute(delete(stories).where(stories.c.begun_at < all_before))


async def _some(
    tx: AsyncConnection, since: datetime, after: tuple[datetime, str] | None
) -> Sequence[StoredReport]:
    living = select(story_reports.c.story_id).where(story_reports.c.seen_at >= since)
    statement = (
        select(story_reports)
        .where(story_reports.c.trace.is_not(None), story_reports.c.story_id.in_(living))
        .order_by(story_reports.c.seen_at, story_reports.c.article_id)
        .limit(_ROWS_AT_ONCE)
    )
    if after is not None:
        seen_at, article_id = after
        later = (story_reports.c.seen_at > seen_at) | (
            (story_reports.c.seen_at == seen_at) & (story_reports.c.article_id > article_id)
        )
        statement = statement.where(later)
    return [StoredReport(**row._mapping) for row in await tx.execute(statement)]
