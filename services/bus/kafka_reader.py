"""Reading from Kafka without taking part in a group: following, the tail, the lag.

Decides when a reader has caught up: when its positions have reached the ends, or when the
broker has nothing more to give before them (compaction and control records leave holes).
"""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    OffsetOutOfRangeError as FetchedOutOfRangeError,
)
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

from schemas.topics import Topic
from services.bus.kafka_connection import (
    KafkaConnection,
    disconnect,
    partitions_of,
    slow_down,
)
from services.bus.kafka_consumer import FETCH_BYTES, record_of
from services.bus.kafka_hearing import Hearing
from services.bus.kafka_offsets import committed_offsets
from services.bus.port import Lag, OffsetOutOfRangeError, Record

FOLLOW_BATCH = 500
_POLL_SECONDS = 1.0  # longer than a broker holds an empty answer back (0.5 s)

Offsets = Mapping[TopicPartition, int]


@asynccontextmanager
async def open_reader(
    connection: KafkaConnection, topic: Topic, fetch_bytes: int = FETCH_BYTES
) -> AsyncIterator["KafkaReader"]:
    """Read `topic`, all partitions that it has now, from where it is told to by `seek`."""
    async with _connected(connection, topic, fetch_bytes=fetch_bytes) as kafka:
        with connection.explaining(f"opening {topic.name}"):
            partitions = await partitions_of(kafka, connection, topic)
        kafka.assign(partitions)
        yield KafkaReader(kafka, connection, topic, partitions)


@asynccontextmanager
async def _connected(
    connection: KafkaConnection,
    topic: Topic,
    group: str | None = None,
    fetch_bytes: int = FETCH_BYTES,
) -> AsyncIterator[AIOKafkaConsumer]:
    kafka = AIOKafkaConsumer(
        bootstrap_servers=connection.servers,
        client_id=connection.client_id,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=fetch_bytes,
    )
    slow_down(kafka._client)
    try:
        with connection.explaining(f"opening {topic.name}"):
            async with asyncio.timeout(connection.times.answer):
                await kafka.start()
        yield kafka
    finally:
        await disconnect(kafka)


@dataclass(slots=True)
class KafkaReader:
    """Positions in the partitions of a topic. Made by `open_reader`."""

    kafka: AIOKafkaConsumer
    connection: KafkaConnection
    topic: Topic
    partitions: Sequence[TopicPartition]
    hearing: Hearing = field(default_factory=Hearing)

    async def extent(self) -> tuple[Offsets, Offsets]:
        """The first offset of each partition, and the one after its last."""
        with self.connection.explaining(f"looking up offsets of {self.topic.name}"):
            async with asyncio.timeout(self.connection.times.answer):
                first = await self.kafka.beginning_offsets(self.partitions)
                return first, await self.kafka.end_offsets(self.partitions)

    async def written_since(self, milliseconds: int) -> Offsets:
        """In each partition that has one, the first record that is not older."""
        with self.connection.explaining(f"looking up offsets of {self.topic.name}"):
            async with asyncio.timeout(self.connection.times.answer):
                found = await self.kafka.offsets_for_times(
                    dict.fromkeys(self.partitions, milliseconds)
                )
        return {partition: place.offset for partition, place in found.items() if place}

    def seek(self, positions: Offsets) -> None:
        """Read on from there."""
        for partition, position in positions.items():
            self.kafka.seek(partition, position)

    async def poll(self, *partitions: TopicPartition) -> Sequence[Record]:
        """The next records, as soon as there is one; none when none comes within a second.

        Of all partitions unless some are named; those must have been sought.

        Raises OffsetOutOfRangeError, and BusUnavailableError when the brokers were not heard
        of for too long.
        """
        with self.connection.explaining(f"reading {self.topic.name}"):
            try:
                found = await self.kafka.getmany(
                    *partitions, timeout_ms=int(_POLL_SECONDS * 1000), max_records=FOLLOW_BATCH
                )
            except FetchedOutOfRangeError as error:
                raise _lost(self.topic, error.args[0]) from None
            if not found:
                await self._make_sure_of_silence()
        return [record_of(record) for records in found.values() for record in records]

    async def read_to(self, ends: Offsets) -> AsyncGenerator[Sequence[Record], None]:
        """What there is before `ends`; one batch may go beyond."""
        while await self.is_before(ends):
            records = await self.poll()
            if not records and self.hearing.silence == 0.0:
                return
            yield records

    async def is_before(self, ends: Offsets) -> bool:
        """Whether any position lies before its end."""
        return any([await self.kafka.position(p) < end for p, end in ends.items()])

    def ends_seen(self, ends: Offsets) -> Offsets:
        """`ends`, as the brokers told them with the latest records."""
        return {p: max(end, self.kafka.highwater(p) or 0) for p, end in ends.items()}

    async def _make_sure_of_silence(self) -> None:
        self.hearing.listen(self.kafka, self.partitions, _POLL_SECONDS)
        if self.hearing.silence >= self.connection.times.answer:
            await self.extent()
            self.hearing.forget()


async def follow(
    connection: KafkaConnection, topic: Topic, after: Mapping[int, int]
) -> AsyncGenerator[Sequence[Record] | None, None]:
    """See `Bus.follow`."""
    async with open_reader(connection, topic) as reader:
        first, ends = await reader.extent()
        reader.seek(_starts(topic, after, first, ends))
        while True:
            async with aclosing(reader.read_to(ends)) as batches:
                async for batch in batches:
                    if batch:
                        yield batch
                        ends = reader.ends_seen(ends)
            yield None
            while not (records := await reader.poll()):
                pass
            yield records
            ends = reader.ends_seen(ends)


def _starts(topic: Topic, after: Mapping[int, int], first: Offsets, ends: Offsets) -> Offsets:
    """Where a follower begins; raises OffsetOutOfRangeError where that is outside the topic."""
    # Also asked of the brokers' ends: behind the end they would wait for what may come.
    starts = {p: after[p.partition] + 1 if p.partition in after else first[p] for p in ends}
    for partition, start in starts.items():
        if not first[partition] <= start <= ends[partition]:
            raise _lost(topic, {partition: start})
    return starts


async def since(
    connection: KafkaConnection, topic: Topic, moment: datetime
) -> AsyncGenerator[Sequence[Record], None]:
    """See `Bus.since`."""
    milliseconds = math.floor(moment.timestamp() * 1000)
    async with open_reader(connection, topic) as reader:
        first, ends = await reader.extent()
        starts = await reader.written_since(milliseconds)
        reader.seek({p: max(first[p], starts.get(p, end)) for p, end in ends.items()})
        async with aclosing(reader.read_to(ends)) as batches:
            async for batch in batches:
                wanted = [r for r in batch if _is_between(r, milliseconds, ends)]
                if wanted:
                    yield wanted


def _is_between(record: Record, milliseconds: int, ends: Offsets) -> bool:
    end = ends[TopicPartition(record.topic, record.partition)]
    # A producer may have dated records out of order.
    return record.offset < end and round(record.written_at.timestamp() * 1000) >= milliseconds


async def tail(connection: KafkaConnection, topic: Topic, max_records: int) -> Sequence[Record]:
    """See `Bus.tail`. Of several partitions, the order is that of the brokers' times."""
    async with open_reader(connection, topic) as reader:
        first, ends = await reader.extent()
        wanted = max_records
        while True:
            starts = {p: max(first[p], end - wanted) for p, end in ends.items()}
            records = await _between(reader, starts, ends)
            # Holes count as offsets: look further back until there are enough records.
            if len(records) >= max_records or starts == first:
                return _latest(records, max_records)
            wanted *= 4


async def lag(connection: KafkaConnection, topic: Topic, group: str) -> Lag:
    """See `Bus.lag`. On a compacted topic, holes count too."""
    # A byte: only the oldest records are read, and a broker always gives one batch.
    async with open_reader(connection, topic, fetch_bytes=1) as reader:
        committed = await _committed(connection, topic, group, reader.partitions)
        first, ends = await reader.extent()
        starts = {p: max(first[p], committed[p] or 0) for p in ends}
        behind = {p: ends[p] - starts[p] for p in ends if ends[p] > starts[p]}
        if not behind:
            return Lag(0, None)
        oldest = await _oldest(reader, {p: starts[p] for p in behind})
        return Lag(sum(behind.values()), oldest.written_at if oldest else None)


async def _committed(
    connection: KafkaConnection, topic: Topic, group: str, partitions: Sequence[TopicPartition]
) -> Mapping[TopicPartition, int | None]:
    async with _connected(connection, topic, group) as kafka:
        with connection.explaining(f"looking up offsets of {group}"):
            async with asyncio.timeout(connection.times.answer):
                return await committed_offsets(kafka, group, partitions)


async def _between(reader: KafkaReader, starts: Offsets, ends: Offsets) -> list[Record]:
    reader.seek(starts)
    records: list[Record] = []
    async with aclosing(reader.read_to(ends)) as batches:
        async for batch in batches:
            records += batch
    return records


async def _oldest(reader: KafkaReader, starts: Offsets) -> Record | None:
    """The oldest of the records at `starts`."""
    reader.seek(starts)
    firsts = [record for one in starts for record in (await reader.poll(one))[:1]]
    return min(firsts, key=lambda record: record.written_at, default=None)


def _latest(records: Sequence[Record], max_records: int) -> Sequence[Record]:
    ordered = sorted(records, key=lambda r: (r.written_at, r.partition, r.offset))
    return ordered[-max_records:] if max_records else ()


def _lost(topic: Topic, positions: Offsets) -> OffsetOutOfRangeError:
    ((partition, position),) = positions.items()
    return OffsetOutOfRangeError(
        f"a reader is at offset {position} of {topic.name}, partition {partition.partition}, "
        "which the topic does not hold any more: records were deleted or the topic was "
        "replaced; read it from its beginning"
    )
