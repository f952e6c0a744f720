"""How several pollers share the feeds: a poller polls the hosts whose leases it has.

What it asks for and how long it may believe in what it got is `leases`' judgement. Article
pages are read by whoever has the feed, and the target of a redirect by whoever follows it:
their hosts may see several pollers.
"""

import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.poller.addresses import host_of
from services.poller.leases import (
    HAND_OVER_EVERY,
    RENEW_EVERY,
    SLOTS,
    TERM,
    Holding,
    holding,
    plan,
    share_of,
    slot_of,
)
from services.store import leases
from services.store.database import Database

log = structlog.get_logger()


class Share(Protocol):
    """Which feeds are this poller's to poll."""

    async def refresh(self, polled: Collection[str]) -> bool:
        """Look who lives; whether the share has changed. Raises DatabaseUnavailableError.

        `polled` are the feeds being polled: their hosts are not handed over meanwhile.
        """

    def has(self, url: str) -> bool:
        """Whether the feed at `url` may be polled by this poller."""

    def holds(self, url: str) -> bool:
        """Whether a poll under way there may go on."""

    def is_lost(self) -> bool:
        """Whether nothing is this poller's; others may have polled what it knew."""

    async def give_up(self) -> None:
        """Leave, so that others take over at once."""


class Everything:
    """The share of a poller that is alone."""

    async def refresh(self, polled: Collection[str]) -> bool:
        """Nothing changes."""
        return False

    def has(self, url: str) -> bool:
        """Every feed."""
        return True

    def holds(self, url: str) -> bool:
        """Every feed."""
        return True

    def is_lost(self) -> bool:
        """Never."""
        return False

    async def give_up(self) -> None:
        """Nobody is there to take over."""


def seconds_passed() -> float:
    """A clock that nobody sets, and that runs on while the process or the machine is stopped."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Clocks:
    """The poller's own clock, and the database's, at the beginning of a transaction."""

    here: Callable[[], float] = seconds_passed
    there: Callable[[AsyncConnection], Awaitable[datetime]] = leases.begin


class HostShare:
    """The hosts that one poller among several has leases for."""

    def __init__(self, database: Database, clocks: Clocks | None = None) -> None:
        self._database = database
        self._clocks = clocks or Clocks()
        self._me = secrets.token_hex(8)
        self._holding = Holding()
        self._asked_at: float | None = None

    async def refresh(self, polled: Collection[str]) -> bool:
        """Renew what is ours, take what is free, and hand over what should be another's.

        When the leases have run out, all is lost first, and asked for the next time.
        """
        asked_at = self._clocks.here()
        if self._holding.slots and asked_at >= self._holding.until:
            log.warning("the leases on hosts have run out; nothing is polled until they are back")
            self._holding, self._asked_at = Holding(), None
            return True
        if not self._is_time(asked_at):
            return False
        before = self._holding
        busy = {_slot(url) for url in polled}
        # Not what is found to be another's now: a poll may begin there while we ask.
        self._holding = await self._ask(before.leaving - busy, asked_at)
        self._asked_at = asked_at
        return self._tell_changes(before)

    def has(self, url: str) -> bool:
        """Whether the URL's host is ours, now and for longer."""
        return self._holding.may_begin(_slot(url), self._clocks.here())

    def holds(self, url: str) -> bool:
        """Whether the URL's host is ours, now."""
        return self._holding.may_go_on(_slot(url), self._clocks.here())

    def is_lost(self) -> bool:
        """Whether we hold nothing."""
        return not self._holding.slots

    async def give_up(self) -> None:
        """Leave the living, and all leases to them."""
        self._holding = Holding()
        async with self._database.write() as tx:
            await leases.leave(tx, self._me)

    def _is_time(self, now: float) -> bool:
        every = HAND_OVER_EVERY if self._holding.leaving else RENEW_EVERY
        return self._asked_at is None or now - self._asked_at >= every.total_seconds()

    async def _ask(self, given_up: Collection[int], asked_at: float) -> Holding:
        async with self._database.write() as tx:
            now = await self._clocks.there(tx)
            await leases.sign(tx, self._me, now)
            share = share_of(self._me, await leases.living(tx, now - TERM))
            wanted = plan(self._me, share, await leases.leases(tx), given_up, now)
            slots = await leases.renew(tx, self._me, wanted.renew, now + TERM)
            slots |= await leases.claim(tx, self._me, sorted(wanted.claim), now, now + TERM)
            await leases.release(tx, self._me, wanted.release)
        return holding(share, slots, asked_at)

    def _tell_changes(self, before: Holding) -> bool:
        ours = self._holding.ours
        if ours == before.ours:
            return False
        handing_over = len(self._holding.leaving)
        log.info("share of the hosts", of=SLOTS, slots=len(ours), handing_over=handing_over)
        return True


def _slot(url: str) -> int:
    return slot_of(host_of(url))
