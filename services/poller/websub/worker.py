"""The loop beside polling: asks hubs when it is time, and has polled what was promised.

When and for what a hub is asked is `plan`'s decision. Several processes share the
subscriptions: whoever stores first that it asks, asks.
"""

import asyncio
import random
from datetime import datetime

import structlog

from services.poller.addresses import host_of
from services.poller.surroundings import Surroundings
from services.poller.websub import plan
from services.poller.websub.book import Book
from services.poller.websub.counted import name_of, show_states
from services.poller.websub.hub import ask
from services.poller.websub.plan import Accepted, AskedToWait, HubAnswer
from services.poller.websub.pushes import Pushes
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import wait_for_stop
from services.store import websub
from services.store.websub import HubState, Subscription

log = structlog.get_logger()

_LOOK_EVERY_SECONDS = 0.2
_PAUSE_SECONDS = 5.0  # while the database is away
_AT_ONCE = 4


class HubWorker:
    """Keeps the subscriptions going until told to stop."""

    def __init__(self, around: Surroundings, book: Book, pushes: Pushes) -> None:
        self._around = around
        self._book = book
        self._pushes = pushes
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._left_over: set[str] | None = None

    async def run(self, stop: asyncio.Event, component: Component) -> None:
        """Work until `stop` is set; pushes under way are finished."""
        try:
            while not stop.is_set():
                await wait_for_stop(stop, await self._look(component))
            await self._pushes.finish()
        finally:
            for task in self._asking.values():
                task.cancel()
            await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _look(self, component: Component) -> float:
        """Do what is due; the seconds until the next look."""
        now = self._around.clock()
        try:
            await self._book.refresh(self._around.database, now)
            show_states(self._around.metrics, self._book.counts())
            await self._start_due(now)
        except DependencyUnavailableError as error:
            component.waiting(str(error))
            return _PAUSE_SECONDS
        self._poll_promised(now)
        component.ready()
        return _LOOK_EVERY_SECONDS

    def _poll_promised(self, now: datetime) -> None:
        # What stands there at the start was left over by a process that had no time to take it;
        # polling may not know its feeds yet, so it is told until the promise is kept.
        promised = self._book.promised()
        left_over = promised.keys() if self._left_over is None else self._left_over
        self._left_over = left_over & promised.keys()
        for feed_id, poll_at in promised.items():
            if poll_at <= now or feed_id in self._left_over:
                self._pushes.poll_soon(feed_id)

    async def _start_due(self, now: datetime) -> None:
        for subscription in self._book.due(now):
            name = subscription.callback
            if subscription.state is HubState.LEFT:
                await self._forget(subscription)
            elif name not in self._asking and len(self._asking) < _AT_ONCE:
                self._asking[name] = asyncio.create_task(self._ask(subscription))

    async def _forget(self, subscription: Subscription) -> None:
        async with self._around.database.write() as tx:
            await websub.forget(tx, subscription.callback)
        self._book.touch()

    async def _ask(self, subscription: Subscription) -> None:
        try:
            await self._ask_hub(subscription)
        except DependencyUnavailableError as error:
            log.warning("asking a hub waits", feed=subscription.feed_id, error=str(error))
        except Exception:
            log.exception("asking a hub failed unexpectedly", feed=subscription.feed_id)
        finally:
            self._book.touch()
            self._asking.pop(subscription.callback, None)

    async def _ask_hub(self, subscription: Subscription) -> None:
        claimed = plan.claimed(subscription, self._around.clock(), random.uniform(-1, 1))
        async with self._around.database.write() as tx:
            if not await websub.change(tx, subscription, claimed):
                return
        answer = await ask(self._around.session, claimed, self._around.clock())
        self._report(claimed, answer)
        await self._record(claimed, answer)

    async def _record(self, claimed: Subscription, answer: HubAnswer) -> None:
        after = plan.answered(claimed, answer, self._around.clock(), random.uniform(-1, 1))
        if after == claimed:
            return
        async with self._around.database.write() as tx:
            # Where somebody was quicker, the hub has asked back already.
            await websub.change(tx, claimed, after)
            if isinstance(answer, AskedToWait):
                await websub.pause_hub(tx, claimed.hub, after.next_at)

    def _report(self, claimed: Subscription, answer: HubAnswer) -> None:
        self._around.metrics.websub_requests.labels(name_of(answer)).inc()
        # The hub's address may hold a secret of the feed's: only its host.
        told = log.info if isinstance(answer, Accepted) else log.warning
        told(
            "hub asked",
            feed=claimed.feed_id,
            hub_host=host_of(claimed.hub),
            wanted=claimed.state.value,
            outcome=name_of(answer),
            detail=getattr(answer, "detail", None),
        )
