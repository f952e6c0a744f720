"""Following what is configured: the agenda becomes what was written, once the rules are out.

Decides which feeds are this process's, and what one starts with that is new here. However
many feeds there are, they are read a page at a time: polls go on meanwhile.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import FeedSpec
from services.poller import memory as remembered
from services.poller.agenda import Agenda
from services.poller.memory import Memory
from services.poller.packing import Spec
from services.poller.sharing import Share
from services.store import feeds, written
from services.store.database import Database
from services.store.written import Kind

log = structlog.get_logger()

_AT_ONCE = 200
_FIRST_POLL_GAP = timedelta(seconds=0.05)  # between the first polls of many new feeds
_LONGEST_SPREAD = timedelta(minutes=15)  # a feed's longest interval


class Following:
    """Keeps an agenda as the database wants it."""

    def __init__(self, database: Database, agenda: Agenda, share: Share) -> None:
        self._database = database
        self._agenda = agenda
        self._share = share
        self._generation = 0
        self.invalid: set[str] = set()
        """Feeds as an earlier version took them, which this one cannot poll."""

    def begin_again(self) -> None:
        """Other feeds are ours now: look at them all.

        Where none is any more, what is known of them is out of date by the time they are.
        """
        self._generation = 0
        if self._share.is_lost():
            self._agenda.clear()

    async def look(self, now: datetime) -> None:
        """Take over feeds once the rules they were applied with are broadcast.

        Raises DatabaseUnavailableError: then it may have been done in part.
        """
        async with self._database.read() as tx:
            generation = await written.counter(tx, written.GENERATION)
            broadcast = await written.counter(tx, written.BROADCAST)
            if generation == self._generation or broadcast < generation:
                return
            await self._take_over(tx, now)
        self._generation = generation

    async def _take_over(self, tx: AsyncConnection, now: datetime) -> None:
        gone = set(self._agenda)
        self.invalid.clear()
        spread = min(await written.count(tx, Kind.FEEDS) * _FIRST_POLL_GAP, _LONGEST_SPREAD)
        async for page in written.pages(tx, Kind.FEEDS, _AT_ONCE):
            ours = {i: s.spec for i, s in page.items() if self._share.has(s.spec["url"])}
            gone.difference_update(ours)
            await self._put(tx, ours, now, spread * len(ours) / len(page))
        for number, feed_id in enumerate(gone, start=1):
            self._agenda.drop(feed_id)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _put(
        self, tx: AsyncConnection, ours: Mapping[str, Spec], now: datetime, spread: timedelta
    ) -> None:
        # One that has ended may have been taken out and put back between two looks.
        asked = {i for i in ours if i not in self._agenda or self._has_ended(i)}
        changed = {i: s for i, s in ours.items() if i in asked or self._agenda.spec(i) != s}
        stored = await feeds.states_of(tx, asked)
        for feed_id, spec in changed.items():
            feed = _valid(feed_id, spec)
            if feed is None:
                self.invalid.add(feed_id)
                self._agenda.drop(feed_id)
                continue
            state = stored.get(feed_id)
            known = None if feed_id in asked else self._agenda.memory(feed_id)
            if state is not None:
                known = remembered.by_this_clock(remembered.from_state(state), now)
            self._agenda.put(spec, _memory(feed, known, now, spread))

    def _has_ended(self, feed_id: str) -> bool:
        memory = self._agenda.memory(feed_id) if self._agenda.states["gone"] else None
        return memory is not None and memory.health.disabled


def _valid(feed_id: str, spec: Spec) -> FeedSpec | None:
    """What was written of a feed; None, loudly, where this version would not take it.

    The others are polled all the same. The values stay out of the log: they may be secret.
    """
    try:
        return FeedSpec.model_validate(spec)
    except ValidationError as error:
        mistakes = error.errors(include_input=False, include_url=False, include_context=False)
        log.error(
            "a stored feed is not valid in this version and is not polled; "
            "mend it in the folder and apply that",
            feed=feed_id,
            keys=sorted({str(mistake["loc"][0]) for mistake in mistakes if mistake["loc"]}),
        )
        return None


def _memory(feed: FeedSpec, known: Memory | None, now: datetime, spread: timedelta) -> Memory:
    if known is None:
        return remembered.new_memory(feed.id, feed.url, now, spread)
    return remembered.at_address(known, feed.url, now)
