"""What a sender has in hand: rows that wait for their attempt, attempts, ends to be recorded.

An attempt begins only where its lease outlasts it: nobody else can begin one meanwhile. Leaves
to the sender what is leased, recorded and given back.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.notifier.attempting import Attempting, Ended
from services.notifier.outcome import Reason
from services.notifier.steps import Again
from services.store.deliveries import Leased, rank_of

_RECORDING = timedelta(seconds=15)  # within which what has ended is recorded


def lease_length(longest_attempt: timedelta) -> timedelta:
    """How long a lease lasts: for an attempt that begins at once, and for one that waits for it."""
    return 2 * longest_attempt + _RECORDING


@dataclass(frozen=True, slots=True)
class Ready:
    """A row that is leased until `until` and waits for its attempt."""

    row: Leased
    until: datetime
    trial: bool = False


@dataclass(slots=True)
class Flights:
    """The rows of one sender. `allowed` says how many attempts may be under way now."""

    attempting: Attempting
    allowed: Callable[[], int]
    on_end: Callable[[Ended], None]
    ready: list[Ready] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    back: list[Leased] = field(default_factory=list)  # to be given back, untried
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _flying: dict[str, tuple[Leased, asyncio.Task[None]]] = field(default_factory=dict)

    @property
    def in_the_air(self) -> int:
        """How many attempts are under way."""
        return len(self._flying)

    @property
    def busy(self) -> bool:
        """Whether there is anything in hand."""
        return bool(self.ready or self._flying or self.ended or self.back)

    def in_hand(self) -> Sequence[str]:
        """The deliveries that are leased, as far as is known here."""
        rows = [*(r.row for r in self.ready), *(e.row for e in self.ended), *self.back]
        return [*self._flying, *(row.delivery_id for row in rows)]

    def take(self, rows: Sequence[Ready]) -> None:
        """These were leased; alerts go before the updates that wait already."""
        self.ready += rows
        self.ready.sort(key=lambda ready: rank_of(ready.row.kind))
        self.begin()

    def begin(self) -> None:
        """Begin as many attempts as may be under way."""
        while self.ready and len(self._flying) < self.allowed():
            ready = self.ready.pop(0)
            if self.attempting.clock() + self.attempting.longest + _RECORDING > ready.until:
                self.back.append(ready.row)
                self.changed.set()
                continue
            flight = asyncio.create_task(self._fly(ready), name=ready.row.delivery_id)
            self._flying[ready.row.delivery_id] = ready.row, flight

    def hold(self) -> None:
        """Begin nothing more of what waits; it is to be given back."""
        self.back += [ready.row for ready in self.ready]
        self.ready.clear()

    async def cut_off(self) -> None:
        """End what is under way, now; it may have arrived."""
        cut = list(self._flying.values())
        for _, flight in cut:
            flight.cancel()
        await asyncio.gather(*(flight for _, flight in cut), return_exceptions=True)
        now = self.attempting.clock()
        for row, _ in cut:
            if self._flying.pop(row.delivery_id, None) is not None:
                told = "cut off: the process ended meanwhile"
                step = Again(Reason.TIMED_OUT, told, now, None, uncertain=True)
                self.ended.append(Ended(row, None, step, now))

    async def _fly(self, ready: Ready) -> None:
        end = await self.attempting(ready.row, trial=ready.trial)
        self._flying.pop(ready.row.delivery_id)
        self.ended.append(end)
        self.on_end(end)
        self.changed.set()
        self.begin()
