"""One poll of one feed: fetch, read, publish, and only then remember.

A crash between any two lines is repaired by the next poll: what was published already is
published again under the same (article id, revision), which every reader drops.
"""

import asyncio
import hashlib
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

import aiohttp
import structlog

from schemas.article import Article, TextOrigin
from schemas.folder import FeedSpec
from schemas.message import MalformedMessageError
from schemas.topics import ARTICLES
from services.bus.port import Bus, Outgoing
from services.poller import memory as remembered
from services.poller import schedule
from services.poller.articles import (
    NoPageText,
    PageResult,
    PageText,
    Sighting,
    article_of,
    wants_page,
    with_page,
)
from services.poller.fetch import (
    Fetched,
    FetchFailed,
    FetchLimits,
    FetchReason,
    FetchResult,
    NotModified,
    fetch,
)
from services.poller.identity import published_at
from services.poller.memory import Memory
from services.poller.news import Sighted, Sorted, all_aliases, sort_entries
from services.poller.pages import TextWorkers
from services.poller.parse import ParsedFeed, ParseFailed
from services.poller.reading import PageReader
from services.poller.schedule import Policy, PollOutcome
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.store import feeds
from services.store.database import Database
from services.store.feeds import PageRetry

log = structlog.get_logger()

SEEN_FOR = timedelta(days=90)  # after an entry has left the feed
_PAGES_AT_ONCE = 8  # of one poll; the session holds a host to two connections


@dataclass(frozen=True, slots=True)
class PollingPolicy:
    """How feeds are polled."""

    schedule: Policy
    limits: FetchLimits
    first_fetch_window: timedelta
    first_page_retry: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a poll works with."""

    session: aiohttp.ClientSession
    workers: TextWorkers
    reader: PageReader
    bus: Bus
    database: Database
    metrics: Metrics
    clock: Clock


class FeedPoller:
    """Polls feeds, one call a poll."""

    def __init__(self, around: Surroundings, policy: PollingPolicy) -> None:
        self._around = around
        self._policy = policy

    async def poll(self, feed: FeedSpec, memory: Memory) -> Memory:
        """Poll once; returns what is to be remembered, which is stored by then.

        Raises BusUnavailableError and DatabaseUnavailableError: then nothing is
        remembered, and the next poll does it all again.
        """
        now = self._around.clock()
        fetched = await fetch(
            self._around.session, feed.url, now, self._policy.limits, memory.to_send(now)
        )
        match fetched:
            case Fetched() if _body_hash(fetched) != memory.body_hash:
                return await self._read(feed, memory, fetched, now)
            case Fetched() | NotModified():
                return await self._unchanged(feed, memory, fetched, now)
            case FetchFailed(reason, detail):
                return await self._failed(feed, memory, _failure(fetched), reason.value, detail)
            case _:
                assert_never(fetched)

    async def retry_page(self, retry: PageRetry) -> None:
        """Try a page again whose article has its summary only; when it raises, it stays due."""
        following = await self._try_page(retry)
        async with self._around.database.write() as tx:
            if following is None:
                await feeds.end_retry(tx, retry.article_id)
            else:
                await feeds.schedule_retry(tx, following)

    async def _try_page(self, retry: PageRetry) -> PageRetry | None:
        """Read the page, publish what it gives; the retry that is to follow, if any."""
        try:
            article = Article.decode(retry.article)
        except MalformedMessageError as error:
            log.error(
                "a page to be tried again is unreadable", feed=retry.feed_id, error=str(error)
            )
            return None
        page = await self._around.reader.read(article.url or "")
        now = self._around.clock()
        if isinstance(page, PageText):
            await self._publish(with_page(article, page, now))
            return None
        # Attempt 0 is the poll itself; this was attempt + 1, what follows is one more.
        first = self._policy.first_page_retry
        due = schedule.page_retry_due(retry.attempt + 2, article.seen_at, first)
        if due is None or not page.worth_another_try:
            return None
        # After a standstill all the times may have passed: that is no reason to hurry.
        return replace(retry, attempt=retry.attempt + 1, due_at=max(due, now + first))

    async def _read(
        self, feed: FeedSpec, memory: Memory, fetched: Fetched, now: datetime
    ) -> Memory:
        parsed = await self._around.workers.parse_feed(
            fetched.body, fetched.headers.content_type, fetched.final_url
        )
        if isinstance(parsed, ParseFailed):
            return await self._failed(
                feed, memory, schedule.Failed(), parsed.reason.value, parsed.detail
            )
        found = await self._sort(feed, memory, parsed, now)
        retries = await self._publish_all(feed, found, parsed)
        after = self._after_reading(memory, fetched, parsed, found)
        await self._remember(after, found, retries)
        self._report(feed, found, now)
        return after

    async def _sort(
        self, feed: FeedSpec, memory: Memory, parsed: ParsedFeed, now: datetime
    ) -> Sorted:
        async with self._around.database.read() as tx:
            seen = await feeds.seen(tx, feed.id, all_aliases(parsed.entries))
        mute_before = memory.mute_before(now, self._policy.first_fetch_window)
        return sort_entries(feed.id, parsed.entries, seen, mute_before, now)

    async def _publish_all(
        self, feed: FeedSpec, found: Sorted, parsed: ParsedFeed
    ) -> list[PageRetry]:
        """Publish all news, oldest first as far as pages allow; the pages to try again."""
        room = asyncio.Semaphore(_PAGES_AT_ONCE)

        async def one(sighted: Sighted) -> PageRetry | None:
            async with room:
                return await self._publish_one(feed, sighted, parsed.lang)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(sighted)) for sighted in found.news]
        except ExceptionGroup as failures:
            # One is enough: the poll is done again as a whole.
            raise failures.exceptions[0] from failures
        return [retry for task in tasks if (retry := task.result())]

    async def _publish_one(
        self, feed: FeedSpec, sighted: Sighted, feed_lang: str | None
    ) -> PageRetry | None:
        page: PageResult | None = wants_page(feed.full_text, sighted.entry)
        if page is None:
            page = await self._around.reader.read(sighted.entry.link or "")
        who = sighted.remembered
        sighting = Sighting(who.article_id, who.first_seen_at, self._around.clock())
        article = article_of(feed, sighted.entry, page, sighting, feed_lang)
        await self._publish(article)
        due = schedule.page_retry_due(1, sighting.seen_at, self._policy.first_page_retry)
        if isinstance(page, NoPageText) and article.text is TextOrigin.SUMMARY:
            log.warning("page not read", feed=feed.id, reason=page.reason.value, url=article.url)
            if page.worth_another_try and due is not None:
                return PageRetry(who.article_id, feed.id, article.encode(), 0, due)
        return None

    async def _publish(self, article: Article) -> None:
        await self._around.bus.send(Outgoing(ARTICLES, article.article_id, article.encode()))
        self._around.metrics.articles.labels(article.text.value, article.text_reason.value).inc()

    def _after_reading(
        self, memory: Memory, fetched: Fetched, parsed: ParsedFeed, found: Sorted
    ) -> Memory:
        now = self._around.clock()
        times = [t for entry in parsed.entries if (t := published_at(entry, now)) is not None]
        wanted = remembered.wanted_interval(times, memory, now, self._policy.schedule)
        gap = memory.first_fetched_at is not None and found.all_new
        polled = schedule.Polled(wanted, schedule.max_age(fetched.headers.cache_control), gap)
        return replace(
            remembered.answered(self._scheduled(memory, polled, now), now),
            validators=fetched.headers.validators,
            body_hash=_body_hash(fetched),
            first_fetched_at=memory.first_fetched_at or now,
            full_fetch_at=now,
            interval=wanted,
        )

    async def _unchanged(
        self, feed: FeedSpec, memory: Memory, fetched: Fetched | NotModified, now: datetime
    ) -> Memory:
        wanted = remembered.wanted_interval((), memory, now, self._policy.schedule)
        polled = schedule.Polled(wanted, schedule.max_age(fetched.headers.cache_control))
        after = remembered.answered(self._scheduled(memory, polled, now), now)
        if isinstance(fetched, Fetched):
            after = replace(after, full_fetch_at=now, validators=fetched.headers.validators)
        await self._remember(after, None, [])
        self._around.metrics.count_good_poll("unchanged", now)
        log.debug("polled", feed=feed.id, outcome="unchanged")
        return after

    async def _failed(
        self, feed: FeedSpec, memory: Memory, outcome: PollOutcome, reason: str, detail: str
    ) -> Memory:
        now = self._around.clock()
        after = remembered.refused(self._scheduled(memory, outcome, now), f"{reason}: {detail}")
        await self._remember(after, None, [])
        self._around.metrics.polls.labels(reason).inc()
        if after.next_due_at is None:
            log.error("feed has ended and is polled no more", feed=feed.id, detail=detail)
        else:
            log.warning(
                "poll failed",
                feed=feed.id,
                reason=reason,
                detail=detail,
                failures=after.health.failures,
                next_in_seconds=round((after.next_due_at - now).total_seconds()),
            )
        return after

    def _scheduled(self, memory: Memory, outcome: PollOutcome, now: datetime) -> Memory:
        jitter = random.uniform(-1, 1)
        following = schedule.after(outcome, memory.health, self._policy.schedule, now, jitter)
        return replace(memory, next_due_at=following.due_at, health=following.health)

    async def _remember(
        self, memory: Memory, found: Sorted | None, retries: list[PageRetry]
    ) -> None:
        now = self._around.clock()
        async with self._around.database.write() as tx:
            if found is not None:
                entries = [(s.aliases, s.remembered) for s in found.everything]
                await feeds.remember(tx, memory.feed_id, entries, now)
                await feeds.forget_seen(tx, memory.feed_id, now - SEEN_FOR)
                for sighted in found.news:  # a retry for an earlier revision is out of date
                    await feeds.end_retry(tx, sighted.remembered.article_id)
            for retry in retries:
                await feeds.schedule_retry(tx, retry)
            await feeds.save_state(tx, remembered.to_state(memory, now))

    def _report(self, feed: FeedSpec, found: Sorted, polled_at: datetime) -> None:
        self._around.metrics.count_good_poll("new" if found.news else "unchanged", polled_at)
        self._around.metrics.entries_muted.labels("first_fetch").inc(len(found.muted))
        log.info(
            "polled",
            feed=feed.id,
            new=len(found.news),
            muted=len(found.muted),
            known=len(found.known),
        )


def _failure(failed: FetchFailed) -> PollOutcome:
    match failed.reason:
        case FetchReason.RATE_LIMITED:
            return schedule.AskedToWait(failed.retry_after)
        case FetchReason.GONE:
            return schedule.SaidGone()
        case _:
            return schedule.Failed()


def _body_hash(fetched: FetchResult) -> str | None:
    return hashlib.sha256(fetched.body).hexdigest() if isinstance(fetched, Fetched) else None
