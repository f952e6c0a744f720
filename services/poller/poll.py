"""One poll of one feed: fetch, read, publish, and only then remember.

Decides nothing itself: `schedule` says when to come again, `ingest` takes the document in.
"""

import hashlib
import random
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, assert_never

import structlog

from schemas.folder import FeedSpec
from services.poller import memory as remembered
from services.poller import schedule
from services.poller.addresses import host_of
from services.poller.credentials import access_of
from services.poller.fetch import fetch
from services.poller.health.states import state_of
from services.poller.ingest import Ingest
from services.poller.memory import Memory
from services.poller.moving import may_move
from services.poller.news import Sorted
from services.poller.offline import Offline
from services.poller.parse import ParsedFeed, ParseFailed
from services.poller.records import Record, Records
from services.poller.remembering import Taken
from services.poller.replies import Fetched, FetchFailed, FetchReason, FetchResult, NotModified
from services.poller.retrying import PageRetries
from services.poller.schedule import PollOutcome
from services.poller.surroundings import PollingPolicy, Surroundings
from services.poller.websub.links import DocumentLinks, Reply, Shown, shown
from services.poller.websub.port import ReadPoll
from services.runtime.redact import shown as without_secrets
from services.runtime.secrets import MissingSecret
from services.store.feeds import PageRetry

log = structlog.get_logger()


class FeedPoller:
    """Polls feeds, one call a poll."""

    def __init__(self, around: Surroundings, policy: PollingPolicy) -> None:
        self._around = around
        self._policy = policy
        self._ingest = Ingest(around, policy)
        self.records = Records(around.database, around.clock, self._ingest.remember)
        # Bound once: nearly every poll ends so, and nearly nobody listens.
        self._debug = log.bind().debug
        self._retries = PageRetries(around, policy, self._ingest)
        self._offline = Offline()

    async def poll(self, feed: FeedSpec, memory: Memory) -> Memory:
        """Poll once; returns what is to be remembered.

        What came with news is stored by then, anything else soon (see `records`). Raises
        BusUnavailableError and DatabaseUnavailableError: then nothing is remembered, and the
        next poll does it all again.
        """
        now = self._around.clock()
        fetched = await self._fetch(feed, memory, now)
        if not isinstance(fetched, FetchFailed):
            self._offline.answered()
        match fetched:
            case Fetched() if _body_hash(fetched) != memory.body_hash:
                return await self._read(feed, memory, fetched, now)
            case Fetched() | NotModified():
                return await self._unchanged(feed, memory, fetched, now)
            case FetchFailed(reason, detail):
                self._pause_host(memory, fetched, now)
                outcome = self._failure(memory, fetched)
                return await self._failed(feed, memory, outcome, reason.value, detail)
            case _:
                assert_never(fetched)

    def state_of(self, memory: Memory) -> str:
        """How a feed fares, in one of the words of `health.states`."""
        return state_of(memory, self._policy.episodes)

    async def _fetch(self, feed: FeedSpec, memory: Memory, now: datetime) -> FetchResult:
        access = access_of(feed, self._around.env)
        if isinstance(access, MissingSecret):
            return FetchFailed(FetchReason.BAD_CREDENTIALS, access.problem)
        session, limits = self._around.session, self._policy.limits
        return await fetch(
            session, _address(feed, memory), now, limits, memory.to_send(now), access
        )

    def hastened(self, memory: Memory) -> Memory:
        """The memory of a feed that is to be polled soon."""
        return remembered.hastened(memory, self._around.clock(), self._policy.schedule)

    async def retry_page(self, feed: FeedSpec, retry: PageRetry) -> None:
        """Try a page again whose article has its summary only; when it raises, it stays due."""
        await self._retries.retry(feed, retry)

    async def _read(
        self, feed: FeedSpec, memory: Memory, fetched: Fetched, now: datetime
    ) -> Memory:
        parsed = await self._around.workers.parse_feed(
            fetched.body, fetched.headers.content_type, fetched.final_url
        )
        if isinstance(parsed, ParseFailed):
            return await self._failed(
                feed,
                memory,
                schedule.Failed(),
                parsed.reason.value,
                without_secrets(parsed.detail),
            )
        since = memory.since(now, self._policy.first_fetch_window)
        taken = await self._ingest.take(feed, parsed, since, now)
        after = self._after_reading(memory, fetched, taken)
        self._count_gap(feed, memory, taken.found)
        after = self._redirected(feed, after, fetched)
        news = len(taken.found.news) if memory.first_fetched_at is not None else 0
        read = ReadPoll(feed, _hubs_shown(feed, fetched, parsed), news, now)
        told = partial(self._around.pushing.read, poll=read)
        await self.records.at_once(Record(after, told), taken)
        self._report(feed, taken.found, now)
        return after

    def _answered(
        self, memory: Memory, fetched: Fetched | NotModified, found: Sorted | None
    ) -> Memory:
        now, headers = self._around.clock(), fetched.headers
        wanted = remembered.wanted_interval(memory, now, self._policy.schedule)
        # After the first answer the feed finds its own place among those added with it.
        spread = None if memory.first_fetched_at else schedule.spread(memory.url, wanted)
        same_for = schedule.max_age(headers.cache_control, headers.age)
        pace = self._pace(memory.feed_id, wanted, found)
        gap = found is not None and found.gap and memory.first_fetched_at is not None
        polled = schedule.Polled(pace, same_for, gap, spread)
        return remembered.answered(
            memory, now, interval=wanted, **self._following(memory, polled, now)
        )

    def _count_gap(self, feed: FeedSpec, memory: Memory, found: Sorted) -> None:
        if memory.first_fetched_at is not None and found.gap:
            self._around.metrics.gaps.inc()
            log.info("feed shows only what was not seen before", feed=feed.id, new=len(found.news))

    def _after_reading(self, memory: Memory, fetched: Fetched, taken: Taken) -> Memory:
        now, found = self._around.clock(), taken.found
        if found.everything:
            rhythm = schedule.rhythm_of(remembered.entry_times(found, now), now)
            memory = replace(memory, rhythm=rhythm)
        return replace(
            remembered.read(self._answered(memory, fetched, found), found, taken.texts),
            validators=fetched.headers.validators,
            body_hash=_body_hash(fetched),
            first_fetched_at=memory.first_fetched_at or now,
            full_fetch_at=now,
        )

    async def _unchanged(
        self, feed: FeedSpec, memory: Memory, fetched: Fetched | NotModified, now: datetime
    ) -> Memory:
        after = self._answered(memory, fetched, None)
        if isinstance(fetched, Fetched):
            after = replace(after, full_fetch_at=now, validators=fetched.headers.validators)
            after = self._redirected(feed, after, fetched)
        kept = partial(self._around.pushing.unchanged, feed_id=feed.id, started_at=now)
        again = remembered.polled_again(memory, after)
        self.records.later(Record(after, kept, again))
        self._around.metrics.count_good_poll("unchanged", now)
        self._debug("polled", feed=feed.id, outcome="unchanged")
        return after

    async def _failed(
        self, feed: FeedSpec, memory: Memory, outcome: PollOutcome, reason: str, detail: str
    ) -> Memory:
        now = self._around.clock()
        following = self._following(memory, outcome, now)
        after = remembered.refused(memory, f"{reason}: {detail}", now, **following)
        after = self._back(feed, after)
        self.records.later(Record(after))
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

    def _pace(self, feed_id: str, wanted: timedelta, found: Sorted | None) -> timedelta:
        """The interval; the longest where a hub pushes, unless it missed something."""
        brought_news = found is not None and bool(found.news)
        if self._around.pushing.is_relied_on(feed_id) and not brought_news:
            return max(wanted, self._policy.schedule.max_interval)
        return wanted

    def _redirected(self, feed: FeedSpec, memory: Memory, fetched: Fetched) -> Memory:
        if not may_move(feed):
            return memory
        after = remembered.redirected(memory, fetched.permanent_redirect_to, self._around.clock())
        if after.moved_to != memory.moved_to:
            # The address may repeat a secret of the one it takes the place of: only its host.
            log.warning("feed has moved", feed=feed.id, to_host=host_of(after.address))
        return after

    def _back(self, feed: FeedSpec, memory: Memory) -> Memory:
        after = remembered.back_where_it_was(memory, self._around.clock())
        if after is not memory:
            log.warning("feed is no more where it moved to; asked as before", feed=feed.id)
        return after

    def _pause_host(self, memory: Memory, failed: FetchFailed, now: datetime) -> None:
        if failed.reason is FetchReason.RATE_LIMITED:
            host = failed.host or host_of(memory.address)
            self._around.pauses.asked(host, failed.retry_after, now, random.random())

    def _failure(self, memory: Memory, failed: FetchFailed) -> PollOutcome:
        was_offline, was_well = self._offline.is_likely, memory.health.failures == 0
        offline = self._offline.failed(failed.reason, host_of(memory.address), was_well)
        if offline and not was_offline:
            log.error("no host can be reached; the network is to blame, not the feeds")
        match failed.reason:
            case FetchReason.RATE_LIMITED:
                return schedule.AskedToWait(failed.retry_after)
            case FetchReason.GONE:
                return schedule.SaidGone()
            case _:
                return schedule.CutOff() if offline else schedule.Failed()

    def _following(self, memory: Memory, outcome: PollOutcome, now: datetime) -> dict[str, Any]:
        """What a poll changes of when the feed is due, and how it fares."""
        jitter = random.uniform(-1, 1)
        following = schedule.after(outcome, memory.health, self._policy.schedule, now, jitter)
        return {"next_due_at": following.due_at, "health": following.health}

    def _report(self, feed: FeedSpec, found: Sorted, polled_at: datetime) -> None:
        self._around.metrics.count_good_poll("new" if found.news else "unchanged", polled_at)
        log.info(
            "polled",
            feed=feed.id,
            new=len(found.news),
            muted=len(found.muted) + len(found.reidentified),
            known=len(found.known),
        )


def _address(feed: FeedSpec, memory: Memory) -> str:
    # One that became private after it moved is asked where its secret belongs.
    has_moved = memory.moved_to is not None and may_move(feed)
    return memory.address if has_moved else memory.url


def _hubs_shown(feed: FeedSpec, fetched: Fetched, parsed: ParsedFeed) -> Shown | None:
    document = DocumentLinks(parsed.hubs, parsed.self_link)
    return shown(Reply(fetched.headers.links, fetched.final_url), document, feed.url)


def _body_hash(fetched: FetchResult) -> str | None:
    return hashlib.sha256(fetched.body).hexdigest() if isinstance(fetched, Fetched) else None
