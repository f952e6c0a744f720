"""Held messages become deliveries when their time has come.

What they become is frozen in one transaction with the mark that they are released: a crash at
any line leaves messages that are held, or a delivery that tells them. Several notifiers share
the work: who comes second waits for the first one's locks and finds the messages released.
"""

import asyncio
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import SubscriptionSpec
from services.notifier.gathered import gathered
from services.notifier.holding import Release, releases
from services.notifier.subscribed import Subscribed
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import wait_for_stop
from services.runtime.metrics import Metrics
from services.runtime.wakeup import Wakeup
from services.store import deliveries, held, judgements
from services.store.database import Database
from services.store.held import Waiting, Why

log = structlog.get_logger()

NOBODYS_KEPT = timedelta(days=7)
"""How long messages wait for a subscription that is not there, which may come back."""

_LOOK_EVERY_SECONDS = 1.0


class Gatherer:
    """Releases what is held; one of perhaps several that do."""

    def __init__(self, database: Database, metrics: Metrics, clock: Clock, wake: Wakeup) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._wake = wake
        self._subscribed = Subscribed()
        # Subscriptions whose absence has been told, each with when it was seen first.
        self._nobodys: Mapping[str, datetime] = {}

    async def run(self, stop: asyncio.Event, component: Component) -> None:
        """Release what is due, until `stop` is set."""
        while not stop.is_set():
            try:
                await self.gather()
                component.ready()
            except DependencyUnavailableError as error:
                component.waiting(str(error))
            await wait_for_stop(stop, _LOOK_EVERY_SECONDS)

    async def gather(self) -> int:
        """Release what is due now; how many messages that makes.

        Raises DatabaseUnavailableError.
        """
        now = self._clock()
        async with self._database.read() as tx:
            firsts = await held.firsts(tx)
            present = {s.id: s for s in await self._subscribed.current(tx) if s.kind == "alerts"}
        self._note_whose_are_missing(firsts.keys() - present.keys(), now)
        made = 0
        for subscription_id, waiting in firsts.items():
            subscription = present.get(subscription_id)
            if subscription is None:
                await self._give_up(subscription_id, waiting, now)
            elif releases(subscription, waiting, now):
                made += await self._try(subscription_id, now)
        if made:
            self._wake.wake()
        return made

    async def _try(self, subscription_id: str, now: datetime) -> int:
        try:
            return await self._release(subscription_id, now)
        except DependencyUnavailableError:
            raise
        except Exception:
            # A bug; what waits for the others must not wait for its mending.
            log.exception("held alerts could not be released", subscription=subscription_id)
            return 0

    async def _release(self, subscription_id: str, now: datetime) -> int:
        async with self._database.write() as tx:
            subscription = await self._subscribed.to_alerts(tx, subscription_id)
            if subscription is None:  # it went meanwhile
                return 0
            waiting = await held.waiting(tx, subscription_id)
            due = releases(subscription, waiting, now)
            for release in due:
                await _freeze(tx, release, subscription, now)
        for release in due:
            log.info(
                "held alerts released",
                subscription=subscription_id,
                summary=release.kind.value,
                alerts=len(release.held_ids),
            )
        return len(due)

    async def _give_up(
        self, subscription_id: str, firsts: Sequence[Waiting], now: datetime
    ) -> None:
        """Mark what has waited too long for a subscription that is not there."""
        before = now - NOBODYS_KEPT
        # A week of its absence: what a weekly digest gathers is as old as that anyway.
        if self._nobodys[subscription_id] > before or all(f.held_at > before for f in firsts):
            return
        async with self._database.write() as tx:
            if await self._subscribed.to_alerts(tx, subscription_id) is not None:
                return  # it came back meanwhile
            waiting = await held.waiting(tx, subscription_id)
            old = [row.held_id for row in waiting if row.held_at <= before]
            await held.release(tx, old, None, now)
        self._metrics.held_given_up.inc(len(old))
        log.error(
            "held alerts given up: their subscription has been gone for too long",
            subscription=subscription_id,
            alerts=len(old),
        )

    def _note_whose_are_missing(self, missing: Set[str], now: datetime) -> None:
        for subscription_id in sorted(missing - self._nobodys.keys()):
            log.warning(
                "alerts are held for a subscription that is not there; "
                "they are sent if it comes back",
                subscription=subscription_id,
                days=NOBODYS_KEPT.days,
            )
        self._nobodys = {one: self._nobodys.get(one, now) for one in missing}


async def _freeze(
    tx: AsyncConnection, release: Release, subscription: SubscriptionSpec, now: datetime
) -> None:
    contents = await held.contents(tx, release.held_ids)
    sequences = await judgements.next_sequences(tx, release.key, [subscription.id])
    # In a thread: to read the thousands of a loud rule's day would keep everybody waiting.
    delivery, unreadable = await asyncio.to_thread(
        gathered, release, subscription, contents, sequences[subscription.id], now
    )
    for row in unreadable:
        log.error("a held alert cannot be read", held=row.held_id, error=row.reason)
    await deliveries.enqueue(tx, [delivery], now)
    await held.release(tx, release.held_ids, delivery.delivery_id, now)


async def report_held(database: Database, metrics: Metrics) -> None:
    """Set the gauge of what is held."""
    async with database.read() as tx:
        counts: Mapping[Why, int] = await held.counts(tx)
    for why in Why:
        metrics.held.labels(why.value).set(counts.get(why, 0))
