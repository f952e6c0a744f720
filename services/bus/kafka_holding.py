"""What a member of a group holds. PURE.

Decides where reading starts after partitions were given out, and whether a record may still
be committed: only what was handed out since this member holds the partition without a break.

A rebalance takes all partitions away and gives most of them back. A partition that comes
back was held without a break when the committed offset is the one this member knows: whoever
may have had it meanwhile has finished nothing. Then what is in hand stays valid.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.bus.errors import FencedError
from services.bus.port import Record


@dataclass(slots=True)
class _Held:
    first: int
    """Where this member started to read the partition."""
    position: int
    """The next offset to hand out."""
    committed: int | None
    """None: the group has never committed."""


@dataclass(slots=True)
class Holding:
    """The partitions of one topic that a member holds."""

    topic: str
    group: str
    unsettled: set[int] = field(default_factory=set)
    """Partitions whose committed offset has to be looked up before anything is read."""
    _held: dict[int, _Held] = field(default_factory=dict)

    def assigned(self, partitions: Iterable[int]) -> None:
        """These partitions and no others are held from now on."""
        self.unsettled = set(partitions)
        self._held = {p: held for p, held in self._held.items() if p in self.unsettled}

    def unsettle(self) -> None:
        """Reading was broken off somewhere: every position must be sought again."""
        self.unsettled |= self._held.keys()

    def rewind(self) -> None:
        """Forget what was handed out."""
        self.unsettle()
        self._held.clear()

    def settle(self, partition: int, committed: int | None, earliest: int) -> int:
        """The position from which to read `partition`.

        `committed` is the group's offset, `earliest` where one begins that never committed.
        """
        held = self._held.get(partition)
        if held is None or held.committed != committed:
            start = earliest if committed is None else committed
            held = self._held[partition] = _Held(start, start, committed)
        self.unsettled.discard(partition)
        return held.position

    def settled(self) -> list[int]:
        """The partitions that can be read."""
        return sorted(self._held.keys() - self.unsettled)

    def hand_out(self, records: Iterable[Record]) -> None:
        """These records, in order within a partition, go to the stage."""
        for record in records:
            self._held[record.partition].position = record.offset + 1

    def next_commit(self, record: Record) -> int | None:
        """The offset to commit for `record`; None when that or a later one is committed.

        Raises FencedError for a record of a partition that was lost meanwhile.
        """
        held = self._held.get(record.partition)
        if held is None or not held.first <= record.offset < held.position:
            raise FencedError(
                f"offset {record.offset} of {self.topic}, partition {record.partition}: "
                f"another member of {self.group} has taken the partition over meanwhile"
            )
        done = record.offset + 1
        return done if held.committed is None or done > held.committed else None

    def committed(self, partition: int, offset: int) -> None:
        """The broker has the commit."""
        if held := self._held.get(partition):
            held.committed = offset

    def has_work_in_hand(self) -> bool:
        """Whether records were handed out that are not committed."""
        return any(
            held.position > (held.first if held.committed is None else held.committed)
            for held in self._held.values()
        )
