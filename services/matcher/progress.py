"""How far a member of the matchers' group has come in each partition of its topic. PURE.

Decides which record may be worked on, which is repeated, and which offset may be committed:
only one that a finished record has reached, with every record before it. Where records are
missing it says so, because committing past them would lose them silently.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Take:
    """The record is the next one, or one that came before; it may be worked on."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The record is of a partition whose position is not known now; it will come again."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The records from `expected` up to the one that came were not delivered."""

    expected: int


Arrival = Take | Leave | Missing


@dataclass(slots=True)
class Progress:
    """The partitions held since the last rebalance, by number."""

    _next: dict[int, int] = field(default_factory=dict)
    """No record below this offset is missing."""
    _done: dict[int, int] = field(default_factory=dict)
    """Every record below this offset is done."""

    def forget(self) -> None:
        """Partitions were given out anew; nothing is known of any of them."""
        self._next.clear()
        self._done.clear()

    def start(self, positions: Mapping[int, int]) -> None:
        """Reading goes on at these offsets.

        A position behind what has arrived since `forget` only brings repeats.
        """
        for partition, offset in positions.items():
            self._next[partition] = max(offset, self._next.get(partition, offset))

    def arrived(self, partition: int, offset: int) -> Arrival:
        """What to do with the record at `offset`."""
        expected = self._next.get(partition)
        if expected is None:
            return Leave()
        if offset > expected:
            return Missing(expected)
        self._next[partition] = max(expected, offset + 1)
        return Take()

    def finished(self, partition: int, offset: int) -> None:
        """The record at `offset` is done, and so are all that were taken before it."""
        if partition in self._next:
            self._done[partition] = max(offset + 1, self._done.get(partition, 0))

    def due(self) -> Mapping[int, int]:
        """The offsets that may be committed."""
        return dict(self._done)
