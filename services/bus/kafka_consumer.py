"""A member of a consumer group on Kafka.

Decides when partitions may be taken away (when the batch in hand is done, or after
`hand_over`), from where reading goes on, and when a quiet broker counts as away. What may
be committed is `kafka_holding`'s.

Offsets are this module's own business, not aiokafka's: positions are sought after every
rebalance and after every call that was broken off, because aiokafka loses what such a call
had taken from its buffer (a bad checksum in the second of two batches drops the first).
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from aiokafka import (  # type: ignore[import-untyped]
    AIOKafkaConsumer,
    ConsumerRebalanceListener,
    ConsumerRecord,
)
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]
from aiokafka.errors import OffsetOutOfRangeError as FetchedOutOfRangeError
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

from schemas.topics import Topic
from services.bus.errors import FencedError
from services.bus.kafka_connection import KafkaConnection
from services.bus.kafka_hearing import Hearing
from services.bus.kafka_holding import Holding
from services.bus.kafka_offsets import committed_offsets
from services.bus.port import OffsetOutOfRangeError, Record

log = structlog.get_logger()

FETCH_BYTES = 2_097_152
"""For each partition; above the largest batch that a broker takes (1 MiB)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POLL_SECONDS = 0.25  # so that partitions assigned meanwhile are read soon
_SLACK_SECONDS = 0.2  # a poll that is late by this much is stuck behind a rebalance


def record_of(found: ConsumerRecord) -> Record:
    """A record as aiokafka gives it, as the port has it."""
    return Record(
        topic=found.topic,
        partition=found.partition,
        offset=found.offset,
        key=(found.key or b"").decode(errors="replace"),
        value=found.value,
        headers=dict(found.headers),
        written_at=_EPOCH + timedelta(milliseconds=found.timestamp),
    )


class KafkaConsumer:
    """See the port. Made by `KafkaBus.consume`; `kafka` is started and not subscribed."""

    def __init__(
        self, kafka: AIOKafkaConsumer, connection: KafkaConnection, topic: Topic, group: str
    ) -> None:
        self._kafka = kafka
        self._connection = connection
        self._topic = topic.name
        # Asking for no partition would mean all of them.
        self._nobodys = TopicPartition(topic.name, -1)
        self._group = group
        self._holding = Holding(topic.name, group)
        self._hearing = Hearing()
        self._assigned = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._rebalances = 0
        self._left = False

    def join(self) -> None:
        """Join the group, in the background."""
        self._kafka.subscribe([self._topic], listener=_Rebalances(self))

    def leave(self) -> None:
        """Hold nothing up any more; only for `KafkaBus.consume`, which then disconnects."""
        self._left = True
        self._at_rest.set()

    async def fetch(self, max_records: int, timeout: float) -> Sequence[Record]:
        """See the port. Raises FencedError when reading has broken down for good."""
        self._refuse_after_leaving()
        # Whoever fetches is done with what it was given; partitions may change hands now.
        self._at_rest.set()
        with self._connection.explaining(f"reading {self._topic}"):
            records = await self._fetch(max_records, timeout)
        if records:
            self._at_rest.clear()
            self._holding.hand_out(records)
        return records

    async def commit(self, record: Record) -> None:
        """See the port. Raises FencedError for what was read before somebody took over."""
        self._refuse_after_leaving()
        if record.topic != self._topic:
            raise ValueError(f"a record of {record.topic} committed on {self._topic}")
        with self._connection.explaining(f"committing {self._topic} for {self._group}"):
            async with asyncio.timeout(self._connection.times.answer):
                if not self._assigned.is_set():
                    await self._sit_out_a_rebalance()
                await self._settle()
                await self._commit(record)
        if not self._holding.has_work_in_hand():
            self._at_rest.set()

    async def rewind(self) -> None:
        """See the port."""
        self._refuse_after_leaving()
        self._holding.rewind()

    async def let_go(self) -> None:
        """Partitions are to be taken away: wait for the batch in hand, but not for ever."""
        try:
            async with asyncio.timeout(self._connection.times.hand_over):
                await self._at_rest.wait()
        except TimeoutError:
            log.warning("partitions change hands during a batch", **self._place())
        self._assigned.clear()

    def take(self, partitions: Iterable[TopicPartition]) -> None:
        """A rebalance is over, and these partitions are ours."""
        self._rebalances += 1
        numbers = sorted(one.partition for one in partitions)
        log.info("partitions assigned", partitions=numbers, **self._place())
        self._holding.assigned(numbers)
        self._hearing.forget()
        self._assigned.set()

    async def _fetch(self, max_records: int, timeout: float) -> Sequence[Record]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        while True:
            began = clock()
            records = await self._read(max_records, min(_POLL_SECONDS, deadline - began))
            if records:
                return records
            await self._make_sure_of_silence(clock() - began)
            if clock() >= deadline:
                return ()

    async def _read(self, max_records: int, timeout: float) -> Sequence[Record]:
        try:
            if self._assigned.is_set():
                async with asyncio.timeout(self._connection.times.answer):
                    await self._settle()
            return await self._poll(max_records, max(0.0, timeout))
        except FetchedOutOfRangeError as error:
            self._holding.unsettle()
            raise await self._out_of_range(error.args[0]) from None
        except KafkaError as error:
            self._holding.unsettle()
            if self._kafka._coordinator._coordination_task.done():
                raise FencedError(f"the member of {self._group} broke down: {error}") from error
            raise
        except BaseException:
            self._holding.unsettle()
            raise

    async def _poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        rebalances = self._rebalances
        mine = self._mine()
        try:
            async with asyncio.timeout(timeout + _SLACK_SECONDS):
                # Also without partitions: aiokafka puts a member out that does not poll, and
                # lets it in again only when it does (aiokafka #1187).
                found = await self._kafka.getmany(
                    *(mine or [self._nobodys]),
                    timeout_ms=int(timeout * 1000),
                    max_records=max_records,
                )
        except TimeoutError:
            self._holding.unsettle()
            return ()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # aiokafka shows its own coordination task, cancelled when the coordinator went
            # away in the middle of a request. The member is lost, the group is not.
            raise FencedError("the group's coordination broke off; joining again") from error
        if rebalances != self._rebalances:
            self._holding.unsettle()
            return ()
        return [record_of(record) for records in found.values() for record in records]

    async def _settle(self) -> None:
        """Look up where to read on, unless that is known."""
        while self._holding.unsettled:
            rebalances = self._rebalances
            partitions = [TopicPartition(self._topic, p) for p in self._holding.unsettled]
            committed = await committed_offsets(self._kafka, self._group, partitions)
            new = [one for one in partitions if committed[one] is None]
            earliest = await self._kafka.beginning_offsets(new) if new else {}
            # For a moment, aiokafka has new partitions that it has not told yet.
            told = self._kafka.assignment().issuperset(partitions)
            if told and rebalances == self._rebalances:
                for one in partitions:
                    first = earliest.get(one, 0)
                    self._kafka.seek(
                        one, self._holding.settle(one.partition, committed[one], first)
                    )

    async def _sit_out_a_rebalance(self) -> None:
        # A member that was put out for not polling is let in again only while it polls.
        await self._kafka.getmany(self._nobodys)
        await self._assigned.wait()

    async def _commit(self, record: Record) -> None:
        offset = self._holding.next_commit(record)
        # Outside of a generation the broker takes a commit from anybody while the group is
        # empty, also one that goes back behind a member that came and went.
        if self._kafka._coordinator.generation < 0:
            raise FencedError(f"this member was put out of {self._group} on {self._topic}")
        if offset is not None:
            await self._kafka.commit({TopicPartition(self._topic, record.partition): offset})
            self._holding.committed(record.partition, offset)

    async def _make_sure_of_silence(self, waited: float) -> None:
        """Ask the brokers when nothing was heard for long; raises when they do not answer."""
        mine = self._mine()
        self._hearing.listen(self._kafka, mine, waited)
        if self._hearing.silence >= self._connection.times.answer:
            self._hearing.forget()
            await self._extent(mine or [TopicPartition(self._topic, 0)])

    async def _extent(
        self, partitions: Sequence[TopicPartition]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        async with asyncio.timeout(self._connection.times.answer):
            first = await self._kafka.beginning_offsets(partitions)
            return first, await self._kafka.end_offsets(partitions)

    async def _out_of_range(self, positions: dict[TopicPartition, int]) -> OffsetOutOfRangeError:
        ((one, position),) = positions.items()
        first, end = await self._extent([one])
        return OffsetOutOfRangeError(
            f"{self._group} is at offset {position} of {self._topic}, partition "
            f"{one.partition}, which holds {first[one]} up to {end[one]}: records were deleted "
            "before they were read or the topic was replaced; find out which, then set the "
            "group's offset with kafka-consumer-groups.sh --reset-offsets"
        )

    def _mine(self) -> list[TopicPartition]:
        assigned = self._kafka.assignment()
        settled = (TopicPartition(self._topic, p) for p in self._holding.settled())
        return [one for one in settled if one in assigned]

    def _place(self) -> dict[str, str]:
        return {"topic": self._topic, "group": self._group}

    def _refuse_after_leaving(self) -> None:
        if self._left:
            raise FencedError(f"this consumer has left {self._group} on {self._topic}")


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    """What aiokafka calls from its own task."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._consumer.let_go()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._consumer.take(assigned)
