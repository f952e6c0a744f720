"""Groups on Kafka: members that join, die, stand by, idle or stop in the middle."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

from schemas.topics import Topic
from services.bus.errors import FencedError
from services.bus.kafka import KafkaBus, open_kafka_bus
from services.bus.kafka_connection import KafkaTimes
from services.bus.kafka_offsets import committed_offsets
from services.bus.loop import Event, LoopPolicy, Waiting, run_stage
from services.bus.port import Outgoing, Record
from services.runtime.dependency import DependencyUnavailableError
from tests.bus.kafka_process import HASTY
from tests.bus.kafka_topic import fresh_topic
from tests.bus.waiting import until
from tests.contracts.bus_contract import PATIENCE, letters, take, text_of
from tests.servers.kafka_server import kafka_server

__all__ = ["kafka_server"]

GROUP = f"readers-{os.getpid()}"  # workers of a run share one Kafka
QUICK = LoopPolicy(
    dead_letters=Topic("nowhere", ()),
    fetch_timeout=0.3,
    first_wait=timedelta(seconds=0.05),
    longest_wait=timedelta(seconds=0.2),
)


@pytest.fixture
async def bus(kafka_server: str) -> AsyncIterator[KafkaBus]:
    async with open_kafka_bus(kafka_server, times=HASTY) as bus:
        yield bus


@asynccontextmanager
async def member(servers: str, topic: Topic, task: str) -> AsyncIterator[Process]:
    """A process that runs a task of `kafka_process`; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bus.kafka_process", task, servers, topic.name, GROUP),
        stdin=PIPE,
        stdout=PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> list[str]:
    """The next words of a process; what the log says in between is left out."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        while words := (await process.stdout.readline()).decode().split():
            if not words[0].startswith("20"):  # a log line begins with its date
                return words
    return []


@dataclass
class Stage:
    """A handler that remembers, and fails while something is away."""

    bus: KafkaBus
    topic: Topic
    away: bool = False
    handled: list[Record] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, record: Record) -> None:
        if self.away:
            raise DependencyUnavailableError("the database is away")
        self.handled.append(record)

    async def run(self) -> None:
        await run_stage(
            self.bus,
            self.topic,
            GROUP,
            self,
            on_event=self.events.append,
            stop=self.stop,
            policy=QUICK,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(self.run())
        try:
            yield task
        finally:
            self.stop.set()
            await asyncio.gather(task, return_exceptions=True)

    def values(self) -> set[bytes | None]:
        return {record.value for record in self.handled}

    def waits(self) -> int:
        return sum(isinstance(event, Waiting) for event in self.events)


@asynccontextmanager
async def watched_commits(servers: str, topic: Topic) -> AsyncIterator[list[tuple[int, ...]]]:
    """The committed offsets of all partitions, noted over and over."""
    seen: list[tuple[int, ...]] = []
    places = [TopicPartition(topic.name, p) for p in range(topic.partitions)]
    kafka = AIOKafkaConsumer(bootstrap_servers=servers, group_id=GROUP)
    await kafka.start()

    async def watch() -> None:
        while True:
            with suppress(KafkaError):  # a new broker coordinates nothing yet
                offsets = await committed_offsets(kafka, GROUP, places)
                seen.append(tuple(offsets[place] or 0 for place in places))
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await kafka.stop()


def numbered(topic: Topic, numbers: range) -> list[Outgoing]:
    return [Outgoing(topic, f"key {n % 10}", b"%d" % n) for n in numbers]


async def test_members_that_join_and_die_in_traffic_lose_nothing_and_commits_never_go_back(
    bus: KafkaBus, kafka_server: str
) -> None:
    topic = await fresh_topic(kafka_server, partitions=4)
    first, second = Stage(bus, topic), Stage(bus, topic)
    told: set[bytes] = set()

    async def listen(process: Process) -> None:
        while words := await line(process):
            told.add(words[2].encode())

    async with (
        watched_commits(kafka_server, topic) as commits,
        first.running(),
        member(kafka_server, topic, "work") as other,
    ):
        listening = asyncio.create_task(listen(other))
        await bus.send_all(numbered(topic, range(100)))
        await until(lambda: len(first.handled) >= 10)
        for start in range(100, 1_000, 10):
            await bus.send_all(numbered(topic, range(start, start + 10)))
        await until(lambda: len(told) >= 5 or len(first.values() | told) == 1_000)
        await bus.send_all(numbered(topic, range(1_000, 1_500)))
        other.kill()
        await listening
        async with second.running():
            await bus.send_all(numbered(topic, range(1_500, 2_000)))
            await until(lambda: len(first.values() | second.values() | told) == 2_000)
    assert len(commits) > 20
    assert all(
        all(before <= after for before, after in zip(one, two, strict=True))
        for one, two in pairwise(commits)
    )
    assert (await bus.lag(topic, GROUP)).records == 0


async def test_a_member_that_was_stopped_past_its_session_is_fenced(
    bus: KafkaBus, kafka_server: str
) -> None:
    topic = await fresh_topic(kafka_server)
    await bus.send_all(letters(topic, "abc"))
    async with member(kafka_server, topic, "stall") as stalled:
        assert await line(stalled) == ["read"]
        stalled.send_signal(signal.SIGSTOP)
        async with bus.consume(topic, GROUP) as consumer:
            records = await take(consumer, 3)
            assert text_of(records) == "abc"
            await consumer.commit(records[-1])
        assert stalled.stdin is not None
        stalled.stdin.write(b"go on\n")
        stalled.send_signal(signal.SIGCONT)
        # By now the group is empty, and a broker takes commits of an empty group from anybody.
        assert await line(stalled) == ["fenced"]
    assert (await bus.lag(topic, GROUP)).records == 0


@pytest.mark.parametrize("polls", [True, False])
async def test_a_standby_takes_over_also_after_idling_past_the_poll_interval(
    kafka_server: str, polls: bool
) -> None:
    topic = await fresh_topic(kafka_server)
    times = KafkaTimes(session=2, heartbeat=0.2, hand_over=1, away=0.8)
    async with open_kafka_bus(kafka_server, times=times) as bus, AsyncExitStack() as leaving:
        await bus.send_all(letters(topic, "ab"))
        active = await leaving.enter_async_context(bus.consume(topic, GROUP))
        await active.commit((await take(active, 1))[0])
        async with bus.consume(topic, GROUP) as standby:
            await active.commit((await take(active, 1))[0])
            for _ in range(5):
                await active.fetch(1, 0.4)
                if polls:
                    assert not await standby.fetch(1, 0)
            await bus.send(Outgoing(topic, "k", b"c"))
            (record,) = await take(active, 1)
            await leaving.aclose()
            assert await take(standby, 1) == [record]


async def test_a_dependency_that_is_away_for_long_costs_no_partition(
    kafka_server: str,
) -> None:
    topic = await fresh_topic(kafka_server)
    times = KafkaTimes(session=1.5, heartbeat=0.2, hand_over=0.3)
    async with (
        open_kafka_bus(kafka_server, times=times) as bus,
        open_kafka_bus(kafka_server, times=times) as other,
    ):
        working, standby = Stage(bus, topic, away=True), Stage(other, topic)
        await bus.send_all(letters(topic, "abcdef"))
        async with working.running() as task:
            await until(lambda: working.waits() >= 1)
            async with standby.running():
                # Longer than the session and than handing over may take.
                await until(lambda: working.waits() >= 20)
                working.away = False
                await until(lambda: len(working.handled) == 6)
                await bus.send_all(letters(topic, "ghi"))
                await until(lambda: len(working.handled) + len(standby.handled) == 9)
                assert not task.done()
        assert not standby.handled
    assert text_of(working.handled) == "abcdefghi"


async def test_a_member_put_out_for_not_polling_is_fenced_and_all_is_handled_by_the_next(
    kafka_server: str,
) -> None:
    topic = await fresh_topic(kafka_server)
    times = KafkaTimes(session=4, heartbeat=0.2, hand_over=0.2, away=1.5)
    async with (
        open_kafka_bus(kafka_server, times=times) as bus,
        open_kafka_bus(kafka_server, times=HASTY) as other,
    ):
        slow, next_one = Stage(bus, topic), Stage(other, topic)
        async with slow.running() as task:
            await bus.send(Outgoing(topic, "k", b"a"))
            await until(lambda: len(slow.handled) == 1)
            slow.away = True
            await bus.send_all(letters(topic, "bcd"))
            async with next_one.running():
                await until(lambda: len(next_one.handled) == 3)
                slow.away = False
                with pytest.raises(FencedError):
                    await asyncio.wait_for(task, PATIENCE)
    assert text_of(next_one.handled) == "bcd"


async def test_a_partition_that_moves_in_the_middle_of_a_batch_fences_only_that_batch(
    bus: KafkaBus, kafka_server: str
) -> None:
    topic = await fresh_topic(kafka_server, partitions=2)
    await bus.send_all(numbered(topic, range(40)))
    async with bus.consume(topic, GROUP) as first:
        records = await take(first, 40)
        assert {record.partition for record in records} == {0, 1}
        async with bus.consume(topic, GROUP) as second:
            # The first hands nothing over of its own accord: it has neither committed nor
            # fetched.
            moved = {record.partition for record in await take(second, 1)}
            kept = {0, 1} - moved
            last = {record.partition: record for record in records}
            await first.commit(last[kept.pop()])
            with pytest.raises(FencedError):
                await first.commit(last[moved.pop()])


async def test_a_hand_over_waits_for_the_batch_in_hand(kafka_server: str) -> None:
    topic = await fresh_topic(kafka_server, partitions=2)
    times = KafkaTimes(session=3, heartbeat=0.2, hand_over=15)
    async with open_kafka_bus(kafka_server, times=times) as bus:
        await bus.send_all(numbered(topic, range(40)))
        async with bus.consume(topic, GROUP) as first:
            records = await take(first, 40)
            async with bus.consume(topic, GROUP) as second:
                assert not await second.fetch(40, 1.0)
                for record in {record.partition: record for record in records}.values():
                    await first.commit(record)
                await bus.send_all(numbered(topic, range(40, 80)))
                read: Counter[bytes | None] = Counter()
                async with asyncio.timeout(PATIENCE):
                    while len(read) < 40:
                        for consumer in (first, second):
                            read.update(r.value for r in await consumer.fetch(40, 0.2))
    assert set(read.values()) == {1}
    assert read.keys() == {b"%d" % n for n in range(40, 80)}
