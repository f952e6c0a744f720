"""Messages that wait for a summary, and the summaries in which they were told.

A row is released once: whoever releases it has locked it first, and marks it in the
transaction that writes what it becomes. Why a row was held is written down; when it is
released follows from the subscription as it is then (`services.notifier.holding`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import held

_AT_ONCE = 500  # values in one statement: every database has a limit


class Why(StrEnum):
    """Why a message was held; a closed set, and a metric label."""

    BATCH = "batch"
    DIGEST = "digest"
    QUIET = "quiet"  # it met quiet hours
    CAP = "cap"  # each of its rules was over its cap
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class NewHeld:
    """A message to be held: `held_id` is the id of its delivery, should it become one.

    `flooding` is the rule over its cap, for `Why.CAP`; `silence_id` is for `Why.SILENCE`.
    """

    held_id: str
    story_id: str
    subscription_id: str
    sequence: int
    why: Why
    rule_ids: tuple[str, ...]
    message: bytes
    urgent: bool = False
    flooding: str | None = None
    silence_id: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A held message without its content."""

    held_id: str
    why: Why
    held_at: datetime
    urgent: bool = False
    flooding: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a held message says, and its place in its story."""

    held_id: str
    story_id: str
    sequence: int
    message: bytes


async def hold(tx: AsyncConnection, new: Sequence[NewHeld], now: datetime) -> None:
    """Hold these messages."""
    if new:
        await tx.execute(insert(held), [_row(message, now) for message in new])


async def firsts(tx: AsyncConnection) -> Mapping[str, Sequence[Waiting]]:
    """By subscription: when the first of what waits alike was held, and no id of it.

    What silences hold is not among it.
    """
    alike = (held.c.subscription_id, held.c.why, held.c.urgent, held.c.flooding)
    rows = await tx.execute(
        select(*alike, func.min(held.c.held_at))
        .where(held.c.released_at.is_(None), held.c.why != Why.SILENCE.value)
        .group_by(*alike)
    )
    found: dict[str, list[Waiting]] = {}
    for subscription_id, why, urgent, flooding, at in rows:
        first = Waiting("", Why(why), at, bool(urgent), flooding)
        found.setdefault(subscription_id, []).append(first)
    return found


async def waiting(tx: AsyncConnection, subscription_id: str) -> Sequence[Waiting]:
    """What waits for one subscription, the oldest first; nobody else releases it meanwhile."""
    columns = (held.c[name] for name in Waiting.__slots__)
    rows = await tx.execute(
        select(*columns)
        .where(
            held.c.released_at.is_(None),
            held.c.subscription_id == subscription_id,
            held.c.why != Why.SILENCE.value,
        )
        # One who waits here for a colleague's locks finds the rows released, and gets the rest.
        .order_by(held.c.held_at, held.c.held_id)
        .with_for_update()
    )
    return [Waiting(**{**row._mapping, "why": Why(row.why)}) for row in rows]


async def contents(tx: AsyncConnection, held_ids: Collection[str]) -> Sequence[Content]:
    """What these say, in the order of their ids."""
    found: list[Content] = []
    columns = [held.c[name] for name in Content.__slots__]
    for ids in _portions(held_ids):
        rows = await tx.execute(select(*columns).where(held.c.held_id.in_(ids)))
        found += [Content(**row._mapping) for row in rows]
    return sorted(found, key=lambda content: content.held_id)


async def release(
    tx: AsyncConnection, held_ids: Collection[str], delivery_id: str | None, now: datetime
) -> None:
    """These are told in a delivery; in none (None) where nobody is left to be told."""
    for ids in _portions(held_ids):
        await tx.execute(
            update(held)
            .where(held.c.held_id.in_(ids), held.c.released_at.is_(None))
            .values(released_at=now, delivery_id=delivery_id)
        )


async def counts(tx: AsyncConnection) -> Mapping[Why, int]:
    """How many messages are held, by why."""
    rows = await tx.execute(
        select(held.c.why, func.count()).where(held.c.released_at.is_(None)).group_by(held.c.why)
    )
    return {Why(why): int(count) for why, count in rows}


def _row(new: NewHeld, now: datetime) -> dict[str, Any]:
    row = {name: getattr(new, name) for name in NewHeld.__slots__}
    return row | {"why": new.why.value, "rule_ids": list(new.rule_ids), "held_at": now}


def _portions(values: Collection[str]) -> Iterator[Sequence[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
