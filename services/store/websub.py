"""Subscriptions at hubs (WebSub): which feed is pushed to us, by whom, and until when.

What follows from an answer or a time is decided in `services.poller.websub.plan`. Two
processes never act on one subscription at once: `change` compares what it was decided on.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CursorResult, Update, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import websub, written
from services.store.upsert import insert_into
from services.store.written import Kind


class HubState(StrEnum):
    """What a subscription waits for."""

    WANTED = "wanted"  # the hub is to be asked
    REQUESTED = "requested"  # the hub was asked and has not verified it yet
    ACTIVE = "active"  # the hub pushes
    RENEWING = "renewing"  # the hub pushes, and was asked to go on
    DENIED = "denied"  # the hub said no; it is asked again much later
    LEAVING = "leaving"  # the hub is to be told to stop
    LEFT = "left"  # it was told; kept so that what it still pushes is answered with "gone"


FORMER = frozenset((HubState.LEAVING, HubState.LEFT))
_OPEN = websub.c.state.not_in([state.value for state in FORMER])


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription of one feed at one hub.

    `callback` and `secret` are what proves a request to come from the hub; neither is ever
    shown. `poll_at` is by when a poll makes up for what a push announced.
    """

    callback: str = field(repr=False)
    feed_id: str
    topic: str
    hub: str
    hubs: Sequence[str]
    base: str
    secret: str = field(repr=False)
    state: HubState
    attempts: int
    next_at: datetime
    lease_until: datetime | None = None
    detail: str | None = None
    pushed_at: datetime | None = None
    streak: int = 0
    poll_at: datetime | None = None


# What pushes and polls write beside the plan, each with a statement of its own.
_COUNTED = ("pushed_at", "streak", "poll_at")


async def everything(tx: AsyncConnection) -> Sequence[Subscription]:
    """All subscriptions, former ones too."""
    rows = await tx.execute(select(websub).order_by(websub.c.feed_id, websub.c.next_at))
    return [_subscription(r._mapping) for r in rows]


async def states(tx: AsyncConnection) -> dict[str, Subscription]:
    """The subscription of each feed that has one, by feed id; no former ones."""
    rows = await tx.execute(select(websub).where(_OPEN))
    return {r.feed_id: _subscription(r._mapping) for r in rows}


async def of_feed(tx: AsyncConnection, feed_id: str) -> Subscription | None:
    """The subscription of a feed, no former one."""
    rows = await tx.execute(select(websub).where(websub.c.feed_id == feed_id, _OPEN))
    return next((_subscription(r._mapping) for r in rows), None)


async def at_callback(tx: AsyncConnection, callback: str) -> Subscription | None:
    """The subscription, also a former one, to which a callback belongs."""
    rows = await tx.execute(select(websub).where(websub.c.callback == callback))
    return next((_subscription(r._mapping) for r in rows), None)


async def former(tx: AsyncConnection, feed_id: str) -> int:
    """How many former subscriptions of a feed are remembered."""
    count = select(func.count()).where(websub.c.feed_id == feed_id, ~_OPEN)
    return int(await tx.scalar(count) or 0)


async def add(tx: AsyncConnection, subscription: Subscription) -> bool:
    """Store a new subscription; False where the feed has one by now."""
    statement = insert_into(tx, websub).values(**_row(subscription)).on_conflict_do_nothing()
    return _changed(await tx.execute(statement))


async def change(tx: AsyncConnection, before: Subscription, after: Subscription) -> bool:
    """Store `after` in place of `before`; False where somebody else has changed it."""
    row = {name: value for name, value in _row(after).items() if name not in _COUNTED}
    unchanged = (
        websub.c.callback == before.callback,
        websub.c.state == before.state.value,
        websub.c.next_at == before.next_at,
        websub.c.attempts == before.attempts,
    )
    return _changed(await tx.execute(update(websub).where(*unchanged).values(row)))


async def forget(tx: AsyncConnection, callback: str) -> None:
    """Drop a subscription; its callback is unknown from now on."""
    await tx.execute(delete(websub).where(websub.c.callback == callback))


async def without_feed(tx: AsyncConnection) -> Sequence[Subscription]:
    """Subscriptions, no former ones, of feeds that are configured no more."""
    there = select(written.c.item_id).where(
        written.c.kind == Kind.FEEDS.value, written.c.item_id == websub.c.feed_id
    )
    rows = await tx.execute(select(websub).where(_OPEN, ~there.exists()))
    return [_subscription(r._mapping) for r in rows]


async def pause_hub(tx: AsyncConnection, hub: str, until: datetime) -> None:
    """Ask nothing of a hub before `until`: it asked for the pause."""
    waiting = (HubState.WANTED.value, HubState.ACTIVE.value, HubState.LEAVING.value)
    await tx.execute(
        update(websub)
        .where(websub.c.hub == hub, websub.c.state.in_(waiting), websub.c.next_at < until)
        .values(next_at=until)
    )


async def promise_poll(tx: AsyncConnection, callback: str, by: datetime) -> None:
    """A feed was announced to have changed: poll it at `by` unless the push is taken first."""
    await tx.execute(_of(callback).where(_later_than(by)).values(poll_at=by))


async def taken(
    tx: AsyncConnection, callback: str, now: datetime, promised: Collection[datetime]
) -> None:
    """A push was taken; no poll is needed for what it `promised`."""
    await tx.execute(_of(callback).values(pushed_at=now, streak=websub.c.streak + 1))
    kept = _of(callback).where(websub.c.poll_at.in_(promised))
    await tx.execute(kept.values(poll_at=None))


async def pinged(tx: AsyncConnection, callback: str, now: datetime) -> None:
    """A push said that there is news, and not what: the feed is to be polled now."""
    await tx.execute(_of(callback).values(pushed_at=now, streak=websub.c.streak + 1, poll_at=now))


async def polled(tx: AsyncConnection, feed_id: str, started_at: datetime) -> None:
    """A poll was good: what was promised before it began is kept."""
    await tx.execute(
        update(websub)
        .where(websub.c.feed_id == feed_id, websub.c.poll_at <= started_at)
        .values(poll_at=None)
    )


async def missed(tx: AsyncConnection, feed_id: str) -> None:
    """A poll found what the hub had not pushed."""
    await tx.execute(update(websub).where(websub.c.feed_id == feed_id, _OPEN).values(streak=0))


def _of(callback: str) -> Update:
    return update(websub).where(websub.c.callback == callback)


def _later_than(by: datetime) -> Any:
    return websub.c.poll_at.is_(None) | (websub.c.poll_at > by)


def _subscription(row: Any) -> Subscription:
    found = Subscription(**row)
    return replace(found, state=HubState(found.state), hubs=tuple(found.hubs))


def _row(subscription: Subscription) -> dict[str, Any]:
    row = {name: getattr(subscription, name) for name in Subscription.__slots__}
    return row | {"state": subscription.state.value, "hubs": list(subscription.hubs)}


def _changed(result: CursorResult[Any]) -> bool:
    return result.rowcount == 1
