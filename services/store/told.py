"""Which subscription was told of which rule's alert of which story: what caps count."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import told
from services.store.upsert import insert_into


@dataclass(frozen=True, slots=True)
class Told:
    """An alert that a subscription is told of: `at_once`, or it is held first."""

    subscription_id: str
    rule_id: str
    story_id: str
    at_once: bool


async def write(tx: AsyncConnection, new: Sequence[Told], now: datetime) -> None:
    """Write down who is told of what; what stands there already stays."""
    rows = [{name: getattr(one, name) for name in Told.__slots__} | {"told_at": now} for one in new]
    if rows:
        await tx.execute(insert_into(tx, told).on_conflict_do_nothing(), rows)


async def at_once_since(
    tx: AsyncConnection, subscription_ids: Collection[str], since: datetime
) -> Mapping[str, Mapping[str, int]]:
    """How many alerts of each rule these subscriptions were told of at once, since then."""
    rows = await tx.execute(
        select(told.c.subscription_id, told.c.rule_id, func.count())
        .where(
            told.c.subscription_id.in_(sorted(subscription_ids)),
            told.c.told_at >= since,
            told.c.at_once,
        )
        .group_by(told.c.subscription_id, told.c.rule_id)
    )
    counts: dict[str, dict[str, int]] = {}
    for subscription, rule, count in rows:
        counts.setdefault(subscription, {})[rule] = int(count)
    return counts
