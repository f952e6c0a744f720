"""Sending: a channel's deliveries that are due are leased, tried several at a time, recorded.

Each channel is on its own: one that is slow or asks for a pause delays nobody else. No
transaction is open during an attempt. What has ended is recorded together, and in the same
transaction what there is room for is leased. What an outcome means is decided in `steps`, how
many attempts a channel bears in `pace`; everything here is action.
"""

import asyncio
import random
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.attempting import Attempting, Ended, OpenedChannel
from services.notifier.flights import Flights, Ready, lease_length
from services.notifier.pace import Pace
from services.notifier.recording import TRIAL_EVERY, Recorded, record
from services.notifier.reporting import Reporting
from services.notifier.steps import Held, SendingPolicy
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.metrics import Metrics
from services.runtime.wakeup import wait_any
from services.store import deliveries, suspensions, unsubscribed, updates
from services.store.database import Database
from services.store.deliveries import Leased

log = structlog.get_logger()

__all__ = ["OpenedChannel", "Sender"]

_AHEAD = 2
"""How many rows are leased for each attempt that may be under way."""

_GATHER_SECONDS = 0.005
"""How long an end waits for others to be recorded with it, where others are under way."""


class Sender:
    """Sends one channel's deliveries."""

    def __init__(
        self,
        opened: OpenedChannel,
        database: Database,
        policy: SendingPolicy,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._opened = opened
        self._database = database
        self._clock = clock
        self._owner = secrets.token_hex(16)  # of this sender's leases, and of no other's
        self._pace = Pace(opened.at_once)
        self._attempting = Attempting(opened, policy, clock, random.random)
        self._flights = Flights(self._attempting, self._allowed, self._on_end)
        self._reporting = Reporting(opened, metrics)
        self._stop = asyncio.Event()
        self._fresh = True  # nothing was tried yet: perhaps somebody has mended the channel
        self._perhaps_suspended = True
        self._more = True  # there may be more that is due
        self._unsure = False  # what is leased, and what is recorded: a transaction failed

    @property
    def busy(self) -> bool:
        """Whether anything is under way or not recorded."""
        return self._flights.busy

    async def send_due(self, stop: asyncio.Event) -> None:
        """Try every delivery that is due now; attempts under way when `stop` is set end.

        Raises DatabaseUnavailableError; the next call begins with what is left over then.
        """
        while await self.turn(stop) or self.busy:
            await self.until_something_ends(1.0)

    async def turn(self, stop: asyncio.Event, *, look: bool = True) -> bool:
        """Record what has ended and lease what there is room for; whether that was anything.

        Without `look` nothing is leased where the last look found less than there was room for.
        Raises DatabaseUnavailableError.
        """
        self._stop = stop
        flights = self._flights
        flights.changed.clear()
        unsure, self._unsure = self._unsure, False
        if unsure or not self._allowed():
            flights.hold()
        room = self._room() if look or self._more else 0
        if not (room or flights.ended or flights.back or unsure):
            return False
        ended, back = list(flights.ended), list(flights.back)
        try:
            async with self._database.write() as tx:
                if unsure:
                    await deliveries.release(tx, self._owner, flights.in_hand())
                recorded = await record(tx, self._opened.channel_id, ended)
                await deliveries.give_back(tx, self._owner, [row.delivery_id for row in back])
                leased = await self._lease(tx, room) if room else []
        except BaseException:
            self._unsure = True
            raise
        self._pace.recorded()
        del flights.ended[: len(ended)], flights.back[: len(back)]
        self._report(ended, recorded)
        flights.take(leased)
        return bool(leased)

    async def until_something_ends(self, seconds: float, *others: asyncio.Event) -> bool:
        """Wait until an attempt has ended or another event comes, at most `seconds`; whether so.

        Where more attempts are under way, a moment longer: what ends together is recorded so.
        """
        changed = self._flights.changed
        await wait_any(seconds, changed, *others)
        if changed.is_set() and self._flights.in_the_air and not any(e.is_set() for e in others):
            await asyncio.sleep(_GATHER_SECONDS)
        return changed.is_set() or any(event.is_set() for event in others)

    async def due_at(self) -> datetime | None:
        """When there is something to try next; None while there is nothing."""
        async with self._database.read() as tx:
            due = await deliveries.next_due(tx, self._opened.channel_id)
            suspension = await suspensions.of_channel(tx, self._opened.channel_id)
        if due is None:
            return None
        self._perhaps_suspended = suspension is not None
        trial = suspension.trial_at if suspension is not None and not self._fresh else due
        return max(due, trial, self._pace.rests_until or due)

    async def close(self) -> None:
        """Cut off what is under way, give back what is leased, and close the channel."""
        self._stop = asyncio.Event()
        self._stop.set()
        try:
            await self._flights.cut_off()
            await self.turn(self._stop)
        except DependencyUnavailableError as error:
            log.warning(
                "leases not given back; they end by themselves",
                channel=self._opened.channel_id,
                error=str(error),
            )
        finally:
            await self._opened.channel.close()

    def _allowed(self) -> int:
        if self._stop.is_set() or self._unsure:
            return 0
        return self._pace.allowed(self._clock())

    def _room(self) -> int:
        return max(
            0, self._allowed() * _AHEAD - len(self._flights.ready) - self._flights.in_the_air
        )

    def _on_end(self, end: Ended) -> None:
        if isinstance(end.step, Held):
            self._perhaps_suspended = True
        self._pace.note(end.step)

    async def _lease(self, tx: AsyncConnection, room: int) -> Sequence[Ready]:
        now = self._clock()
        until = now + lease_length(self._attempting.longest)
        channel_id = self._opened.channel_id
        leased = await _with_what_is_known(
            tx, await deliveries.lease(tx, channel_id, self._owner, now, until, room)
        )
        if not leased and self._perhaps_suspended and not self._flights.busy:
            return await self._lease_for_trial(tx, now, until)
        if leased:
            self._fresh = False
        self._more = len(leased) == room
        return [Ready(row, until) for row in leased]

    async def _lease_for_trial(
        self, tx: AsyncConnection, now: datetime, until: datetime
    ) -> Sequence[Ready]:
        channel_id = self._opened.channel_id
        following = now + TRIAL_EVERY
        if not await suspensions.take_trial(tx, channel_id, now, following, at_once=self._fresh):
            return []
        leased = await _with_what_is_known(
            tx,
            await deliveries.lease(tx, channel_id, self._owner, now, until, 1, suspended=True),
        )
        if leased:
            self._fresh = False
        else:  # there is nothing to try it with
            await suspensions.take_trial(tx, channel_id, now, now, at_once=True)
        return [Ready(row, until, trial=True) for row in leased]

    def _report(self, ended: Sequence[Ended], recorded: Recorded) -> None:
        for end in ended:
            self._reporting.attempt(end)
        self._reporting.channel(recorded)


async def _with_what_is_known(tx: AsyncConnection, rows: Sequence[Leased]) -> Sequence[Leased]:
    if not rows:
        return rows
    rows = await updates.with_threads(tx, rows)
    if not any(row.anybody_left for row in rows):
        return rows
    left = await unsubscribed.addresses_of_each(tx, {row.subscription_id for row in rows})
    nobody: frozenset[str] = frozenset()
    return [replace(row, left_out=left.get(row.subscription_id, nobody)) for row in rows]
