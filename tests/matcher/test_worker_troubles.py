"""Matchers that die, come and go, and a Kafka that is away: nothing is lost."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.admin import (  # type: ignore[import-untyped]
    AIOKafkaAdminClient,
    RecordsToDelete,
)

from schemas.topics import ARTICLES, MATCHER_GROUP
from tests.matcher.matchers import REAL, Desk, article, fresh_topics, rule, until
from tests.servers.kafka_server import KafkaNode

pytestmark = pytest.mark.slow


@asynccontextmanager
async def traffic(desk: Desk, title: str = "slow") -> AsyncIterator[None]:
    """Articles in an endless row, as long as this lasts."""
    stop = asyncio.Event()

    async def publish() -> None:
        number = len(desk.published)
        while not stop.is_set():
            await desk.publish([article(number, title)])
            number += 1
            await asyncio.sleep(0.03)  # as many as one matcher can work off

    publishing = asyncio.create_task(publish())
    try:
        yield
    finally:
        stop.set()
        await publishing


async def until_flowing(desk: Desk, more: int = 20) -> None:
    """Wait until so many more articles came out."""
    before = len(await desk.matched())

    async def flows() -> bool:
        return len(await desk.matched()) >= before + more

    await until(flows, f"{more} more articles to be matched")


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_matcher_killed_around_sending_loses_nothing(desk: Desk, moment: str) -> None:
    await desk.apply(1, rule())
    titles = ["Report", f"kill {moment} sending", "Report"]
    await desk.publish(article(n, title) for n, title in enumerate(titles * 4))
    matcher = await desk.start(wait=False)
    assert await matcher.ended() == -signal.SIGKILL
    await desk.start()
    found = await desk.expect_all()
    # What came out before the kill may come out again, as the same revision of the same article.
    assert moment == "before" or max(found.values()) == 2
    await desk.until_committed()


async def test_a_matcher_joins_and_leaves_in_traffic_and_nothing_is_lost(desk: Desk) -> None:
    await desk.apply(1, rule())
    first = await desk.start()
    async with traffic(desk):
        await until_flowing(desk)
        second = await desk.start()
        await until_flowing(desk)
        assert len(first.partitions) == len(second.partitions) == ARTICLES.partitions / 2
        assert await second.end() == 0
        await until_flowing(desk)
    await desk.expect_all()
    await desk.until_committed()
    assert len(first.partitions) == ARTICLES.partitions


async def test_a_change_of_rules_is_live_in_every_matcher_within_a_second(desk: Desk) -> None:
    await desk.apply(1, rule())
    both = [await desk.start(), await desk.start()]
    await desk.apply(2, rule(2, "columns"))
    for matcher in both:

        async def live(matcher=matcher) -> bool:  # type: ignore[no-untyped-def]
            newest: float = await matcher.metric("wirewatch_rules_generation")
            return newest == 2 and await matcher.ready()

        await until(live, "the new rules", within=1)


async def test_a_stop_in_traffic_finishes_and_commits_what_is_in_hand(desk: Desk) -> None:
    await desk.apply(1, rule())
    first = await desk.start_module(*REAL)
    async with traffic(desk):
        await until_flowing(desk)
        assert await first.end(signal.SIGTERM) == 0
        done = await desk.matched()
        assert first.logged("stopped; nothing is in flight")
    await desk.start()
    found = await desk.expect_all()
    assert {one: found[one] for one in done} == done, "committed, and so not repeated"


async def test_kafka_may_be_away_in_traffic_and_a_matcher_may_stop_meanwhile(
    desk: Desk, matcher_node: KafkaNode
) -> None:
    await desk.apply(1, rule())
    stays, goes = await desk.start(), await desk.start()
    await desk.publish(article(n, "slow") for n in range(100))

    async def not_ready() -> bool:
        return (await stays.get("/readyz"))[0] == 503

    await asyncio.to_thread(matcher_node.stop)
    try:
        await until(not_ready, "the matcher to say that Kafka is away")
        assert await goes.end() == 0
    finally:
        await asyncio.to_thread(matcher_node.start)
    await desk.expect_all()
    await desk.until_committed()
    await stays.until_ready()
    assert await stays.end() == 0


async def test_a_standby_that_idled_for_long_takes_over(desk: Desk) -> None:
    await fresh_topics(desk.servers, [replace(ARTICLES, partitions=1)])
    await desk.apply(1, rule())
    matchers = [await desk.start("--away", "2"), await desk.start("--away", "2")]
    (standby,) = (one for one in matchers if not one.partitions)
    (active,) = (one for one in matchers if one.partitions)
    await desk.publish([article(1)])
    await desk.expect_all()
    # Longer than a member that does not fetch may stay; nothing tells that it was put out.
    await asyncio.sleep(5)
    await active.end(signal.SIGKILL)
    await desk.publish([article(2)])
    await desk.expect_all()
    assert standby.partitions == [0]


async def test_records_deleted_unread_end_the_matcher(desk: Desk) -> None:
    await desk.apply(1, rule())
    first = await desk.start()
    await desk.publish([article(1)])
    await desk.expect_all()
    await desk.until_committed()
    assert await first.end() == 0
    await desk.publish(article(1, f"Report {n}") for n in range(5))
    partition = await _delete_all(desk)
    second = await desk.start(wait=False)
    assert await second.ended() == 1
    (said,) = second.logged("the matcher ends")
    assert f"at offset 1 of articles, partition {partition}" in str(said["reason"])
    assert "which holds 6 up to 6" in str(said["reason"])
    assert await _committed(desk, partition) == 1


async def _delete_all(desk: Desk) -> int:
    (record,) = await desk.bus.tail(ARTICLES, 1)
    admin = AIOKafkaAdminClient(bootstrap_servers=desk.servers)
    await admin.start()
    try:
        place = TopicPartition(ARTICLES.name, record.partition)
        await admin.delete_records({place: RecordsToDelete(before_offset=record.offset + 1)})
    finally:
        await admin.close()
    return record.partition


async def _committed(desk: Desk, partition: int) -> int:
    kafka = AIOKafkaConsumer(
        bootstrap_servers=desk.servers, group_id=MATCHER_GROUP, enable_auto_commit=False
    )
    await kafka.start()
    try:
        offset: int = await kafka.committed(TopicPartition(ARTICLES.name, partition))
        return offset
    finally:
        await kafka.stop()
