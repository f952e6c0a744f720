"""Watching how the feeds fare: episodes begin and end, and a notice is written for each.

Looks at what every poll has left in the database, so that it knows of all feeds whoever polls
them; polls themselves lose no time over it. Every poller does so. An episode and its notice
change in one transaction, and only if the episode was what it was taken for: of several
pollers, and of a crash and what follows it, each gives a notice once.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import FeedSpec
from schemas.notice import Notice
from services.poller import memory as remembered
from services.poller.health.episodes import (
    Began,
    Change,
    Ended,
    Episode,
    EpisodeKind,
    EpisodePolicy,
    judge,
)
from services.poller.health.ledger import EVERY_FEED, Ledger
from services.poller.health.network import Survey
from services.poller.health.notices import of_all_feeds, of_feed
from services.poller.memory import Memory
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import wait_for_stop
from services.store import feeds, notices, written
from services.store.database import Database
from services.store.notices import StoredEpisode, StoredNotice
from services.store.written import Kind

log = structlog.get_logger()

_LOOKS = 120  # within the time that it takes a feed to count as broken
_LEAST, _MOST = timedelta(seconds=0.2), timedelta(seconds=30)
_SHARE_OF_TIME = 0.01  # 10,000 feeds take 0.4 s of a processor
_AT_ONCE = 200
_NOTICES_KEPT = timedelta(days=180)
_TIDY_EVERY = timedelta(days=1)
# No feed is polled more seldom: whatever kept most from being read has struck it by then.
_STRUCK_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Own:
    """A change that one feed is about."""

    change: Change
    memory: Memory


class Watch:
    """Looks at all feeds again and again."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        policy: EpisodePolicy,
    ) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy
        self._tidied_at: datetime | None = None
        soon = min(policy.broken_after, policy.silent_after) / _LOOKS
        self._every = min(max(soon, _LEAST), _MOST).total_seconds()

    async def run(self, stop: asyncio.Event, component: Component) -> None:
        """Look until `stop` is set."""
        clock = asyncio.get_running_loop().time
        while not stop.is_set():
            started = clock()
            try:
                await self.look()
                component.ready()
            except DependencyUnavailableError as error:
                component.waiting(str(error))
            took = clock() - started
            await wait_for_stop(stop, max(self._every, took / _SHARE_OF_TIME))

    async def look(self) -> None:
        """Look once. Raises DatabaseUnavailableError."""
        async with self._database.read() as tx:
            ledger = Ledger(await notices.episodes(tx))
            survey = Survey(self._policy, self._clock(), ledger.spared_until, ledger.down_since)
            own = [one async for one in self._judged(tx, ledger, survey)]
        change = _change_of_all(ledger, survey)
        if change is not None:
            await self._tell_of_all(change, ledger, survey)
        outage = ledger.down or (change.episode if change is not None else None)
        for one in own:
            if outage is None or not _may_be_ours(one, outage):
                await self._tell_of_one(one, ledger, survey.now)
        await self._tidy(ledger, survey.now)

    async def _judged(
        self, tx: AsyncConnection, ledger: Ledger, survey: Survey
    ) -> AsyncIterator[_Own]:
        """What begins and ends for single feeds; the survey counts all of them."""
        async for page in feeds.state_pages(tx, _AT_ONCE):
            for state in page:
                memory, going_on = remembered.from_state(state), ledger.of(state.feed_id)
                survey.add(memory, going_on)
                for change in judge(memory, going_on, self._policy, survey.spared_until):
                    yield _Own(change, memory)

    async def _tell_of_one(self, one: _Own, ledger: Ledger, now: datetime) -> None:
        feed_id = one.memory.feed_id
        episode = ledger.stored(feed_id, one.change, now)
        async with self._database.write() as tx:
            spec = await _spec(tx, feed_id)
            notice = of_feed(one.change, one.memory, spec, episode.opened_at, now)
            told = await _write(tx, one.change, episode, notice)
        if told:
            _log(notice)

    async def _tell_of_all(self, change: Change, ledger: Ledger, survey: Survey) -> None:
        episode = ledger.stored(EVERY_FEED, change, survey.now)
        notice = of_all_feeds(change, survey, episode.opened_at)
        async with self._database.write() as tx:
            told = await _write(tx, change, episode, notice)
            if told and isinstance(change, Ended):
                await notices.put(tx, ledger.spared(change.until))
        if told:
            _log(notice)

    async def _tidy(self, ledger: Ledger, now: datetime) -> None:
        """Feeds that are gone have no episodes; notices are kept for half a year."""
        due = self._tidied_at is None or now - self._tidied_at >= _TIDY_EVERY
        if not ledger.unseen and not due:
            return
        async with self._database.write() as tx:
            await notices.forget_episodes(tx, ledger.unseen)
            await notices.forget(tx, now - _NOTICES_KEPT)
        self._tidied_at = now


def _change_of_all(ledger: Ledger, survey: Survey) -> Change | None:
    if ledger.down is None:
        cut_off = Episode(EpisodeKind.CUT_OFF, survey.since)
        return Began(cut_off) if survey.is_cut_off else None
    return Ended(ledger.down, survey.now) if survey.is_back else None


def _may_be_ours(one: _Own, outage: Episode) -> bool:
    """Whether a feed's failure may be that of all; one that said that it has ended is not.

    Nor is one of a day later: where most feeds have died for good, the rest are still told.
    """
    broke = isinstance(one.change, Began) and one.change.episode.kind is EpisodeKind.BROKEN
    soon = one.change.episode.since <= outage.since + _STRUCK_WITHIN
    return broke and soon and not one.memory.health.disabled


async def _write(
    tx: AsyncConnection, change: Change, episode: StoredEpisode, notice: Notice
) -> bool:
    """Write a change and its notice down; False if somebody else has."""
    step = notices.begin if isinstance(change, Began) else notices.end
    if not await step(tx, episode):
        return False
    await notices.write(
        tx,
        StoredNotice(
            notice.notice_id,
            notice.kind.value,
            notice.feed_id,
            notice.raised_at,
            notice.encode(),
        ),
    )
    return True


async def _spec(tx: AsyncConnection, feed_id: str) -> FeedSpec | None:
    item = await written.item(tx, Kind.FEEDS, feed_id)
    try:
        return FeedSpec.model_validate(dict(item.spec)) if item else None
    except ValidationError:  # `following` says so
        return None


def _log(notice: Notice) -> None:
    log.warning(
        "notice",
        kind=notice.kind.value,
        feed=notice.feed_id,
        since=notice.since.isoformat(),
        error=notice.error,
    )
