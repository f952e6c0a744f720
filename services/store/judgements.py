"""What the judge decides, in one transaction: story, alerts, deliveries, offset."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bus.errors import FencedError
from services.store.delivery_tables import (
    alerts,
    consumed_offsets,
    deliveries,
    held,
    story_articles,
)
from services.store.upsert import Insert, among, insert_into

NOTHING_CONSUMED = -1


class OvertakenError(FencedError):
    """Another judge has consumed records since this one looked: it must start over."""


@dataclass(frozen=True, slots=True)
class Place:
    """A partition as one consumer group reads it."""

    group: str
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule and a story; `article_id` and `revision` name the report that raised it.

    `told_in` is the other story whose alert has told of it already, if one has.
    """

    alert_id: str
    rule_id: str
    story_id: str
    rule_version: int
    severity: str
    article_id: str
    revision: str
    told_in: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """A message about a revision of an article, in its story."""

    article_id: str
    revision: str
    part: int
    story_id: str


async def consumed(tx: AsyncConnection, place: Place) -> int:
    """The offset of the last record that a judge has finished here."""
    value = await tx.scalar(select(consumed_offsets.c.position).where(*_at(place)))
    return NOTHING_CONSUMED if value is None else value


async def advance(tx: AsyncConnection, place: Place, expected: int, offset: int) -> None:
    """Set the consumed offset, if it still is `expected`; raises OvertakenError if not."""
    # Either statement locks the row, or waits for the judge that has it: of two judges the
    # second sees what the first has done, and changes nothing.
    if expected == NOTHING_CONSUMED:
        changed = await tx.execute(_first_step(tx, place, offset))
    else:
        changed = await tx.execute(
            update(consumed_offsets)
            .where(*_at(place), consumed_offsets.c.position == expected)
            .values(position=offset)
        )
    if changed.rowcount != 1:
        raise OvertakenError(
            f"{place.topic}[{place.partition}]: expected the last record to be {expected}"
        )


async def placements(tx: AsyncConnection, article_ids: Collection[str]) -> Sequence[Placement]:
    """The stories that messages about these articles were judged to belong to, in order."""
    columns = [story_articles.c[name] for name in Placement.__slots__]
    rows = await tx.execute(
        select(*columns)
        .where(among(tx, story_articles.c.article_id, article_ids))
        .order_by(story_articles.c.judged_at)
    )
    return [Placement(*row) for row in rows]


async def place_in_stories(tx: AsyncConnection, new: Sequence[Placement], now: datetime) -> None:
    """Record that these messages belong to these stories."""
    if new:
        names = Placement.__slots__
        rows = [{n: getattr(p, n) for n in names} | {"judged_at": now} for p in new]
        await tx.execute(insert(story_articles), rows)


async def raised(tx: AsyncConnection, story_id: str) -> set[str]:
    """The rules that have raised an alert for this story."""
    return (await raised_by(tx, [story_id]))[story_id]


async def raised_by(tx: AsyncConnection, story_ids: Collection[str]) -> dict[str, set[str]]:
    """For each story the rules that have raised an alert for it."""
    found: dict[str, set[str]] = {story: set() for story in story_ids}
    if found:
        columns = (alerts.c.story_id, alerts.c.rule_id)
        for story, rule in await tx.execute(
            select(*columns).where(among(tx, alerts.c.story_id, found))
        ):
            found[story].add(rule)
    return found


async def raise_alerts(tx: AsyncConnection, new: Sequence[Alert], now: datetime) -> None:
    """Store new alerts."""
    if new:
        fields = Alert.__slots__
        await tx.execute(
            insert(alerts), [{f: getattr(a, f) for f in fields} | {"raised_at": now} for a in new]
        )


async def next_sequences(
    tx: AsyncConnection, story_id: str, subscription_ids: Collection[str]
) -> dict[str, int]:
    """For each subscription the number of its next message about this story, from 1.

    What is held back counts: it may still become a message of its own.
    """
    last = (await last_sequences(tx, [story_id]))[story_id]
    return {s: last.get(s, 0) + 1 for s in subscription_ids}


async def last_sequences(
    tx: AsyncConnection, story_ids: Collection[str]
) -> dict[str, dict[str, int]]:
    """For each story and subscription the number of its last message about it, if there is one."""
    last: dict[str, dict[str, int]] = {story: {} for story in story_ids}
    for table in (deliveries, held) if last else ():
        rows = await tx.execute(
            select(table.c.story_id, table.c.subscription_id, func.max(table.c.sequence))
            .where(among(tx, table.c.story_id, last))
            .group_by(table.c.story_id, table.c.subscription_id)
        )
        for story, subscription, sequence in rows:
            last[story][subscription] = max(last[story].get(subscription, 0), int(sequence))
    return last


def _first_step(tx: AsyncConnection, place: Place, offset: int) -> Insert:
    return (
        insert_into(tx, consumed_offsets)
        .values(
            group_name=place.group,
            topic=place.topic,
            partition=place.partition,
            position=offset,
        )
        .on_conflict_do_nothing()
    )


def _at(place: Place) -> tuple[ColumnElement[bool], ...]:
    return (
        consumed_offsets.c.group_name == place.group,
        consumed_offsets.c.topic == place.topic,
        consumed_offsets.c.partition == place.partition,
    )
