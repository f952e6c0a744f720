"""Notices to the operator become deliveries: one per subscription of kind ops.

A notice, its deliveries and the mark that it has become them change in one transaction: a
crash at any line leaves a notice that waits, or one whose deliveries are all there. Of
several notifiers each takes notices that no other one has in hand.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import SubscriptionSpec
from schemas.message import MalformedMessageError
from schemas.notice import Notice, NoticeKind
from services.notifier.names import notice_id
from services.notifier.notices import compose_notice
from services.notifier.recording import write_notice
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import wait_for_stop
from services.runtime.wakeup import Wakeup
from services.store import deliveries, failures, notices, written
from services.store.database import Database
from services.store.deliveries import DeliveryKind, NewDelivery
from services.store.failures import FailureEpisode
from services.store.notices import StoredNotice
from services.store.written import Kind

log = structlog.get_logger()

FAILURES_ARE_COUNTED_FOR = timedelta(minutes=1)
"""From the first delivery that is given up until the operator is told how many there are."""

_LOOK_EVERY_SECONDS = 1.0
_AT_ONCE = 50
_SUBSCRIPTION = TypeAdapter(SubscriptionSpec)


class Spreader:
    """Spreads notices over the subscriptions of kind ops."""

    def __init__(self, database: Database, clock: Clock, wake: Wakeup) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    async def run(self, stop: asyncio.Event, component: Component) -> None:
        """Spread what is written down, until `stop` is set."""
        while not stop.is_set():
            try:
                while await self.spread():
                    pass
                component.ready()
            except DependencyUnavailableError as error:
                component.waiting(str(error))
            await wait_for_stop(stop, _LOOK_EVERY_SECONDS)

    async def spread(self) -> int:
        """Spread the oldest notices that wait; how many. Raises DatabaseUnavailableError."""
        now = self._clock()
        begun_before = now - FAILURES_ARE_COUNTED_FOR
        async with self._database.read() as tx:
            if not (await notices.any_waiting(tx) or await failures.any_untold(tx, begun_before)):
                return 0
        async with self._database.write() as tx:
            for episode in await failures.untold(tx, begun_before):
                await write_notice(tx, _notice_of(episode, now))
                await failures.mark_told(tx, episode, now)
            waiting = await notices.waiting(tx, _AT_ONCE)
            subscriptions = await _subscriptions(tx)
            new = list(_all_deliveries(waiting, subscriptions))
            await deliveries.enqueue_missing(tx, new, now)
            await notices.mark_spread(tx, [notice.notice_id for notice in waiting], now)
        if not subscriptions:
            _tell_that_nobody_is_told(waiting)
        if new:
            self._wake.wake()
        return len(waiting)


def _notice_of(episode: FailureEpisode, now: datetime) -> Notice:
    kind = NoticeKind.DELIVERY_FAILED
    return Notice(
        notice_id=notice_id(kind, f"{episode.channel_id} {episode.reason}", episode.since),
        kind=kind,
        raised_at=now,
        since=episode.since,
        channel_id=episode.channel_id,
        reason=episode.reason,
        error=f"{episode.reason}: {episode.detail}",
        failures=episode.failures,
    )


def _tell_that_nobody_is_told(spread: Sequence[StoredNotice]) -> None:
    for notice in spread:
        log.warning(
            "nobody is told of a notice: no subscription is of kind ops",
            notice=notice.kind,
            feed=notice.feed_id,
        )


async def _subscriptions(tx: AsyncConnection) -> Sequence[SubscriptionSpec]:
    stored = await written.items(tx, Kind.SUBSCRIPTIONS)
    specs = (_SUBSCRIPTION.validate_python(dict(item.spec)) for item in stored.values())
    return [spec for spec in specs if spec.kind == "ops"]


def _all_deliveries(
    waiting: Sequence[StoredNotice], subscriptions: Sequence[SubscriptionSpec]
) -> Iterator[NewDelivery]:
    for stored in waiting:
        try:
            notice = Notice.decode(stored.notice)
        except MalformedMessageError as error:
            # Of a version that says something else; it stays listed, and keeps none back.
            log.error("a notice cannot be read", notice=stored.notice_id, error=str(error))
            continue
        yield from (_delivery(notice, one) for one in _reachable(notice, subscriptions))


def _reachable(
    notice: Notice, subscriptions: Sequence[SubscriptionSpec]
) -> Sequence[SubscriptionSpec]:
    """Of a channel that cannot send, it is not that channel which tells, if there is another."""
    return [s for s in subscriptions if s.channel != notice.channel_id] or subscriptions


def _delivery(notice: Notice, subscription: SubscriptionSpec) -> NewDelivery:
    message = compose_notice(notice, subscription)
    return NewDelivery(
        message.delivery_id,
        message.story_id,
        subscription.id,
        message.sequence,
        subscription.channel,
        message.encode(),
        DeliveryKind.NOTICE,
    )
