"""What every adapter of the bus must do, whatever it stores records in.

An adapter's test subclasses `BusContract` and provides three fixtures: `open_client` opens
a client of one store (several may be open), `make_topic` declares a fresh topic there and
`lose` makes the store forget records as retention would. Nothing here assumes contiguous
offsets, one partition or a speed: records of a topic are only ordered by key, so tests
about order use one key.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from schemas.topics import Topic
from services.bus.errors import FencedError
from services.bus.port import Bus, Consumer, OffsetOutOfRangeError, Outgoing, Record

PATIENCE = 20.0  # seconds until a test gives up; no test takes them
GROUP = f"readers-{os.getpid()}"  # workers of a run share one Kafka

Batch = Sequence[Record] | None
OpenClient = Callable[[], AbstractAsyncContextManager[Bus]]
Lose = Callable[[Topic, Record], Awaitable[None]]


class MakeTopic(Protocol):
    """Declares a fresh topic in the store."""

    async def __call__(self, *, compacted: bool = False, groups: tuple[str, ...] = ()) -> Topic: ...


def letters(topic: Topic, text: str, key: str = "k") -> list[Outgoing]:
    """One record for each letter of `text`, all with the same key."""
    return [Outgoing(topic, key, letter.encode()) for letter in text]


def text_of(records: Sequence[Record]) -> str:
    return "".join((record.value or b"-").decode() for record in records)


async def take(consumer: Consumer, wanted: int) -> list[Record]:
    """Exactly `wanted` records; fails when there are not that many."""
    taken: list[Record] = []
    async with asyncio.timeout(PATIENCE):
        while len(taken) < wanted:
            taken += await consumer.fetch(wanted - len(taken), 1.0)
    return taken


async def read_up_to_none(
    batches: AsyncIterator[Batch],
) -> list[Record]:
    """What a follower is given before it is told that it has caught up."""
    read: list[Record] = []
    async with asyncio.timeout(PATIENCE):
        async for batch in batches:
            if batch is None:
                break
            read += batch
    return read


async def read_since(bus: Bus, topic: Topic, moment: datetime) -> str:
    async with aclosing(bus.since(topic, moment)) as batches, asyncio.timeout(PATIENCE):
        return "".join([text_of(batch) async for batch in batches])


class BusContract:
    """The suite."""

    @pytest.fixture
    def open_client(self) -> OpenClient:
        raise NotImplementedError

    @pytest.fixture
    def make_topic(self) -> MakeTopic:
        raise NotImplementedError

    @pytest.fixture
    def lose(self) -> Lose:
        """Makes the store forget a record and all before it in its partition."""
        raise NotImplementedError

    @pytest.fixture
    async def bus(self, open_client: OpenClient) -> AsyncIterator[Bus]:
        async with open_client() as bus:
            yield bus

    # Sending and reading

    async def test_a_record_is_read_as_it_was_sent(self, bus: Bus, make_topic: MakeTopic) -> None:
        topic = await make_topic()
        headers = {"plain": b"text", "bytes": bytes(range(256)), "empty": b""}
        await bus.send(Outgoing(topic, "schlüssel", b"\x00\xff value", headers))
        async with bus.consume(topic, GROUP) as consumer:
            (record,) = await take(consumer, 1)
        assert (record.topic, record.key, record.value) == (
            topic.name,
            "schlüssel",
            b"\x00\xff value",
        )
        assert dict(record.headers) == headers

    async def test_a_record_says_when_it_was_written(self, bus: Bus, make_topic: MakeTopic) -> None:
        topic = await make_topic()
        before = datetime.now(UTC) - timedelta(minutes=5)  # a broker's clock may differ
        await bus.send(Outgoing(topic, "k", b"v"))
        (record,) = await bus.tail(topic, 1)
        assert before < record.written_at < before + timedelta(minutes=10)

    async def test_a_tombstone_is_not_an_empty_value(self, bus: Bus, make_topic: MakeTopic) -> None:
        topic = await make_topic(compacted=True)
        await bus.send_all([Outgoing(topic, "a", b""), Outgoing(topic, "b", None)])
        async with bus.consume(topic, GROUP) as consumer:
            values = {record.key: record.value for record in await take(consumer, 2)}
        assert values == {"a": b"", "b": None}

    async def test_a_large_record_is_carried_whole(self, bus: Bus, make_topic: MakeTopic) -> None:
        topic = await make_topic()
        value = bytes(range(256)) * 3_515  # just under MAX_RECORD_BYTES
        await bus.send(Outgoing(topic, "k", value))
        async with bus.consume(topic, GROUP) as consumer:
            (record,) = await take(consumer, 1)
        assert record.value == value

    async def test_records_of_a_key_keep_their_order(self, bus: Bus, make_topic: MakeTopic) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abc"))
        for outgoing in letters(topic, "def"):
            await bus.send(outgoing)
        await bus.send_all(letters(topic, "ghi"))
        async with bus.consume(topic, GROUP) as consumer:
            records = await take(consumer, 9)
        assert text_of(records) == "abcdefghi"
        assert [r.offset for r in records] == sorted({r.offset for r in records})

    async def test_concurrent_senders_lose_and_double_nothing(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        sent = [Outgoing(topic, f"key {n}", str(n).encode()) for n in range(200)]
        await asyncio.gather(*(bus.send(outgoing) for outgoing in sent))
        async with bus.consume(topic, GROUP) as consumer:
            records = await take(consumer, 200)
            assert not await consumer.fetch(10, 0.2)
        assert sorted(r.key for r in records) == sorted(o.key for o in sent)

    async def test_sending_nothing_is_allowed(self, bus: Bus) -> None:
        await bus.send_all([])

    async def test_a_cancelled_send_leaves_the_bus_in_order(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        sends = [asyncio.ensure_future(bus.send(Outgoing(topic, "x", b"x"))) for _ in range(20)]
        await asyncio.sleep(0)
        for send in sends[::2]:
            send.cancel()
        await asyncio.gather(*sends, return_exceptions=True)
        await bus.send(Outgoing(topic, "y", b"y"))
        finished = sum(not send.cancelled() for send in sends)
        async with bus.consume(topic, GROUP) as consumer:
            records = await take(consumer, finished + 1)
            records += await consumer.fetch(100, 0.2)
        assert [r.value for r in records].count(b"x") >= finished
        assert [r.value for r in records].count(b"y") == 1

    async def test_fetch_gives_at_most_what_was_asked_for(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abcde"))
        async with bus.consume(topic, GROUP) as consumer:
            first = await consumer.fetch(2, PATIENCE)
            assert 1 <= len(first) <= 2
            rest = await take(consumer, 5 - len(first))
        assert text_of([*first, *rest]) == "abcde"

    async def test_fetch_gives_nothing_when_nothing_comes(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        async with bus.consume(topic, GROUP) as consumer:
            assert not await consumer.fetch(10, 0.05)
            assert not await consumer.fetch(10, 0)

    async def test_a_waiting_fetch_is_woken_by_a_send(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        async with bus.consume(topic, GROUP) as consumer:
            await consumer.fetch(1, 0.2)
            fetching = asyncio.ensure_future(consumer.fetch(1, PATIENCE))
            await asyncio.sleep(0)
            await bus.send(Outgoing(topic, "k", b"v"))
            assert text_of(await fetching) == "v"

    async def test_what_another_client_sends_is_read(
        self, bus: Bus, open_client: OpenClient, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        async with bus.consume(topic, GROUP) as consumer, open_client() as other:
            await consumer.fetch(1, 0.2)
            fetching = asyncio.ensure_future(consumer.fetch(1, PATIENCE))
            await other.send(Outgoing(topic, "k", b"v"))
            assert text_of(await fetching) == "v"

    # Groups and commits

    async def test_a_new_group_starts_at_the_earliest_record(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abc"))
        async with bus.consume(topic, "one") as one, bus.consume(topic, "two") as two:
            assert text_of(await take(one, 3)) == "abc"
            assert text_of(await take(two, 3)) == "abc"

    async def test_what_is_not_committed_is_read_again(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abcd"))
        async with bus.consume(topic, GROUP) as consumer:
            records = await take(consumer, 4)
            await consumer.commit(records[1])
        async with bus.consume(topic, GROUP) as consumer:
            assert text_of(await take(consumer, 2)) == "cd"

    async def test_a_record_that_was_fetched_is_not_fetched_twice_without_need(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "ab"))
        async with bus.consume(topic, GROUP) as consumer:
            await take(consumer, 2)
            assert not await consumer.fetch(10, 0.2)
            await bus.send(Outgoing(topic, "k", b"c"))
            assert text_of(await take(consumer, 1)) == "c"

    async def test_rewind_goes_back_to_the_first_record_that_is_not_committed(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abcd"))
        async with bus.consume(topic, GROUP) as consumer:
            records = await take(consumer, 3)
            await consumer.commit(records[0])
            await consumer.rewind()
            assert text_of(await take(consumer, 3)) == "bcd"

    async def test_rewind_without_a_commit_goes_back_to_the_earliest_record(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abc"))
        async with bus.consume(topic, GROUP) as consumer:
            await take(consumer, 2)
            await consumer.rewind()
            assert text_of(await take(consumer, 3)) == "abc"

    async def test_records_and_commits_outlive_the_client(
        self, open_client: OpenClient, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        async with open_client() as bus:
            await bus.send_all(letters(topic, "abc"))
            async with bus.consume(topic, GROUP) as consumer:
                (first,) = await take(consumer, 1)
                await consumer.commit(first)
        async with open_client() as bus, bus.consume(topic, GROUP) as consumer:
            assert text_of(await take(consumer, 2)) == "bc"

    async def test_a_second_consumer_takes_over_when_the_first_leaves(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abc"))
        async with AsyncExitStack() as leaving:
            first = await leaving.enter_async_context(bus.consume(topic, GROUP))
            (record,) = await take(first, 1)
            await first.commit(record)
            async with bus.consume(topic, GROUP) as second:
                taking = asyncio.ensure_future(take(second, 2))
                await asyncio.sleep(0)
                await leaving.aclose()
                assert text_of(await taking) == "bc"

    async def test_a_second_consumer_takes_over_when_the_task_of_the_first_dies(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abc"))
        reading = asyncio.Event()

        async def read_and_hang() -> None:
            async with bus.consume(topic, GROUP) as consumer:
                await take(consumer, 1)
                reading.set()
                await asyncio.Event().wait()

        first = asyncio.ensure_future(read_and_hang())
        await reading.wait()
        async with bus.consume(topic, GROUP) as second:
            taking = asyncio.ensure_future(take(second, 3))
            first.cancel()
            assert text_of(await taking) == "abc"
        await asyncio.gather(first, return_exceptions=True)

    async def test_a_consumer_that_has_left_cannot_commit(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abc"))
        async with bus.consume(topic, GROUP) as gone:
            records = await take(gone, 3)
        with pytest.raises(FencedError):
            await gone.commit(records[-1])
        async with bus.consume(topic, GROUP) as consumer:
            assert text_of(await take(consumer, 3)) == "abc"

    async def test_a_group_whose_next_record_is_gone_is_told(
        self, bus: Bus, make_topic: MakeTopic, lose: Lose
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abcd"))
        async with bus.consume(topic, GROUP) as consumer:
            records = await take(consumer, 4)
            await consumer.commit(records[0])
        await lose(topic, records[2])
        async with bus.consume(topic, GROUP) as consumer:
            with pytest.raises(OffsetOutOfRangeError, match=topic.name):
                await take(consumer, 1)

    async def test_a_new_group_starts_at_the_first_record_that_is_left(
        self, bus: Bus, make_topic: MakeTopic, lose: Lose
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abcd"))
        await lose(topic, (await bus.tail(topic, 3))[0])
        async with bus.consume(topic, GROUP) as consumer:
            assert text_of(await take(consumer, 2)) == "cd"

    # Lag

    async def test_lag_counts_what_is_not_committed_also_before_the_group_has_joined(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        assert (await bus.lag(topic, GROUP)).records == 0
        await bus.send_all(letters(topic, "abc"))
        assert (await bus.lag(topic, GROUP)).records == 3
        async with bus.consume(topic, GROUP) as consumer:
            records = await take(consumer, 3)
            await consumer.commit(records[1])
            left = await bus.lag(topic, GROUP)
            assert (left.records, left.oldest_written_at) == (1, records[2].written_at)
            await consumer.commit(records[2])
        done = await bus.lag(topic, GROUP)
        assert (done.records, done.oldest_written_at) == (0, None)

    # Reading without a group

    async def test_following_an_empty_topic_says_at_once_that_it_is_at_the_end(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic(compacted=True)
        async with aclosing(bus.follow(topic)) as batches:
            assert await read_up_to_none(batches) == []

    async def test_a_follower_reads_all_and_then_what_comes(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic(compacted=True)
        for n in range(3):
            await bus.send(Outgoing(topic, str(n), b"%d" % n))
        async with aclosing(bus.follow(topic)) as batches:
            read = await read_up_to_none(batches)
            assert {r.key: r.value for r in read} == {"0": b"0", "1": b"1", "2": b"2"}
            for value in (b"new", None):
                await bus.send(Outgoing(topic, "0", value))
                (record,) = await read_up_to_none(batches)
                assert (record.key, record.value) == ("0", value)

    async def test_a_follower_of_many_records_reads_each_once(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic(compacted=True)
        await bus.send_all([Outgoing(topic, f"key {n}", b"v") for n in range(1_000)])
        async with aclosing(bus.follow(topic)) as batches:
            read = await read_up_to_none(batches)
        assert sorted(r.key for r in read) == sorted(f"key {n}" for n in range(1_000))

    async def test_a_follower_that_knows_the_beginning_reads_what_stands_behind_it(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic(compacted=True)
        await bus.send_all(letters(topic, "abcd"))
        known = (await bus.tail(topic, 4))[1]
        async with aclosing(bus.follow(topic, {known.partition: known.offset})) as batches:
            assert text_of(await read_up_to_none(batches)) == "cd"
            await bus.send(Outgoing(topic, "k", b"e"))
            assert text_of(await read_up_to_none(batches)) == "e"

    async def test_a_follower_that_knows_everything_is_at_the_end_at_once(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic(compacted=True)
        await bus.send_all(letters(topic, "ab"))
        (last,) = await bus.tail(topic, 1)
        async with aclosing(bus.follow(topic, {last.partition: last.offset})) as batches:
            assert await read_up_to_none(batches) == []
            await bus.send(Outgoing(topic, "k", b"c"))
            assert text_of(await read_up_to_none(batches)) == "c"

    async def test_a_follower_that_knows_nothing_of_a_partition_reads_all_of_it(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic(compacted=True)
        await bus.send_all(letters(topic, "ab"))
        async with aclosing(bus.follow(topic, {})) as batches:
            assert text_of(await read_up_to_none(batches)) == "ab"

    @pytest.mark.parametrize("beyond", [1, 1_000])
    async def test_a_follower_that_knows_more_than_there_is_is_told(
        self, bus: Bus, make_topic: MakeTopic, beyond: int
    ) -> None:
        """The topic was replaced; reading on at its end would miss what it holds."""
        topic = await make_topic(compacted=True)
        await bus.send_all(letters(topic, "ab"))
        (last,) = await bus.tail(topic, 1)
        async with aclosing(bus.follow(topic, {last.partition: last.offset + beyond})) as batches:
            with pytest.raises(OffsetOutOfRangeError, match=topic.name):
                await read_up_to_none(batches)

    async def test_a_follower_of_an_emptied_topic_that_knows_something_is_told(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic(compacted=True)
        async with aclosing(bus.follow(topic, {0: 3})) as batches:
            with pytest.raises(OffsetOutOfRangeError, match=topic.name):
                await read_up_to_none(batches)

    async def test_a_follower_whose_next_record_is_gone_is_told(
        self, bus: Bus, make_topic: MakeTopic, lose: Lose
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abcd"))
        records = await bus.tail(topic, 4)
        await lose(topic, records[2])
        async with aclosing(
            bus.follow(topic, {records[0].partition: records[0].offset})
        ) as batches:
            with pytest.raises(OffsetOutOfRangeError, match=topic.name):
                await read_up_to_none(batches)

    async def test_a_follower_takes_no_part_in_groups(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "ab"))
        async with (
            bus.consume(topic, GROUP) as consumer,
            aclosing(bus.follow(topic)) as one,
            aclosing(bus.follow(topic)) as two,
        ):
            assert text_of(await read_up_to_none(one)) == "ab"
            assert text_of(await read_up_to_none(two)) == "ab"
            assert text_of(await take(consumer, 2)) == "ab"

    async def test_a_waiting_follower_can_be_cancelled_and_closed(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic(compacted=True)
        async with aclosing(bus.follow(topic)) as batches:
            assert await read_up_to_none(batches) == []
            waiting = asyncio.ensure_future(anext(batches))
            await asyncio.sleep(0)
            waiting.cancel()
            assert isinstance(
                *await asyncio.gather(waiting, return_exceptions=True), asyncio.CancelledError
            )

    async def test_tail_gives_the_last_records_oldest_first(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        assert list(await bus.tail(topic, 5)) == []
        await bus.send_all(letters(topic, "abcdef"))
        assert text_of(await bus.tail(topic, 3)) == "def"
        assert text_of(await bus.tail(topic, 100)) == "abcdef"

    async def test_what_was_written_since_a_time_is_read_up_to_the_end(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        for one in letters(topic, "abcdef"):
            await bus.send(one)
            await asyncio.sleep(0.005)  # Kafka dates to the millisecond
        written = await bus.tail(topic, 6)
        assert await read_since(bus, topic, written[0].written_at) == "abcdef"
        assert await read_since(bus, topic, written[3].written_at) == "def"
        assert await read_since(bus, topic, written[5].written_at + timedelta(hours=1)) == ""
        assert await read_since(bus, topic, datetime(2001, 1, 1, tzinfo=UTC)) == "abcdef"

    async def test_reading_since_a_time_ends_where_the_topic_ended_when_it_looked(
        self, bus: Bus, make_topic: MakeTopic
    ) -> None:
        topic = await make_topic()
        long_ago = datetime(2001, 1, 1, tzinfo=UTC)
        assert await read_since(bus, topic, long_ago) == ""
        await bus.send_all([Outgoing(topic, f"key {n}", b"v") for n in range(1_200)])
        keys: list[str] = []
        async with aclosing(bus.since(topic, long_ago)) as batches:
            async for batch in batches:
                keys += [record.key for record in batch]
                await bus.send(Outgoing(topic, "too late", b"v"))
        assert sorted(keys) == sorted(f"key {n}" for n in range(1_200))

    async def test_reading_since_a_time_takes_no_part_in_groups_and_skips_what_is_gone(
        self, bus: Bus, make_topic: MakeTopic, lose: Lose
    ) -> None:
        topic = await make_topic()
        await bus.send_all(letters(topic, "abcd"))
        await lose(topic, (await bus.tail(topic, 3))[0])
        assert await read_since(bus, topic, datetime(2001, 1, 1, tzinfo=UTC)) == "cd"
        async with bus.consume(topic, GROUP) as consumer:
            assert text_of(await take(consumer, 2)) == "cd"
