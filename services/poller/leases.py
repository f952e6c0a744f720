"""Who polls which hosts: slots of hosts, each leased to one poller at a time. PURE.

A host belongs to one of a fixed number of slots. Who *should* have a slot is decided among the
living pollers by rendezvous hashing, so that one poller's coming or going moves only its own
slots; who *has* it, by the lease in the database. A poller that should not have a slot any more
starts nothing there, and gives it up when its last poll there has ended.

A lease runs out by the database's clock. Its holder reckons from before it asked for it, by a
clock of its own that runs through every stop, and ends early: it never believes to hold what
another may have taken.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol

SLOTS = 256
TERM = timedelta(seconds=30)
# For clocks that do not run alike, and for what is begun in the last moment of a lease.
MARGIN = timedelta(seconds=5)
RENEW_EVERY = timedelta(seconds=4)
# While something is to be given up, somebody waits for it.
HAND_OVER_EVERY = timedelta(seconds=1)


class Held(Protocol):
    """A lease: who has it, until when by the database's clock."""

    @property
    def poller_id(self) -> str: ...

    @property
    def until(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What a poller asks of the leases at one renewal."""

    renew: frozenset[int]
    claim: frozenset[int]
    release: frozenset[int]


@dataclass(frozen=True, slots=True)
class Holding:
    """The slots that a poller has, until a time of its own clock, in seconds.

    `leaving` are those of them that should be another's.
    """

    slots: frozenset[int] = frozenset()
    leaving: frozenset[int] = frozenset()
    until: float = 0.0

    @property
    def ours(self) -> frozenset[int]:
        """The slots whose hosts are to be polled."""
        return self.slots - self.leaving

    def may_begin(self, slot: int, at: float) -> bool:
        """Whether a host of this slot may be polled."""
        return slot in self.slots and slot not in self.leaving and at < self.until

    def may_go_on(self, slot: int, at: float) -> bool:
        """Whether what has begun at a host of this slot may be ended in peace."""
        return slot in self.slots and at < self.until


def slot_of(host: str) -> int:
    """The slot that a host belongs to."""
    return int.from_bytes(hashlib.sha256(host.encode("utf-8", "replace")).digest()[:4]) % SLOTS


@lru_cache(maxsize=8)
def share_of(poller: str, living: frozenset[str]) -> frozenset[int]:
    """The slots that a poller should have: each goes to the highest hash of slot and poller."""
    return frozenset(
        slot for slot in range(SLOTS) if max(living, key=lambda p: _weight(slot, p)) == poller
    )


def plan(
    poller: str,
    share: frozenset[int],
    leases: Mapping[int, Held],
    given_up: Collection[int],
    now: datetime,
) -> Plan:
    """What to ask for at `now`, by the database's clock.

    `given_up` are slots in which the poller will begin nothing and where nothing is under way.
    """
    free = {slot for slot in share if slot not in leases or leases[slot].until <= now}
    mine = {s for s, lease in leases.items() if lease.poller_id == poller and lease.until > now}
    release = mine.intersection(given_up) - share
    return Plan(frozenset(mine - release), frozenset(free), frozenset(release))


def holding(share: frozenset[int], slots: frozenset[int], asked_at: float) -> Holding:
    """What a poller has whose request of `asked_at`, by its own clock, gave it these slots."""
    return Holding(slots, slots - share, asked_at + (TERM - MARGIN).total_seconds())


def _weight(slot: int, poller: str) -> bytes:
    return hashlib.sha256(f"{slot}\x00{poller}".encode()).digest()
