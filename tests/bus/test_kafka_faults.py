"""Brokers that stop, die and come back while records flow. A node of their own."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from datetime import timedelta

import pytest

from schemas.topics import Topic
from services.bus.errors import FencedError
from services.bus.kafka import KafkaBus, open_kafka_bus
from services.bus.kafka_connection import KafkaTimes
from services.bus.kafka_topics import create_topics
from services.bus.loop import Event, LoopPolicy, run_stage
from services.bus.port import BusUnavailableError, Outgoing, Record
from tests.bus.kafka_topic import fresh_topic
from tests.bus.waiting import until
from tests.contracts.bus_contract import PATIENCE, letters, take, text_of
from tests.servers.kafka_server import KafkaNode, own_node

pytestmark = pytest.mark.slow

TIMES = KafkaTimes(session=3, heartbeat=0.3, hand_over=1, answer=2)
LONG = PATIENCE * 2
QUICK = LoopPolicy(
    dead_letters=Topic("nowhere", ()),
    first_wait=timedelta(seconds=0.1),
    longest_wait=timedelta(seconds=0.5),
)
KEYS = ("a", "b", "c")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    with own_node(tmp_path_factory.mktemp("node")) as node:
        node.start()
        yield node


@pytest.fixture
async def bus(node: KafkaNode) -> AsyncIterator[KafkaBus]:
    async with open_kafka_bus(node.address, times=TIMES) as bus:
        yield bus


class Sender:
    """Sends as a stage does, and counts how often the bus was not there."""

    def __init__(self, bus: KafkaBus) -> None:
        self._bus = bus
        self.outages = 0

    async def send(self, outgoing: Outgoing) -> None:
        while True:
            try:
                return await self._bus.send(outgoing)
            except BusUnavailableError:
                self.outages += 1
                await asyncio.sleep(0.1)


def first_occurrences(records: list[Record]) -> dict[str, list[bytes]]:
    """The values of each key in the order of their first appearance."""
    values: defaultdict[str, dict[bytes, None]] = defaultdict(dict)
    for record in records:
        values[record.key][record.value or b""] = None
    return {key: list(seen) for key, seen in values.items()}


class Collector:
    """A stage that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def handle(self, record: Record) -> None:
        self.records.append(record)


async def test_a_broker_that_stops_and_one_that_is_killed_in_traffic_lose_and_reorder_nothing(
    node: KafkaNode, bus: KafkaBus
) -> None:
    topic = await fresh_topic(node.address, partitions=3)
    collector, sender = Collector(), Sender(bus)
    stop, halt = asyncio.Event(), asyncio.Event()
    sent: dict[str, list[bytes]] = {key: [] for key in KEYS}

    async def produce(key: str) -> None:
        while not halt.is_set():
            value = b"%d" % len(sent[key])
            await sender.send(Outgoing(topic, key, value))
            sent[key].append(value)
            await asyncio.sleep(0.005)

    async def some_are_read() -> None:
        goal = len(collector.records) + 50
        await until(lambda: len(collector.records) >= goal, LONG)

    def ignore(_: Event) -> None: ...

    async def read() -> None:
        # As the process does it: a broker that was killed may have forgotten its members.
        while not stop.is_set():
            with suppress(FencedError):
                await run_stage(
                    bus, topic, "group", collector, on_event=ignore, stop=stop, policy=QUICK
                )

    reading = asyncio.create_task(read())
    producing = [asyncio.create_task(produce(key)) for key in KEYS]
    for end in (node.stop, node.kill):
        await some_are_read()
        outages = sender.outages
        await asyncio.to_thread(end)
        await until(lambda before=outages: sender.outages > before, LONG)  # type: ignore[misc]
        await asyncio.to_thread(node.start)
    await some_are_read()
    halt.set()
    await asyncio.gather(*producing)
    await until(lambda: reading.done() or first_occurrences(collector.records) == sent, LONG)
    stop.set()
    await reading
    assert first_occurrences(collector.records) == sent


async def test_readers_of_a_broker_that_is_away_are_told_and_go_on_afterwards(
    node: KafkaNode, bus: KafkaBus
) -> None:
    topic = await fresh_topic(node.address)
    await bus.send(Outgoing(topic, "k", b"a"))
    async with bus.consume(topic, "group") as consumer, aclosing(bus.follow(topic)) as batches:
        (record,) = await take(consumer, 1)
        first = await anext(batches)
        assert first == [record]
        assert await anext(batches) is None
        async with bus.consume(topic, "group") as standby:
            assert not await standby.fetch(1, 0.5)
            await asyncio.to_thread(node.stop)
            async with asyncio.timeout(LONG):
                told = await asyncio.gather(
                    consumer.fetch(1, LONG),
                    standby.fetch(1, LONG),
                    anext(batches),
                    return_exceptions=True,
                )
            for outcome in told:
                assert isinstance(outcome, BusUnavailableError)
                assert str(outcome).startswith(f"Kafka at {node.address}, ")
            with pytest.raises(BusUnavailableError, match="committing"):
                await consumer.commit(record)
        await asyncio.to_thread(node.start)
        await Sender(bus).send(Outgoing(topic, "k", b"b"))
        read: list[Record] = []
        async with asyncio.timeout(LONG):
            while not read:
                with suppress(BusUnavailableError):
                    await consumer.commit(record)
                    read += await consumer.fetch(1, 1)
        assert text_of(read) == "b"


async def test_what_is_queued_when_the_bus_closes_does_not_hold_it_open(node: KafkaNode) -> None:
    topic = await fresh_topic(node.address)
    async with open_kafka_bus(node.address, times=KafkaTimes(answer=0.5)) as bus:
        await bus.send_all(letters(topic, "abc"))
        await asyncio.to_thread(node.stop)
        for _ in range(3):
            with pytest.raises(BusUnavailableError, match="no answer within"):
                await bus.send(Outgoing(topic, "k", b"d"))
    await asyncio.to_thread(node.start)
    async with open_kafka_bus(node.address, times=TIMES) as again:
        assert not (await create_topics(node.address, [topic])).created
        assert text_of(await again.tail(topic, 9)) in ("abc", "abcd")
