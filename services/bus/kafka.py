"""The bus on Apache Kafka, for running each step as its own process.

Decides nothing by itself: sending, reading in a group and reading without one are decided
in the `kafka_*` modules beside. Topics are not created here but by `create_topics`
(`kafka_topics`); brokers must run with `auto.create.topics.enable=false`.

What differs from the port's guarantees, because Kafka cannot know:

- Kafka deletes by age, whoever has read. The declared retention (30 days for `articles`,
  7 for `matches`) is therefore how long a group may be away; the lag of the groups is the
  alarm that must ring long before. A group that comes later is told, with
  OffsetOutOfRangeError, and never starts elsewhere by itself.
- A sender is not held back while a group is behind; there is room for the whole retention.
- A group that was away for longer than the brokers' `offsets.retention.minutes` (7 days by
  default) is a new one to them and starts at the earliest record again: keep that setting
  above the retention of the topics.
- "Durable" is what the brokers make of it: acknowledged by all replicas in sync. One broker
  alone survives the kill of its process, but not always the loss of its machine.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka.coordinator.assignors.sticky.sticky_assignor import (  # type: ignore[import-untyped]
    StickyPartitionAssignor,
)

from schemas.topics import Topic
from services.bus import kafka_reader as reader
from services.bus.kafka_connection import (
    KafkaConnection,
    KafkaTimes,
    disconnect,
    partitions_of,
    slow_down,
)
from services.bus.kafka_consumer import FETCH_BYTES, KafkaConsumer
from services.bus.kafka_sender import KafkaSender
from services.bus.port import Consumer, Lag, Outgoing, Record
from services.runtime.clock import Clock, utc_now


@asynccontextmanager
async def open_kafka_bus(
    bootstrap_servers: str,
    *,
    client_id: str = "wirewatch",
    times: KafkaTimes | None = None,
    clock: Clock = utc_now,
) -> AsyncIterator["KafkaBus"]:
    """Open the bus on the brokers `bootstrap_servers` (`host:port,host:port`).

    Opening needs no broker: what is used first raises BusUnavailableError while it is away.
    """
    connection = KafkaConnection(bootstrap_servers, client_id, times or KafkaTimes())
    sender = KafkaSender(connection, clock)
    try:
        yield KafkaBus(connection, sender)
    finally:
        await sender.close()


class KafkaBus:
    """A `Bus` (see the port). Belongs to one event loop; made by `open_kafka_bus`."""

    def __init__(self, connection: KafkaConnection, sender: KafkaSender) -> None:
        self._connection = connection
        self._sender = sender

    async def send(self, outgoing: Outgoing) -> None:
        """See the port. Raises RecordTooLargeError too."""
        await self._sender.send_all([outgoing])

    async def send_all(self, outgoing: Sequence[Outgoing]) -> None:
        """See the port. Records before the one that failed may be on the bus."""
        await self._sender.send_all(outgoing)

    @asynccontextmanager
    async def consume(self, topic: Topic, group: str) -> AsyncIterator[Consumer]:
        """See the port. Returns before the group has let the new member in."""
        kafka = _member(self._connection, group)
        slow_down(kafka._client)
        consumer = KafkaConsumer(kafka, self._connection, topic, group)
        try:
            with self._connection.explaining(f"joining {group} to read {topic.name}"):
                async with asyncio.timeout(self._connection.times.answer):
                    await kafka.start()
                await partitions_of(kafka, self._connection, topic)
            consumer.join()
            yield consumer
        finally:
            consumer.leave()
            await disconnect(kafka)

    def follow(
        self, topic: Topic, after: Mapping[int, int] | None = None
    ) -> AsyncGenerator[Sequence[Record] | None, None]:
        """See the port. Close it with `aclosing`. Partitions added later are not followed."""
        return reader.follow(self._connection, topic, after or {})

    def since(self, topic: Topic, moment: datetime) -> AsyncGenerator[Sequence[Record], None]:
        """See the port. `moment` counts to the millisecond, as the brokers do."""
        return reader.since(self._connection, topic, moment)

    async def tail(self, topic: Topic, max_records: int) -> Sequence[Record]:
        """See the port."""
        return await reader.tail(self._connection, topic, max_records)

    async def lag(self, topic: Topic, group: str) -> Lag:
        """See the port."""
        return await reader.lag(self._connection, topic, group)


def _member(connection: KafkaConnection, group: str) -> AIOKafkaConsumer:
    times = connection.times
    # aiokafka keeps what a member held in the assignor's class: each member needs its own.
    sticky = type("Sticky", (StickyPartitionAssignor,), {})
    return AIOKafkaConsumer(
        bootstrap_servers=connection.servers,
        client_id=connection.client_id,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=FETCH_BYTES,
        partition_assignment_strategy=(sticky,),
        session_timeout_ms=int(times.session * 1000),
        heartbeat_interval_ms=int(times.heartbeat * 1000),
        # Longer than any member may take to hand over.
        rebalance_timeout_ms=int((times.hand_over + times.session) * 1000),
        max_poll_interval_ms=int(times.away * 1000),
    )
