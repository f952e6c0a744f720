"""The poller's loop: which feeds exist, which are due, and polling them side by side."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from schemas.folder import FeedSpec
from services.poller import memory as remembered
from services.poller.memory import Memory
from services.poller.pauses import Pauses
from services.poller.poll import FeedPoller
from services.poller.sharing import Everything, Share
from services.runtime.backoff import delay
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import wait_for_stop
from services.runtime.metrics import Metrics
from services.store import feeds, written
from services.store.database import Database
from services.store.feeds import PageRetry
from services.store.written import Kind

log = structlog.get_logger()

_LOOK_EVERY_SECONDS = 0.2
_RETRIES_AT_ONCE = 100
_FIRST_POLL_GAP = timedelta(seconds=0.05)  # between the first polls of many new feeds
_FIRST_PAUSE = timedelta(seconds=0.5)
_LONGEST_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Limits:
    """What of all polling a worker does, and how much of it at the same time."""

    concurrency: int
    share: Share = field(default_factory=Everything)
    pauses: Pauses = field(default_factory=Pauses)


class PollingWorker:
    """Polls every configured feed when it is due, until told to stop."""

    def __init__(
        self,
        poller: FeedPoller,
        database: Database,
        metrics: Metrics,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._poller = poller
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._concurrency = limits.concurrency
        self._share = limits.share
        self._pauses = limits.pauses
        self._generation = 0
        self._feeds: dict[str, FeedSpec] = {}
        self._memories: dict[str, Memory] = {}
        self._polling: dict[str, asyncio.Task[None]] = {}
        self._urls_polled: dict[str, str] = {}
        self._retrying: asyncio.Task[None] | None = None
        self._outages = 0
        self._paused_until: datetime | None = None
        self._blind = False  # the configuration could not be read at the last look

    async def run(self, stop: asyncio.Event, component: Component) -> None:
        """Poll until `stop` is set; polls under way are finished and remembered."""
        try:
            while not stop.is_set():
                await self._look(component)
                await wait_for_stop(stop, _LOOK_EVERY_SECONDS)
            await self._finish()
            await self._share.give_up()
        finally:
            under_way = self._under_way()
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def poll_soon(self, feed_id: str) -> None:
        """Poll a feed, if it is ours, as soon as it may be; one that fails keeps its wait."""
        memory = self._memories.get(feed_id)
        if memory is not None and feed_id not in self._polling:
            self._memories[feed_id] = self._poller.hastened(memory)

    async def _look(self, component: Component) -> None:
        self._end_polls_of_others()
        now = self._clock()
        if self._paused_until is not None and now < self._paused_until:
            return
        try:
            if await self._share.refresh(set(self._urls_polled.values())):
                self._take_stock_again()
            await self._pauses.exchange(self._database, now)
            await self._follow_configuration(now)
        except DependencyUnavailableError as error:
            self._blind = True
            self._pause(error, component)
            return
        if self._blind:  # no poll may be due for long that could tell that all is well
            self._blind = False
            self._recovered(component)
        if not self._outages:
            component.ready()
        self._start_due(now, component)
        if self._retrying is None or self._retrying.done():
            self._retrying = asyncio.create_task(self._retry_pages(component))

    async def _follow_configuration(self, now: datetime) -> None:
        """Take over feeds once the rules they were applied with are broadcast."""
        async with self._database.read() as tx:
            generation = await written.counter(tx, written.GENERATION)
            broadcast = await written.counter(tx, written.BROADCAST)
            if generation == self._generation or broadcast < generation:
                return
            stored = await written.items(tx, Kind.FEEDS)
            states = await feeds.states(tx)
        specs = {i: FeedSpec.model_validate(dict(item.spec)) for i, item in stored.items()}
        self._feeds = {i: spec for i, spec in specs.items() if self._share.has(spec.url)}
        known = {i: remembered.from_state(s) for i, s in states.items()}
        self._memories = {i: self._memory(spec, known, now) for i, spec in self._feeds.items()}
        self._generation = generation
        self._count_feeds()

    def _take_stock_again(self) -> None:
        """Other feeds are ours now: what is not being polled is read from the database."""
        self._memories = {i: m for i, m in self._memories.items() if i in self._polling}
        self._generation = 0

    def _end_polls_of_others(self) -> None:
        """A host that is no more ours may be another poller's: nothing goes on there."""
        for feed_id, url in self._urls_polled.items():
            if not self._share.holds(url):
                self._polling[feed_id].cancel()

    def _memory(self, spec: FeedSpec, stored: Mapping[str, Memory], now: datetime) -> Memory:
        memory = self._memories.get(spec.id) or stored.get(spec.id)
        if memory is None:
            return remembered.new_memory(spec.id, spec.url, now, len(self._feeds) * _FIRST_POLL_GAP)
        return remembered.at_address(memory, spec.url, now)

    def _start_due(self, now: datetime, component: Component) -> None:
        due = sorted(
            (memory.next_due_at, feed_id)
            for feed_id, memory in self._memories.items()
            if memory.next_due_at is not None
            and memory.next_due_at <= now
            and feed_id not in self._polling
            and self._may_poll(memory, now)
        )
        for _, feed_id in due[: self._concurrency - len(self._polling)]:
            task = asyncio.create_task(self._poll(feed_id, component), name=f"poll {feed_id}")
            self._polling[feed_id] = task
            self._urls_polled[feed_id] = self._memories[feed_id].url

    def _may_poll(self, memory: Memory, now: datetime) -> bool:
        """Whether the feed's host is this poller's at this moment, and wants no pause."""
        paused = self._pauses.feed_goes_on_at(memory.address, now) is not None
        return not paused and self._share.has(memory.url)

    async def _poll(self, feed_id: str, component: Component) -> None:
        try:
            await self._poll_once(feed_id, component)
        finally:
            self._polling.pop(feed_id, None)
            self._urls_polled.pop(feed_id, None)

    async def _poll_once(self, feed_id: str, component: Component) -> None:
        spec, memory = self._feeds[feed_id], self._memories[feed_id]
        try:
            after = await self._poller.poll(spec, memory)
        except DependencyUnavailableError as error:
            self._pause(error, component)
            return
        except Exception:
            log.exception("a poll failed unexpectedly; the feed is tried again", feed=feed_id)
            self._metrics.polls.labels("bug").inc()
            after = remembered.replace_due(memory, self._clock() + _LONGEST_PAUSE)
        if self._memories.get(feed_id) is memory:
            self._memories[feed_id] = after
        self._recovered(component)
        self._count_feeds()

    async def _retry_pages(self, component: Component) -> None:
        try:
            async with self._database.read() as tx:
                due = await feeds.due_retries(tx, self._clock(), _RETRIES_AT_ONCE)
            for retry in due:
                if retry.feed_id in self._feeds:
                    await self._retry_page(retry)
        except DependencyUnavailableError as error:
            self._pause(error, component)

    async def _retry_page(self, retry: PageRetry) -> None:
        try:
            await self._poller.retry_page(retry)
        except DependencyUnavailableError:
            raise
        except Exception:
            log.exception("trying a page again failed unexpectedly", feed=retry.feed_id)
            self._metrics.polls.labels("bug").inc()
            # Later, so that it does not keep the others from their turn.
            later = replace(retry, due_at=self._clock() + _LONGEST_PAUSE)
            async with self._database.write() as tx:
                await feeds.schedule_retry(tx, later)

    def _pause(self, error: DependencyUnavailableError, component: Component) -> None:
        """Poll nothing for a while: what cannot be published or remembered is not read."""
        now = self._clock()
        if self._paused_until is None or self._paused_until <= now:
            self._outages += 1  # many polls that fail together are one outage
        wait = delay(self._outages, _FIRST_PAUSE, _LONGEST_PAUSE, random.uniform(0.5, 1))
        self._paused_until = now + wait
        component.waiting(str(error))
        log.warning("polling waits", error=str(error), seconds=round(wait.total_seconds(), 1))

    def _recovered(self, component: Component) -> None:
        self._outages = 0
        self._paused_until = None
        component.ready()

    def _count_feeds(self) -> None:
        counts = dict.fromkeys(("ok", "new", "failing", "gone"), 0)
        for memory in self._memories.values():
            counts[remembered.feed_state(memory)] += 1
        for state, count in counts.items():
            self._metrics.feeds.labels(state).set(count)

    def _under_way(self) -> list[asyncio.Task[None]]:
        return [*self._polling.values(), *([self._retrying] if self._retrying else [])]

    async def _finish(self) -> None:
        await asyncio.gather(*self._under_way(), return_exceptions=True)
