"""Stories: which report tells which, which tell of one event, and what finds their copies."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import stories, story_reports
from services.store.upsert import among, insert_into, upsert_each

_ROWS_AT_ONCE = 1_000
_OF_THE_FIRST = ("story_id", "kind", "seen_at")  # kept when a report is saved again
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
class Beginning:
    """A new story, in a group of stories or in one of its own."""

    story_id: str
    group_id: str
    begun_at: datetime


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


async def stories_of_articles(
    tx: AsyncConnection, article_ids: Collection[str]
) -> Mapping[str, str]:
    """The story of each of these articles of which there is a report."""
    columns = (story_reports.c.article_id, story_reports.c.story_id)
    rows = await tx.execute(
        select(*columns).where(among(tx, story_reports.c.article_id, article_ids))
    )
    return {row.article_id: row.story_id for row in rows}


async def begin(tx: AsyncConnection, new: Sequence[Beginning]) -> None:
    """Stories begin; those that have begun before stay as they are."""
    if new:
        rows = [{name: getattr(one, name) for name in Beginning.__slots__} for one in new]
        await tx.execute(insert_into(tx, stories).on_conflict_do_nothing(), rows)


async def save_reports(tx: AsyncConnection, reports: Sequence[StoredReport]) -> None:
    """Reports have been placed; a later revision of one replaces what is kept of it."""
    if reports:
        names = StoredReport.__slots__
        statement = upsert_each(tx, story_reports, names, ("article_id",), _OF_THE_FIRST)
        await tx.execute(statement, [{n: getattr(one, n) for n in names} for one in reports])


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
    return (await told_beside_each(tx, [story_id]))[story_id]


async def told_beside_each(
    tx: AsyncConnection, story_ids: Collection[str]
) -> Mapping[str, Sequence[Told]]:
    """The same for each of these stories."""
    told: dict[str, list[Told]] = {story: [] for story in story_ids}
    if not told:
        return told
    columns = [story_reports.c[name] for name in Told.__slots__]
    own = stories.alias("own")
    order = (story_reports.c.seen_at, story_reports.c.article_id)
    place = func.row_number().over(partition_by=own.c.story_id, order_by=order)
    found = (
        select(own.c.story_id.label("beside"), *columns, place.label("place"))
        .join(stories, stories.c.group_id == own.c.group_id)
        .join(story_reports, story_reports.c.story_id == stories.c.story_id)
        .where(among(tx, own.c.story_id, told))
        .subquery()
    )
    rows = await tx.execute(select(found).where(found.c.place <= MOST_TOLD).order_by("place"))
    for beside, article_id, story_id, kind, outlet, source, seen_at, url, _ in rows:
        told[beside].append(
            Told(article_id, story_id, ReportKind(kind), outlet, source, seen_at, url)
        )
    return told


async def groups_of(tx: AsyncConnection, story_ids: Collection[str]) -> Mapping[str, str]:
    """The group of each story."""
    rows = await tx.execute(
        select(stories.c.story_id, stories.c.group_id).where(
            among(tx, stories.c.story_id, sorted(story_ids))
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
