"""No two pollers ever have one slot, whatever stops, dies, joins or is late."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from services.poller.leases import (
    HAND_OVER_EVERY,
    MARGIN,
    RENEW_EVERY,
    SLOTS,
    TERM,
    Holding,
    holding,
    plan,
    share_of,
    slot_of,
)

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALL = frozenset(range(SLOTS))


@dataclass(frozen=True)
class Row:
    poller_id: str
    until: datetime


def test_hosts_spread_evenly_over_the_slots() -> None:
    counts = Counter(slot_of(f"news{n}.example") for n in range(SLOTS * 40))
    assert len(counts) == SLOTS
    assert max(counts.values()) < 80


def test_every_slot_is_one_pollers_and_each_gets_its_part() -> None:
    living = frozenset(f"p{n}" for n in range(4))
    shares = [share_of(poller, living) for poller in living]
    assert sum(len(share) for share in shares) == SLOTS
    assert frozenset().union(*shares) == ALL
    assert all(40 < len(share) < 90 for share in shares)


def test_a_poller_that_comes_or_goes_moves_its_own_slots_only() -> None:
    few, more = frozenset({"a", "b"}), frozenset({"a", "b", "c"})
    for poller in few:
        assert share_of(poller, more) <= share_of(poller, few)


def test_free_and_expired_slots_are_claimed_and_those_of_others_are_not() -> None:
    leases = {
        1: Row("me", NOW + SECOND),
        2: Row("other", NOW + SECOND),
        3: Row("other", NOW),
        4: Row("me", NOW),
        5: Row("me", NOW + SECOND),
        6: Row("me", NOW + SECOND),
    }
    wanted = plan("me", frozenset({0, 1, 2, 3, 4}), leases, {5}, NOW)
    assert wanted.renew == {1, 6}, "6 is not ours to have, but not yet given up"
    assert wanted.claim == {0, 3, 4}
    assert wanted.release == {5}


def test_a_slot_that_is_ours_again_is_not_released() -> None:
    leases = {5: Row("me", NOW + SECOND)}
    assert plan("me", frozenset({5}), leases, {5}, NOW).renew == {5}


def test_a_poller_begins_nothing_where_another_is_to_take_over() -> None:
    ours = holding(frozenset({1}), frozenset({1, 2}), asked_at=100)
    end = 100 + (TERM - MARGIN).total_seconds()
    assert (ours.ours, ours.leaving) == (frozenset({1}), frozenset({2}))
    assert ours.may_begin(1, end - 1)
    assert not ours.may_begin(1, end)
    assert not ours.may_begin(2, 100)
    assert ours.may_go_on(2, end - 1)
    assert not ours.may_go_on(2, end)


# Everything that can happen to several pollers, at random. The tables do what the
# statements of services.store.leases do; that those do it is tested in test_sharing.


@dataclass
class World:
    """The true time in seconds, and the tables; the database's clock is an hour wrong."""

    chance: random.Random
    at: float = 0.0
    signs: dict[str, datetime] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)

    def database_time(self) -> datetime:
        return NOW + timedelta(hours=1, seconds=self.at)

    def renew(self, poller: str, slots: frozenset[int], until: datetime) -> frozenset[int]:
        renewed = {s for s in slots if s in self.rows and self.rows[s].poller_id == poller}
        self.rows |= {slot: Row(poller, until) for slot in renewed}
        return frozenset(renewed)

    def claim(self, poller: str, slots: frozenset[int], now: datetime) -> frozenset[int]:
        claimed = {s for s in slots if s not in self.rows or self.rows[s].until <= now}
        self.rows |= {slot: Row(poller, now + TERM) for slot in claimed}
        return frozenset(claimed)

    def release(self, poller: str, slots: frozenset[int]) -> None:
        for slot in slots:
            if slot in self.rows and self.rows[slot].poller_id == poller:
                del self.rows[slot]


@dataclass
class Poller:
    """A poller whose own clock runs a little too fast or too slow, from anywhere."""

    name: str
    world: World
    rate: float
    origin: float
    has: Holding = field(default_factory=Holding)
    polling: set[int] = field(default_factory=set)
    asked_at: float = -1e9
    stopped_until: float = 0.0
    asking: Iterator[None] = field(default_factory=lambda: iter(()))

    def here(self) -> float:
        return self.origin + self.world.at * self.rate

    def live(self) -> None:
        """A turn of the loop: polls begin and end, and a request goes a step further."""
        chance = self.world.chance
        self.polling = {
            slot
            for slot in self.polling
            if self.has.may_go_on(slot, self.here()) and chance.random() < 0.8
        }
        begun = [slot for slot in sorted(self.has.slots) if self.has.may_begin(slot, self.here())]
        self.polling |= set(chance.sample(begun, len(begun) // 10))
        every = HAND_OVER_EVERY if self.has.leaving else RENEW_EVERY
        if next(self.asking, "done") and self.here() - self.asked_at >= every.total_seconds():
            self.asking = self._ask()
            next(self.asking)

    def _ask(self) -> Iterator[None]:
        """As `HostShare.refresh`; wherever it waits, time passes and others come first."""
        world, asked_at = self.world, self.here()
        before = self.has if asked_at < self.has.until else Holding()
        given_up = before.leaving - self.polling
        yield
        now = world.database_time()
        world.signs[self.name] = now
        living = frozenset(name for name, sign in world.signs.items() if sign >= now - TERM)
        share, seen = share_of(self.name, living), dict(world.rows)
        yield
        wanted = plan(self.name, share, seen, given_up, now)
        slots = world.renew(self.name, wanted.renew, now + TERM)
        slots |= world.claim(self.name, wanted.claim, now)
        world.release(self.name, wanted.release)
        yield
        self.has, self.asked_at = holding(share, slots, asked_at), asked_at


@dataclass
class Pollers:
    """All that run, and what is to be true of them."""

    world: World
    running: list[Poller] = field(default_factory=list)
    last_had: dict[int, float] = field(default_factory=lambda: dict.fromkeys(ALL, 0.0))
    last_trouble: float = 0.0
    handed_over: int = 0

    def trouble(self) -> None:
        """Now and then a poller joins, dies, or is stopped for a while."""
        chance, at = self.world.chance, self.world.at
        dice = chance.random()
        if not self.running or (dice < 0.004 and len(self.running) < 5):
            clock = 1 + chance.uniform(-0.02, 0.02), chance.uniform(0, 1e6)
            self.running.append(Poller(f"p{at}", self.world, *clock))
        elif dice < 0.006 and len(self.running) > 1:
            self.running.remove(chance.choice(self.running))
        elif dice < 0.012:
            end = at + chance.choice([0.5, 6, 24, 26, 29, 31, 90])
            chance.choice(self.running).stopped_until = end
            self.last_trouble = max(self.last_trouble, end)
        else:
            return
        self.last_trouble = max(self.last_trouble, at)

    def live(self) -> None:
        for poller in self.world.chance.sample(self.running, len(self.running)):
            if poller.stopped_until <= self.world.at:
                poller.live()

    def check(self) -> None:
        at = self.world.at
        having: Counter[int] = Counter()
        for poller in self.running:
            if poller.stopped_until > at:
                continue  # it can do nothing; when it goes on, its clock has gone on too
            its = [slot for slot in poller.has.slots if poller.has.may_go_on(slot, poller.here())]
            having.update(its)
            assert poller.polling <= set(its)
            self.handed_over += bool(poller.has.leaving)
        assert all(count == 1 for count in having.values())
        self.last_had |= dict.fromkeys(having, at)
        if at - self.last_trouble > 60:
            assert at - min(self.last_had.values()) < 60
            assert not any(poller.has.leaving for poller in self.running)


@pytest.mark.parametrize("seed", range(8))
def test_two_pollers_never_have_one_slot_and_no_slot_is_nobodys_for_a_minute(seed: int) -> None:
    world = World(random.Random(seed))
    pollers = Pollers(world)
    for step in range(4000):
        world.at = step * 0.25
        pollers.trouble()
        pollers.live()
        pollers.check()
    assert pollers.handed_over
