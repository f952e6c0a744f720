"""The poller's loop: feeds that are due are polled side by side, outages waited out.

Which feeds there are is `following`'s business, whose turn it is `agenda`'s; what is written
down when, that of `records`.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from schemas.folder import FeedSpec
from services.poller import memory as remembered
from services.poller.agenda import Agenda, Turn
from services.poller.following import Following
from services.poller.health.states import STATES
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
from services.store import feeds
from services.store.database import Database
from services.store.feeds import PageRetry

log = structlog.get_logger()

_LOOK_EVERY_SECONDS = 0.2
# A site that lets every request time out holds up its own pages only.
_FEEDS_RETRIED_AT_ONCE = 16
_RETRIES_LOOKED_AT = 100
_RETRIES_OF_A_FEED = 10
_SET_BACK = timedelta(seconds=10)  # less is waited for
_NOT_OURS_FOR = timedelta(seconds=1)
# A host has two connections; polls that read pages or wait for the bus hold none.
_HOSTS_SHARE = 8
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
        self._agenda = Agenda(max(2, limits.concurrency // _HOSTS_SHARE), poller.state_of)
        self._following = Following(database, self._agenda, limits.share)
        self._records = poller.records
        self._polling: dict[str, asyncio.Task[None]] = {}
        self._recorded_before = 0
        self._stopping = False
        self._retrying: dict[str, asyncio.Task[None]] = {}
        self._outages = 0
        self._looked_at = clock()
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
            await self._records.end()

    def poll_soon(self, feed_id: str) -> None:
        """Poll a feed, if it is ours, as soon as it may be; one that fails keeps its wait."""
        memory = self._agenda.memory(feed_id)
        if memory is not None:
            self._agenda.change(self._poller.hastened(memory))

    async def _look(self, component: Component) -> None:
        self._end_polls_of_others()
        now = self._clock()
        self._notice_clock(now)
        if self._is_paused(now):
            return
        try:
            await self._exchange(now, component)
            retries = await self._due_retries(now)
        except DependencyUnavailableError as error:
            self._blind = True
            self._pause(error, component)
            return
        if self._blind:  # no poll may be due for long that could tell that all is well
            self._blind = False
            self._recovered(component)
        if not self._outages:
            component.ready()
        await self._start_due(component)
        for feed_id, due in retries.items():
            self._retrying[feed_id] = asyncio.create_task(self._retry_pages(due, component))

    def _notice_clock(self, now: datetime) -> None:
        """After a clock was set right, nobody waits for a time that it should not have said."""
        back, self._looked_at = self._looked_at - now, now
        if back >= _SET_BACK:
            log.warning("the clock was set back", seconds=round(back.total_seconds()))
            self._agenda.set_back(back)
            self._paused_until = None

    async def _exchange(self, now: datetime, component: Component) -> None:
        """Tell the database what was polled, and hear what there is to poll."""
        await self._write_down()
        self._recover_if_recorded(component)
        if await self._share.refresh({turn.memory.url for turn in self._agenda.turns}):
            self._following.begin_again()
        await self._pauses.exchange(self._database, now)
        await self._following.look(now)
        self._show_states()

    async def _write_down(self) -> None:
        self._records.leave_out(unless=lambda memory: self._share.holds(memory.url))
        await self._records.write()

    def _end_polls_of_others(self) -> None:
        """A host that is no more ours may be another poller's: nothing goes on there."""
        for turn in self._agenda.turns:
            if not self._share.holds(turn.memory.url):
                self._polling[turn.feed.id].cancel()

    async def _start_due(self, component: Component) -> None:
        """Let as many tasks as may be take one turn after the other."""
        while len(self._polling) < self._concurrency:
            if turn := self._next_turn():
                task = asyncio.create_task(self._poll_while_due(turn, component))
                self._polling[turn.feed.id] = task
            elif self._agenda.is_due(self._clock()):
                await asyncio.sleep(0)
            else:
                return

    def _next_turn(self) -> Turn | None:
        return self._agenda.next(self._clock(), self._goes_on_at)

    def _goes_on_at(self, memory: Memory, now: datetime) -> datetime | None:
        """When the feed is looked at again, if its host is not ours now or wants a pause."""
        if not self._share.has(memory.url):
            return now + _NOT_OURS_FOR
        return self._pauses.feed_goes_on_at(memory.address, now)

    async def _poll_while_due(self, turn: Turn | None, component: Component) -> None:
        task = asyncio.current_task()
        assert task is not None
        while turn is not None:
            self._polling[turn.feed.id] = task
            await self._poll(turn, component)
            busy = self._stopping or self._is_paused(self._clock())
            turn = None if busy else self._next_turn()

    async def _poll(self, turn: Turn, component: Component) -> None:
        after: Memory | None = None
        try:
            after = await self._poller.poll(turn.feed, turn.memory)
            self._recover_if_recorded(component)
        except DependencyUnavailableError as error:
            self._pause(error, component)
        except Exception:
            log.exception("a poll failed unexpectedly; the feed is tried again", feed=turn.feed.id)
            self._metrics.polls.labels("bug").inc()
            after = remembered.replace_due(turn.memory, self._clock() + _LONGEST_PAUSE)
        finally:
            del self._polling[turn.feed.id]
            self._agenda.end(turn, after)

    async def _due_retries(self, now: datetime) -> dict[str, list[PageRetry]]:
        """What is to be tried again of feeds of ours that are not at it already."""
        self._retrying = {i: task for i, task in self._retrying.items() if not task.done()}
        room = _FEEDS_RETRIED_AT_ONCE - len(self._retrying)
        if not room:
            return {}
        async with self._database.read() as tx:
            due = await feeds.due_retries(tx, now, _RETRIES_LOOKED_AT, self._may_retry)
        found: dict[str, list[PageRetry]] = {}
        for retry in due:
            if retry.feed_id in found or len(found) < room:
                found.setdefault(retry.feed_id, []).append(retry)
        return {feed_id: those[:_RETRIES_OF_A_FEED] for feed_id, those in found.items()}

    def _may_retry(self, feed_id: str) -> bool:
        return feed_id in self._agenda and feed_id not in self._retrying

    async def _retry_pages(self, due: Sequence[PageRetry], component: Component) -> None:
        try:
            for retry in due:
                busy = self._stopping or self._is_paused(self._clock())
                if not busy and retry.feed_id in self._agenda:
                    await self._retry_page(retry)
        except DependencyUnavailableError as error:
            self._pause(error, component)

    async def _retry_page(self, retry: PageRetry) -> None:
        try:
            feed = FeedSpec.model_validate(self._agenda.spec(retry.feed_id))
            await self._poller.retry_page(feed, retry)
        except DependencyUnavailableError:
            raise
        except Exception:
            log.exception("trying a page again failed unexpectedly", feed=retry.feed_id)
            self._metrics.polls.labels("bug").inc()
            # Later, so that it does not keep the others from their turn.
            later = replace(retry, due_at=self._clock() + _LONGEST_PAUSE)
            async with self._database.write() as tx:
                await feeds.schedule_retry(tx, later)

    def _is_paused(self, now: datetime) -> bool:
        return self._paused_until is not None and now < self._paused_until

    def _pause(self, error: DependencyUnavailableError, component: Component) -> None:
        """Poll nothing for a while: what cannot be published or remembered is not read."""
        now = self._clock()
        if self._paused_until is None or self._paused_until <= now:
            self._recorded_before = self._records.count
            self._outages += 1  # many polls that fail together are one outage
        wait = delay(self._outages, _FIRST_PAUSE, _LONGEST_PAUSE, random.uniform(0.5, 1))
        self._paused_until = now + wait
        component.waiting(str(error))
        log.warning("polling waits", error=str(error), seconds=round(wait.total_seconds(), 1))

    def _recover_if_recorded(self, component: Component) -> None:
        """A poll by itself tells nothing: one without news is recorded later."""
        if self._outages and self._records.count > self._recorded_before:
            self._recovered(component)

    def _recovered(self, component: Component) -> None:
        self._outages = 0
        self._paused_until = None
        component.ready()

    def _show_states(self) -> None:
        states = self._agenda.states + Counter(broken=len(self._following.invalid))
        for state in STATES:
            self._metrics.feeds.labels(state).set(states[state])

    def _under_way(self) -> list[asyncio.Task[None]]:
        return [*self._polling.values(), *self._retrying.values()]

    async def _finish(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._under_way(), return_exceptions=True)
        try:
            await self._write_down()
        except DependencyUnavailableError as error:
            log.warning("the last polls are not recorded and will be repeated", error=str(error))
