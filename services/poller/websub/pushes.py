"""Taking in what a hub has pushed.

A hub waits ten seconds or so for its answer, reading the pages of ten new articles may take
longer. So the answer is given as soon as it stands in the database that the feed is to be
polled unless the document is taken first: whatever happens then, a crash included, that poll
finds what the push has brought. Polling would find it anyway, only later.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from schemas.folder import FeedSpec
from services.poller import memory as remembered
from services.poller.ingest import Ingest
from services.poller.news import Since
from services.poller.pages import WorkersClosedError
from services.poller.parse import ParseFailed
from services.poller.surroundings import PollingPolicy, Surroundings
from services.poller.websub.book import Book
from services.poller.websub.counted import PushOutcome
from services.runtime.dependency import DependencyUnavailableError
from services.store import feeds, websub
from services.store.websub import Subscription

log = structlog.get_logger()

TO_TAKE = timedelta(seconds=60)  # after which a poll is to make up for a push
_AT_ONCE = 16  # of up to feed_max_bytes each
_GRACE_SECONDS = 15  # when the process ends; what is not taken by then is polled
_POLLED_INSTEAD = frozenset(
    (PushOutcome.PING, PushOutcome.POLLED, PushOutcome.UNREADABLE, PushOutcome.BUG)
)

PollSoon = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Push:
    """A document from a subscription's hub, whose signature is genuine."""

    subscription: Subscription
    feed: FeedSpec
    body: bytes
    content_type: str | None


@dataclass(slots=True)
class _Arriving:
    """The pushes of one feed that are being taken: how many, and the promises of those done."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    left: int = 0
    kept: set[datetime] = field(default_factory=set)


class Pushes:
    """Takes pushes in beside each other, those of one feed in their order."""

    def __init__(
        self, around: Surroundings, policy: PollingPolicy, book: Book, poll_soon: PollSoon
    ) -> None:
        self._around = around
        self._ingest = Ingest(around, policy)
        self._window = policy.first_fetch_window
        self._book = book
        self.poll_soon = poll_soon
        self._tasks: set[asyncio.Task[None]] = set()
        self._arriving: dict[str, _Arriving] = {}

    async def ping(self, push: Push) -> None:
        """There is news, and the hub does not say what; the poll is promised on return.

        Raises DatabaseUnavailableError.
        """
        now = self._around.clock()
        async with self._around.database.write() as tx:
            await websub.pinged(tx, push.subscription.callback, now)
        self._done(push, PushOutcome.PING)

    async def accept(self, push: Push) -> None:
        """Begin to take a document in; that its news will not be lost is certain on return.

        Raises DatabaseUnavailableError.
        """
        if len(self._tasks) >= _AT_ONCE:
            await self._promise(push, self._around.clock())
            self._done(push, PushOutcome.POLLED)
            return
        promised = self._around.clock() + TO_TAKE
        arriving = self._arrive(push.feed.id)
        try:
            await self._promise(push, promised)
        except BaseException:
            self._leave(push.feed.id)
            raise
        task = asyncio.create_task(self._take(push, promised, arriving))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Finish what is being taken; what takes too long is left to a poll."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _promise(self, push: Push, by: datetime) -> None:
        async with self._around.database.write() as tx:
            await websub.promise_poll(tx, push.subscription.callback, by)

    async def _take(self, push: Push, promised: datetime, arriving: _Arriving) -> None:
        try:
            async with arriving.turn:
                outcome = await self._outcome(push, promised, arriving)
        finally:
            self._leave(push.feed.id)
        self._done(push, outcome)

    async def _outcome(self, push: Push, promised: datetime, arriving: _Arriving) -> PushOutcome:
        try:
            return await self._ingested(push, promised, arriving)
        except (DependencyUnavailableError, WorkersClosedError) as error:
            log.warning("push not taken; polling instead", feed=push.feed.id, error=str(error))
            return PushOutcome.POLLED
        except Exception:
            log.exception("a push failed unexpectedly; polling instead", feed=push.feed.id)
            return PushOutcome.BUG

    async def _ingested(self, push: Push, promised: datetime, arriving: _Arriving) -> PushOutcome:
        feed, around = push.feed, self._around
        parsed = await around.workers.parse_feed(
            push.body, push.content_type, push.subscription.topic
        )
        if isinstance(parsed, ParseFailed):
            log.warning("pushed document not read", feed=feed.id, reason=parsed.reason.value)
            return PushOutcome.UNREADABLE
        now = around.clock()
        taken = await self._ingest.take(feed, parsed, await self._since(feed, now), now)
        # A promise that another push of this feed still needs is not taken back.
        kept = arriving.kept | {promised} if arriving.left == 1 else set()
        async with around.database.write() as tx:
            await self._ingest.remember(tx, {feed.id: taken}, around.clock())
            await websub.taken(tx, push.subscription.callback, now, kept)
        arriving.kept.add(promised)
        return PushOutcome.NEW if taken.found.news else PushOutcome.KNOWN

    async def _since(self, feed: FeedSpec, now: datetime) -> Since:
        """Since when the feed is watched, as its polls remember it."""
        async with self._around.database.read() as tx:
            state = await feeds.state(tx, feed.id)
        if state is None:
            return Since()
        memory = remembered.at_address(remembered.from_state(state), feed.url, now)
        return memory.since(now, self._window)

    def _arrive(self, feed_id: str) -> _Arriving:
        arriving = self._arriving.setdefault(feed_id, _Arriving())
        arriving.left += 1
        self._book.arriving.add(feed_id)
        return arriving

    def _leave(self, feed_id: str) -> None:
        arriving = self._arriving[feed_id]
        arriving.left -= 1
        if not arriving.left:
            del self._arriving[feed_id]
            self._book.arriving.discard(feed_id)

    def _done(self, push: Push, outcome: PushOutcome) -> None:
        self._around.metrics.websub_pushes.labels(outcome.value).inc()
        log.info("pushed", feed=push.feed.id, outcome=outcome.value, bytes=len(push.body))
        if outcome in _POLLED_INSTEAD:
            self._book.touch()
            self.poll_soon(push.feed.id)
