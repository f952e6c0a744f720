"""What pages behind links show: a message, what else was sent of its story, the story's reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import deliveries, held, stories, story_reports

_MOST = 100
HELD = "held"
"""The state of a message that is kept for a later one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A message and what became of it; `why` it failed, or is held (`services.store.held`)."""

    delivery_id: str
    story_id: str
    subscription_id: str
    state: str
    why: str | None
    message: bytes
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a story, or of another one about the same event."""

    story_id: str
    kind: str  # services.store.stories.ReportKind
    source: str
    title: str
    page: str | None  # without scheme
    seen_at: datetime


async def message(tx: AsyncConnection, delivery_id: str) -> Kept | None:
    """A message by its id: one that was to be sent, or one that is held; None: not kept."""
    for rows, key in ((_sent(), deliveries.c.delivery_id), (_held(), held.c.held_id)):
        found = (await tx.execute(rows.where(key == delivery_id))).first()
        if found is not None:
            return Kept(**found._mapping)
    return None


async def messages(tx: AsyncConnection, story_id: str, subscription_id: str) -> Sequence[Kept]:
    """What a subscription was told of a story, or will be, in that order."""
    found = []
    for rows, table in ((_sent(), deliveries), (_held(), held)):
        of_it = (table.c.story_id == story_id) & (table.c.subscription_id == subscription_id)
        statement = rows.where(of_it).order_by(table.c.sequence).limit(_MOST)
        found += [Kept(**row._mapping) for row in await tx.execute(statement)]
    return sorted(found, key=lambda kept: (kept.created_at, kept.delivery_id))


async def reports(tx: AsyncConnection, story_id: str) -> Sequence[Report]:
    """The reports of a story and of those about the same event, as they were seen."""
    group = select(stories.c.group_id).where(stories.c.story_id == story_id).scalar_subquery()
    rows = await tx.execute(
        select(*[story_reports.c[name] for name in Report.__slots__])
        .outerjoin(stories, stories.c.story_id == story_reports.c.story_id)
        .where((story_reports.c.story_id == story_id) | (stories.c.group_id == group))
        .order_by(story_reports.c.seen_at, story_reports.c.article_id)
        .limit(_MOST)
    )
    return [Report(**row._mapping) for row in rows]


def _sent() -> Select[tuple[object, ...]]:
    return select(
        deliveries.c.delivery_id,
        deliveries.c.story_id,
        deliveries.c.subscription_id,
        deliveries.c.state,
        deliveries.c.reason.label("why"),
        deliveries.c.message,
        deliveries.c.created_at,
        deliveries.c.finished_at,
    )


def _held() -> Select[tuple[object, ...]]:
    return select(
        held.c.held_id.label("delivery_id"),
        held.c.story_id,
        held.c.subscription_id,
        literal(HELD).label("state"),
        held.c.why,
        held.c.message,
        held.c.held_at.label("created_at"),
        held.c.released_at.label("finished_at"),
    )
