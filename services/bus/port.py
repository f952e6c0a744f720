"""The bus as the stages see it: topics with consumer groups, on SQLite or on Kafka.

Every adapter passes `tests/contracts/bus_contract.py` unchanged. The guarantees:

- `send` and `send_all` return when the bus has the records durably: a crash of this
  process right after loses none of them. Records with the same key keep their order.
- A group reads every record at least once. A group that has never committed starts at
  the earliest record. Within a group a partition has one reader at a time; another
  consumer of the group waits and takes over when that one closes or dies.
- `commit` says "this record and all before it in its partition are done". What was
  fetched but not committed is fetched again after a restart or a `rewind`.
- Nothing is deleted that a declared group has not committed.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from schemas.topics import Topic
from services.runtime.dependency import DependencyUnavailableError

Headers = Mapping[str, bytes]


class BusUnavailableError(DependencyUnavailableError):
    """The bus cannot be reached or cannot store (broker away, disk full)."""


class OffsetOutOfRangeError(Exception):
    """A group's committed offset, or a follower's, lies outside what the topic holds.

    Records were lost or the topic was replaced: an operator must look, because
    silently starting elsewhere would hide the loss.
    """


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be sent. A value of None is a tombstone on a compacted topic."""

    topic: Topic
    key: str
    value: bytes | None
    headers: Headers = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: Headers
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind: records not committed yet, and their oldest's time."""

    records: int
    oldest_written_at: datetime | None


class Consumer(Protocol):
    """A member of a consumer group, reading one topic. Not to be shared between tasks."""

    async def fetch(self, max_records: int, timeout: float) -> Sequence[Record]:
        """Up to `max_records` records in order, as soon as there is one.

        Waits at most `timeout` seconds and then returns an empty sequence. Raises
        BusUnavailableError and OffsetOutOfRangeError.
        """

    async def commit(self, record: Record) -> None:
        """Remember durably that `record` and all before it in its partition are done."""

    async def rewind(self) -> None:
        """Continue at the first record that is not committed."""


class Bus(Protocol):
    """A bus. Open adapters with `async with`."""

    async def send(self, outgoing: Outgoing) -> None:
        """Send one record; returns when it is durable.

        Waits while a reading group is too far behind (back-pressure). Raises
        BusUnavailableError; the record may then be on the bus or not.
        """

    async def send_all(self, outgoing: Sequence[Outgoing]) -> None:
        """Send many records, in order; returns when all of them are durable."""

    def consume(self, topic: Topic, group: str) -> AbstractAsyncContextManager[Consumer]:
        """Join `group` to read `topic`; leaving the context leaves the group."""

    def follow(
        self, topic: Topic, after: Mapping[int, int] | None = None
    ) -> AsyncGenerator[Sequence[Record] | None, None]:
        """Read a whole topic without a group, from its beginning, and stay on it.

        Yields batches, and None each time it has caught up with the end as it was when
        it looked (also for an empty topic). A compacted topic may leave out records
        that a later record of the same key replaced.

        `after` names, by partition, the last offset that is already known; of these
        partitions only what stands behind it is read. Raises OffsetOutOfRangeError where
        the topic does not reach that far or no longer holds what comes next: it was
        replaced, and what was known of it is worth nothing. A topic that was replaced and
        has grown further since cannot be told by its offsets; see what stands there.
        """

    def since(self, topic: Topic, moment: datetime) -> AsyncGenerator[Sequence[Record], None]:
        """The records written at `moment` or later, without a group, and then the end.

        Yields batches up to the end as it was when it looked, in the order of each key;
        what retention deletes meanwhile may be left out. Close it with `aclosing`. Raises
        BusUnavailableError.
        """

    async def tail(self, topic: Topic, max_records: int) -> Sequence[Record]:
        """The last records of a topic, oldest first, without a group."""

    async def lag(self, topic: Topic, group: str) -> Lag:
        """How far `group` is behind on `topic`."""
