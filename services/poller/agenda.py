"""Which feeds there are and which is polled next. PURE.

Decides the order (the longest due first) and that no host gets more than its part of the
polls at the same time; whether a feed may be polled at all is asked of the caller. Work is
counted in feeds that were looked at: however many there are, none is looked at that is not
due, and never many in one go.

A feed that is not being polled is little more than a string of bytes here (see `packing`):
a hundred thousand fit into a small machine.
"""

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from schemas.folder import FeedSpec
from services.poller.addresses import host_of
from services.poller.memory import Memory, feed_state, replace_due
from services.poller.packing import Packed, Spec, pack, repack, spec_of, unpack

LOOKS_AT_ONCE = 200

GoesOnAt = Callable[[Memory, datetime], datetime | None]
"""When a feed may be polled again that may not be now; None if it may."""


StateOf = Callable[[Memory], str]
"""How a feed fares, in one word."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A feed whose turn it is, with its memory from before."""

    feed: FeedSpec
    memory: Memory
    host: str
    spec: Spec
    packed: Packed


@dataclass(slots=True)
class _Host:
    """A host that is being polled: how often, and who else is due there."""

    polls: int = 0
    waiting: deque[tuple[float, str]] = field(default_factory=deque)


class Agenda:
    """The feeds of this process."""

    def __init__(self, polls_per_host: int, state_of: StateOf = feed_state) -> None:
        self._polls_per_host = polls_per_host
        self._state_of = state_of
        self._packed: dict[str, Packed] = {}
        self._due: list[tuple[float, str]] = []
        self._turns: dict[str, Turn] = {}
        self._hosts: dict[str, _Host] = {}
        self.states: Counter[str] = Counter()
        """How many feeds fare how, in the words of `state_of`."""

    def __contains__(self, feed_id: str) -> bool:
        return feed_id in self._packed

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The polls under way."""
        return tuple(self._turns.values())

    def spec(self, feed_id: str) -> Spec | None:
        """What was written of a feed; None if there is no such feed."""
        packed = self._packed.get(feed_id)
        return None if packed is None else spec_of(packed)

    def memory(self, feed_id: str) -> Memory | None:
        """What is remembered of a feed; None if there is no such feed."""
        packed = self._packed.get(feed_id)
        return None if packed is None else unpack(packed)[1]

    def put(self, spec: Spec, memory: Memory) -> None:
        """Add a feed, or change it; a poll under way ends as it began."""
        feed_id = memory.feed_id
        self._uncount(feed_id)
        self._packed[feed_id] = pack(spec, memory)
        self.states[self._state_of(memory)] += 1
        if feed_id not in self._turns:
            self._expect(memory)

    def drop(self, feed_id: str) -> None:
        """There is no such feed any more."""
        self._uncount(feed_id)
        self._packed.pop(feed_id, None)

    def clear(self) -> None:
        """There are no feeds any more; polls under way end as any other."""
        self._packed.clear()
        self._due.clear()
        self.states.clear()

    def change(self, memory: Memory) -> None:
        """Remember something else of a feed that is not being polled."""
        spec = self.spec(memory.feed_id)
        if spec is not None and memory.feed_id not in self._turns:
            self.put(spec, memory)

    def set_back(self, by: timedelta) -> None:
        """The clock was set back: whoever is due by what it said before is due earlier."""
        for feed_id in tuple(self._packed):
            memory = self.memory(feed_id)
            if memory is not None and memory.next_due_at is not None:
                self.change(replace_due(memory, memory.next_due_at - by))

    def is_due(self, now: datetime) -> bool:
        """Whether there is anything to look at."""
        return bool(self._due) and self._due[0][0] <= now.timestamp()

    def next(self, now: datetime, goes_on_at: GoesOnAt) -> Turn | None:
        """The turn of the feed that is due the longest; to be given back with `end`.

        None if no feed is due, or only such as may not be polled among the first
        `LOOKS_AT_ONCE`; then `is_due` tells whether to ask again.
        """
        until = now.timestamp()
        for _ in range(LOOKS_AT_ONCE):
            if not self._due or self._due[0][0] > until:
                break
            entry = heapq.heappop(self._due)
            if turn := self._turn(entry, now, goes_on_at):
                return turn
        return None

    def end(self, turn: Turn, after: Memory | None) -> None:
        """A poll has ended; `after` is what is remembered now, None if it was undone."""
        feed_id = turn.memory.feed_id
        del self._turns[feed_id]
        self._leave(turn.host)
        packed = self._packed.get(feed_id)
        if packed is None:
            return
        spec, memory = (turn.spec, turn.memory) if packed is turn.packed else unpack(packed)
        # A feed that moved meanwhile has nothing to learn from its old address.
        if after is None or memory.url != after.url:
            self._expect(memory)
            return
        self._recount(memory, after)
        self._packed[feed_id] = repack(spec, packed, memory, after)
        self._expect(after)

    def _turn(self, entry: tuple[float, str], now: datetime, goes_on_at: GoesOnAt) -> Turn | None:
        """The feed's turn, unless this is an entry for something that is past."""
        due, feed_id = entry
        packed = self._packed.get(feed_id)
        if packed is None or feed_id in self._turns:
            return None
        spec, memory = unpack(packed)
        if memory.next_due_at is None or memory.next_due_at.timestamp() != due:
            return None
        later = goes_on_at(memory, now)
        if later is not None:
            self.put(spec, replace_due(memory, later))
            return None
        name = _host_of(memory.address)
        if not self._enter(name, entry):
            return None
        turn = Turn(_feed(spec), memory, name, spec, packed)
        self._turns[feed_id] = turn
        return turn

    def _enter(self, name: str, entry: tuple[float, str]) -> bool:
        """Whether the host has room for another poll; else the entry waits for its turn."""
        host = self._hosts.setdefault(name, _Host())
        if host.polls >= self._polls_per_host:
            host.waiting.append(entry)
            return False
        host.polls += 1
        return True

    def _leave(self, name: str) -> None:
        host = self._hosts[name]
        host.polls -= 1
        # An entry may be for something that is past: after the last poll there is nobody
        # who would let in those behind it.
        for _ in range(1 if host.polls else len(host.waiting)):
            if host.waiting:
                heapq.heappush(self._due, host.waiting.popleft())
        if not host.polls:
            del self._hosts[name]

    def _expect(self, memory: Memory) -> None:
        if memory.next_due_at is not None:
            heapq.heappush(self._due, (memory.next_due_at.timestamp(), memory.feed_id))

    def _recount(self, before: Memory, after: Memory) -> None:
        old, new = self._state_of(before), self._state_of(after)
        if old != new:
            self.states[old] -= 1
            self.states[new] += 1

    def _uncount(self, feed_id: str) -> None:
        if (before := self.memory(feed_id)) is not None:
            self.states[self._state_of(before)] -= 1


def _host_of(address: str) -> str:
    # Hosts are few; what comes after the host is no part of the question.
    return _host_of_start(address[: address.find("/", len("https://")) + 1] or address)


_host_of_start = lru_cache(10_000)(host_of)
_PLAIN = FeedSpec.model_validate({"id": "plain", "url": "http://plain.invalid/"})
_STATE = _PLAIN.__getstate__()
_PLAIN_FIELDS = frozenset({"id", "url", "name", "full_text", "late"})


def _feed(spec: Spec) -> FeedSpec:
    """A feed that was validated when it was put: plain values need not be for every poll."""
    if not spec.keys() <= _PLAIN_FIELDS:
        return FeedSpec.model_validate(spec)
    feed = FeedSpec.__new__(FeedSpec)
    feed.__setstate__({**_STATE, "__dict__": {**_PLAIN.__dict__, **spec}})
    return feed
