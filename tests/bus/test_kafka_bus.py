"""The Kafka bus keeps the contract of every bus, and what it promises beyond that.

Groups are told in `test_kafka_groups`, brokers that fail in `test_kafka_faults`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka.admin import (  # type: ignore[import-untyped]
    AIOKafkaAdminClient,
    NewTopic,
    RecordsToDelete,
)
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

from schemas.topics import MAX_RECORD_BYTES, TOPICS, Topic
from services.bus.errors import PoisonError
from services.bus.kafka import KafkaBus, open_kafka_bus
from services.bus.kafka_connection import KafkaTimes
from services.bus.kafka_topics import create_topics
from services.bus.port import BusUnavailableError, OffsetOutOfRangeError, Outgoing, Record
from services.bus.record_size import HEAD_ROOM_BYTES, RecordTooLargeError
from tests.bus.kafka_topic import fresh_topic, new_topic
from tests.contracts.bus_contract import (
    PATIENCE,
    BusContract,
    Lose,
    MakeTopic,
    OpenClient,
    letters,
    read_up_to_none,
    take,
    text_of,
)
from tests.servers.kafka_server import kafka_server

__all__ = ["kafka_server"]

NOWHERE = "127.0.0.1:1"  # a port that nobody can listen on


@pytest.fixture
async def bus(kafka_server: str) -> AsyncIterator[KafkaBus]:
    async with open_kafka_bus(kafka_server) as bus:
        yield bus


@asynccontextmanager
async def administration(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def delete_up_to(servers: str, record: Record) -> None:
    """Delete a record and all before it in its partition, as retention does."""
    place = TopicPartition(record.topic, record.partition)
    async with administration(servers) as admin:
        await admin.delete_records({place: RecordsToDelete(record.offset + 1)})


class TestContract(BusContract):
    @pytest.fixture
    def open_client(self, kafka_server: str) -> OpenClient:
        return partial(open_kafka_bus, kafka_server)

    @pytest.fixture
    def make_topic(self, kafka_server: str) -> MakeTopic:
        async def make(*, compacted: bool = False, groups: tuple[str, ...] = ()) -> Topic:
            return await fresh_topic(kafka_server, partitions=3, compacted=compacted, groups=groups)

        return make

    @pytest.fixture
    def lose(self, kafka_server: str) -> Lose:
        async def forget(topic: Topic, record: Record) -> None:
            await delete_up_to(kafka_server, record)

        return forget


# Sending


async def test_a_clock_of_the_sender_does_not_date_the_records(kafka_server: str) -> None:
    topic = await fresh_topic(kafka_server)
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    async with open_kafka_bus(kafka_server, clock=lambda: long_ago) as bus:
        await bus.send(Outgoing(topic, "k", b"v"))
        (record,) = await bus.tail(topic, 1)
    assert record.written_at > long_ago + timedelta(days=9_000)


@pytest.mark.parametrize(
    ("value", "headers", "words"),
    [
        (bytes(MAX_RECORD_BYTES + 1), {}, "a value of 900,001 bytes"),
        (b"v", {"long": bytes(HEAD_ROOM_BYTES)}, "bytes of key and headers"),
    ],
)
async def test_a_record_that_is_too_large_is_refused_as_poison(
    bus: KafkaBus, kafka_server: str, value: bytes, headers: dict[str, bytes], words: str
) -> None:
    topic = await fresh_topic(kafka_server)
    with pytest.raises(RecordTooLargeError, match=f"{topic.name}.*{words}") as caught:
        await bus.send_all([Outgoing(topic, "k", b"before"), Outgoing(topic, "k", value, headers)])
    assert isinstance(caught.value, PoisonError)
    assert not await bus.tail(topic, 1)


async def test_the_largest_record_with_the_longest_headers_is_carried(
    bus: KafkaBus, kafka_server: str
) -> None:
    topic = await fresh_topic(kafka_server)
    headers = {"h": bytes(HEAD_ROOM_BYTES - 2)}
    await bus.send(Outgoing(topic, "k", bytes(MAX_RECORD_BYTES), headers))
    (record,) = await bus.tail(topic, 1)
    assert len(record.value or b"") == MAX_RECORD_BYTES


async def test_a_broker_that_takes_less_is_named_and_sending_goes_on_afterwards(
    bus: KafkaBus, kafka_server: str
) -> None:
    topic = new_topic()
    small = NewTopic(topic.name, 1, 1, topic_configs={"max.message.bytes": "10000"})
    async with administration(kafka_server) as admin:
        await admin.create_topics([small])
    await bus.send(Outgoing(topic, "k", b"a"))
    with pytest.raises(RecordTooLargeError, match=r"max\.message\.bytes"):
        await bus.send(Outgoing(topic, "k", bytes(20_000)))
    # A producer whose batch was refused is out of step; this one is a new one.
    for letter in letters(topic, "bcd"):
        await bus.send(letter)
    assert text_of(await bus.tail(topic, 9)) == "abcd"


async def test_a_closed_bus_says_so(kafka_server: str) -> None:
    async with open_kafka_bus(kafka_server) as bus:
        pass
    with pytest.raises(RuntimeError, match="is closed"):
        await bus.send(Outgoing(new_topic(), "k", b"v"))


# A broker that is away, a topic that is missing


async def every_call_fails(bus: KafkaBus, topic: Topic, words: str) -> None:
    unavailable = partial(pytest.raises, BusUnavailableError, match=words)
    with unavailable():
        await bus.send(Outgoing(topic, "k", b"v"))
    with unavailable():
        await bus.tail(topic, 1)
    with unavailable():
        await bus.lag(topic, "group")
    with unavailable():
        async with bus.consume(topic, "group"):
            pytest.fail("joined")
    with unavailable():
        async with aclosing(bus.follow(topic)) as batches:
            await anext(batches)
    with unavailable():
        async with aclosing(bus.since(topic, datetime(2001, 1, 1, tzinfo=UTC))) as since:
            await anext(since)


async def test_a_broker_that_is_away_at_the_start_is_named() -> None:
    async with open_kafka_bus(NOWHERE, times=KafkaTimes(answer=2)) as bus:
        await every_call_fails(bus, TOPICS[0], f"Kafka at {NOWHERE}, .*: .*Unable to bootstrap")
    with pytest.raises(BusUnavailableError, match=NOWHERE):
        await create_topics(NOWHERE, times=KafkaTimes(answer=2))


async def test_a_topic_that_is_missing_is_named_with_the_way_out(kafka_server: str) -> None:
    topic = new_topic()
    async with open_kafka_bus(kafka_server, times=KafkaTimes(answer=0.5)) as bus:
        await every_call_fails(bus, topic, f"no topic {topic.name} .*`wirewatch topics apply`")


# Topics


async def test_the_declared_topics_are_created_once(kafka_server: str) -> None:
    first, second = await asyncio.gather(create_topics(kafka_server), create_topics(kafka_server))
    again = await create_topics(kafka_server)
    assert not again.created
    assert not [*first.differing, *second.differing, *again.differing]
    assert not set(first.created) & set(second.created)


async def test_a_topic_that_differs_is_reported_and_left_alone(kafka_server: str) -> None:
    topic = await fresh_topic(kafka_server, retention=timedelta(days=7))
    other = Topic(topic.name, (), partitions=2, retention=timedelta(days=30))
    for _ in range(2):
        report = await create_topics(kafka_server, [other])
        assert not report.created
        partitions, retention = report.differing
        assert "the number of partitions is 1, not 2; stop all senders" in str(partitions)
        assert f"--alter --topic {topic.name} --partitions 2" in str(partitions)
        assert "retention.ms is 604800000, not 2592000000; mend it with" in str(retention)
    fewer = await create_topics(kafka_server, [Topic(topic.name, (), partitions=1)])
    assert [difference.setting for difference in fewer.differing] == ["retention.ms"]


# Following


async def test_a_follower_reads_past_the_holes_of_compaction(
    bus: KafkaBus, kafka_server: str
) -> None:
    topic = new_topic(compacted=True)
    # A new segment for every record, since the last segment is never compacted.
    hasty = {"cleanup.policy": "compact", "segment.ms": "1", "min.cleanable.dirty.ratio": "0"}
    async with administration(kafka_server) as admin:
        await admin.create_topics([NewTopic(topic.name, 1, 1, topic_configs=hasty)])
    for letter in letters(topic, "abcdef"):
        await bus.send(letter)
        await bus.tail(topic, 1)
    async with asyncio.timeout(PATIENCE):
        while len(await bus.tail(topic, 9)) > 2:
            pass
    async with aclosing(bus.follow(topic)) as batches:
        assert text_of(await read_up_to_none(batches))[-1] == "f"


async def test_a_follower_of_what_was_deleted_up_to_the_end_has_caught_up(
    bus: KafkaBus, kafka_server: str
) -> None:
    topic = await fresh_topic(kafka_server)
    await bus.send_all(letters(topic, "abc"))
    await delete_up_to(kafka_server, (await bus.tail(topic, 1))[0])
    async with aclosing(bus.follow(topic)) as batches:
        assert await read_up_to_none(batches) == []
        await bus.send(Outgoing(topic, "k", b"d"))
        assert text_of(await read_up_to_none(batches)) == "d"
    assert (await bus.lag(topic, "late")).records == 1


async def test_a_committed_offset_above_the_end_is_an_error(
    bus: KafkaBus, kafka_server: str
) -> None:
    topic = await fresh_topic(kafka_server)
    await bus.send(Outgoing(topic, "k", b"v"))
    outsider = AIOKafkaConsumer(bootstrap_servers=kafka_server, group_id="group")
    await outsider.start()
    place = TopicPartition(topic.name, 0)
    outsider.assign([place])
    await outsider.commit({place: 99})
    await outsider.stop()
    async with bus.consume(topic, "group") as consumer:
        with pytest.raises(OffsetOutOfRangeError, match=r"offset 99 .* holds 0 up to 1"):
            await take(consumer, 1)
