"""What is known of one article, for a person who asks; nothing here is ever written."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import alerts, deliveries, held, story_articles
from services.store.feeds import PageRetry
from services.store.tables import page_retries, written
from services.store.written import Kind


@dataclass(frozen=True, slots=True)
class JudgedRevision:
    """A revision of the article as it was placed in a story."""

    story_id: str
    revision: str
    judged_at: datetime


@dataclass(frozen=True, slots=True)
class RaisedAlert:
    """An alert of a story."""

    alert_id: str
    rule_id: str
    story_id: str
    rule_version: int
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class StoryDelivery:
    """A delivery of a story: to whom, and what became of it."""

    delivery_id: str
    story_id: str
    subscription_id: str
    channel_id: str
    message: bytes
    state: str
    created_at: datetime
    next_attempt_at: datetime
    attempts: int
    reason: str | None
    detail: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoryHeld:
    """A held message of a story; `state` and `told_at` are of the delivery in which it was told."""

    held_id: str
    story_id: str
    subscription_id: str
    message: bytes
    why: str  # services.store.held.Why
    urgent: bool
    silence_id: str | None
    held_at: datetime
    released_at: datetime | None
    delivery_id: str | None
    state: str | None
    told_at: datetime | None


async def page_retry(tx: AsyncConnection, article_id: str) -> PageRetry | None:
    """The next try to read the article's page, if there is to be one."""
    rows = await tx.execute(select(page_retries).where(page_retries.c.article_id == article_id))
    row = rows.one_or_none()
    return PageRetry(**row._mapping) if row else None


async def judged(tx: AsyncConnection, article_id: str) -> Sequence[JudgedRevision]:
    """The stories that the article's revisions were placed in, in order."""
    columns = [story_articles.c[name] for name in JudgedRevision.__slots__]
    rows = await tx.execute(
        select(*columns)
        .where(story_articles.c.article_id == article_id)
        .order_by(story_articles.c.judged_at)
    )
    return [JudgedRevision(**row._mapping) for row in rows]


async def alerts_of(tx: AsyncConnection, story_ids: Collection[str]) -> Sequence[RaisedAlert]:
    """The alerts that the stories have raised, in order."""
    columns = [alerts.c[name] for name in RaisedAlert.__slots__]
    rows = await tx.execute(
        select(*columns)
        .where(alerts.c.story_id.in_(sorted(story_ids)))
        .order_by(alerts.c.raised_at, alerts.c.rule_id)
    )
    return [RaisedAlert(**row._mapping) for row in rows]


async def deliveries_of(tx: AsyncConnection, story_ids: Collection[str]) -> Sequence[StoryDelivery]:
    """What was sent of the stories, waits, or was given up, in order."""
    columns = [deliveries.c[name] for name in StoryDelivery.__slots__]
    rows = await tx.execute(
        select(*columns)
        .where(deliveries.c.story_id.in_(sorted(story_ids)))
        .order_by(deliveries.c.created_at, deliveries.c.subscription_id, deliveries.c.delivery_id)
    )
    return [StoryDelivery(**row._mapping) for row in rows]


async def held_of(tx: AsyncConnection, story_ids: Collection[str]) -> Sequence[StoryHeld]:
    """What is or was held of the stories, in order."""
    of_it = [c for c in held.c if c.name in StoryHeld.__slots__]
    rows = await tx.execute(
        select(*of_it, deliveries.c.state, deliveries.c.finished_at.label("told_at"))
        .outerjoin(deliveries, deliveries.c.delivery_id == held.c.delivery_id)
        .where(held.c.story_id.in_(sorted(story_ids)))
        .order_by(held.c.held_at, held.c.subscription_id, held.c.held_id)
    )
    return [StoryHeld(**row._mapping) for row in rows]


async def changed_at(tx: AsyncConnection, kind: Kind) -> dict[str, datetime]:
    """When each item of a kind was last changed, by id."""
    rows = await tx.execute(
        select(written.c.item_id, written.c.updated_at).where(written.c.kind == kind.value)
    )
    return {row.item_id: row.updated_at for row in rows}
