"""The subscriptions of all feeds as this process knows them, and what polls change in them.

The database has the truth; a copy of it is kept here, so that a poll of a feed that no hub
has anything to do with costs nothing. Deciding is `plan`'s business.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import FeedSpec
from services.poller import credentials
from services.poller.websub import plan
from services.poller.websub.links import Shown
from services.poller.websub.plan import Keep, Names, Stop
from services.poller.websub.port import ReadPoll
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.store import websub
from services.store.database import Database
from services.store.websub import FORMER, HubState, Subscription

log = structlog.get_logger()

_REFRESH_EVERY = timedelta(seconds=5)  # others change subscriptions too
_REFRESH_RESTLESS = timedelta(seconds=0.5)
# What a poll changes is seen here once its transaction is over, which may take a moment.
_RESTLESS_FOR = timedelta(seconds=5)


class Book:
    """The subscriptions; `base` is the public URL. Implements `port.Pushing`."""

    def __init__(self, base: str, metrics: Metrics, clock: Clock) -> None:
        self.base = base
        self.arriving: set[str] = set()  # feeds of which a push is being taken
        self._metrics = metrics
        self._clock = clock
        self._all: dict[str, Subscription] = {}
        self._of_feed: dict[str, Subscription] = {}
        self._read_at: datetime | None = None
        self._restless_until: datetime | None = None

    async def refresh(self, database: Database, now: datetime) -> None:
        """Read the subscriptions, if that is due; end those of removed feeds."""
        if not self._is_stale(now):
            return
        async with database.read() as tx:
            known = await websub.everything(tx)
            abandoned = await websub.without_feed(tx)
        self._all = {s.callback: s for s in known}
        self._of_feed = {s.feed_id: s for s in known if s.state not in FORMER}
        self._read_at = now
        moved = [(s, plan.at_base(s, self.base, now)) for s in self._of_feed.values()]
        changed = [(before, after) for before, after in moved if before != after]
        if abandoned or changed:
            await self._bring_up_to_date(database, abandoned, changed, now)

    def touch(self) -> None:
        """Something has changed: read it soon."""
        self._restless_until = self._clock() + _RESTLESS_FOR

    def of_feed(self, feed_id: str) -> Subscription | None:
        """The subscription of a feed, no former one."""
        return self._of_feed.get(feed_id)

    def due(self, now: datetime) -> Sequence[Subscription]:
        """The subscriptions at which something is to be done, the longest due first."""
        due = [s for s in self._all.values() if plan.is_due(s, now)]
        return sorted(due, key=lambda s: s.next_at)

    def promised(self) -> dict[str, datetime]:
        """The feeds that are to be polled because of a push, and by when."""
        return {i: s.poll_at for i, s in self._of_feed.items() if s.poll_at is not None}

    def counts(self) -> dict[HubState, int]:
        """How many subscriptions there are by state."""
        counts = dict.fromkeys(HubState, 0)
        for subscription in self._all.values():
            counts[subscription.state] += 1
        return counts

    def is_relied_on(self, feed_id: str) -> bool:
        """Whether the feed's hub pushes what there is."""
        current = self._of_feed.get(feed_id)
        return current is not None and plan.is_relied_on(current, self._clock())

    async def read(self, tx: AsyncConnection, poll: ReadPoll) -> None:
        """Follow what a feed's document shows, and notice what its hub did not push."""
        feed_id = poll.feed.id
        shown = None if is_private(poll.feed) else poll.shown
        current = self._of_feed.get(feed_id)
        if self._read_at is None or not _is_settled(current, shown):
            await self._follow(tx, feed_id, shown)
        if current is not None and poll.news and self._was_missed(current):
            self._metrics.websub_missed.inc(poll.news)
            await websub.missed(tx, feed_id)
            self.touch()
        await self.unchanged(tx, feed_id, poll.started_at)

    async def unchanged(self, tx: AsyncConnection, feed_id: str, started_at: datetime) -> None:
        """The poll keeps what was promised before it began."""
        current = self._of_feed.get(feed_id)
        if current is not None and current.poll_at is not None:
            await websub.polled(tx, feed_id, started_at)
            self.touch()

    def _is_stale(self, now: datetime) -> bool:
        if self._read_at is None:
            return True
        restless = self._restless_until is not None and now < self._restless_until
        return now - self._read_at >= (_REFRESH_RESTLESS if restless else _REFRESH_EVERY)

    def _was_missed(self, current: Subscription) -> bool:
        announced = current.poll_at is not None or current.feed_id in self.arriving
        return current.lease_until is not None and not announced

    async def _follow(self, tx: AsyncConnection, feed_id: str, shown: Shown | None) -> None:
        now = self._clock()
        self.touch()
        current = await websub.of_feed(tx, feed_id)
        if current is not None and await _kept(tx, current, shown, now):
            return
        if shown is not None:
            names = Names(secrets.token_urlsafe(32), secrets.token_hex(32), self.base)
            former = await websub.former(tx, feed_id)
            await websub.add(tx, plan.started(feed_id, shown, names, former, now))

    async def _bring_up_to_date(
        self,
        database: Database,
        abandoned: Sequence[Subscription],
        changed: Sequence[tuple[Subscription, Subscription]],
        now: datetime,
    ) -> None:
        async with database.write() as tx:
            for subscription in abandoned:
                await _stop(tx, subscription, plan.stopped(subscription, now))
            for before, after in changed:
                await websub.change(tx, before, after)
        self.touch()


def is_private(feed: FeedSpec) -> bool:
    """Whether a feed is for us only: its address and contents are none of a hub's business."""
    return credentials.is_private(feed) or feed.proxy is not None


def _is_settled(current: Subscription | None, shown: Shown | None) -> bool:
    if current is None or shown is None:
        return current is None and shown is None
    same = (current.topic, tuple(current.hubs)) == (shown.topic, shown.hubs)
    return same and current.hub in shown.hubs


async def _kept(
    tx: AsyncConnection, current: Subscription, shown: Shown | None, now: datetime
) -> bool:
    """Whether the subscription goes on; it is ended where it does not."""
    match plan.follow(current, shown, now):
        case Keep(after):
            await websub.change(tx, current, after)
            return True
        case Stop() as stop:
            await _stop(tx, current, stop)
            return False


async def _stop(tx: AsyncConnection, current: Subscription, stop: Stop) -> None:
    if stop.subscription is None:
        await websub.forget(tx, current.callback)
    else:
        await websub.change(tx, current, stop.subscription)
