"""An outage of our own network is told from that of a feed, and costs no feed hours of waiting."""

from datetime import timedelta

import pytest

from schemas.folder import FeedSpec
from services.poller.memory import Memory, new_memory
from services.poller.offline import Offline
from services.poller.replies import FetchReason
from tests.poller.wire import PollingDesk

UNREACHABLE = FetchReason.UNREACHABLE


def test_three_hosts_that_fall_silent_with_no_answer_between_are_our_own_outage() -> None:
    offline = Offline()
    heard = [offline.failed(UNREACHABLE, f"{host}.example", was_well=True) for host in "abcd"]
    assert heard == [False, False, True, True]
    offline.answered()
    assert not offline.failed(UNREACHABLE, "a.example", was_well=False)


@pytest.mark.parametrize(
    "reason", [FetchReason.HTTP_ERROR, FetchReason.RATE_LIMITED, FetchReason.NOT_FOUND]
)
def test_a_host_that_refuses_has_been_reached(reason: FetchReason) -> None:
    offline = Offline()
    for host in "abc":
        offline.failed(UNREACHABLE, host, was_well=True)
    assert offline.is_likely
    assert not offline.failed(reason, "d", was_well=True)
    assert not offline.is_likely


def test_one_host_or_hosts_that_were_dead_before_say_nothing() -> None:
    offline = Offline()
    for _ in range(9):
        assert not offline.failed(UNREACHABLE, "a.example", was_well=True)
    for host in "bcdef":
        assert not offline.failed(FetchReason.TIMED_OUT, host, was_well=False)


async def test_after_an_outage_of_hours_feeds_are_due_within_minutes(desk: PollingDesk) -> None:
    """Nothing listens at port 9 of any of these addresses of the loopback."""
    await desk.poll()
    memories: dict[str, Memory] = {}
    for number in range(2, 6):
        url = f"http://127.0.0.{number}:9/feed"
        memories[url] = new_memory(f"feed{number}", url, desk.clock(), timedelta(seconds=1))

    async def poll_all() -> list[int]:
        for url, memory in memories.items():
            feed = FeedSpec(id=memory.feed_id, url=url)
            memories[url] = await desk.poller.poll(feed, memory)
        return [memory.health.failures for memory in memories.values()]

    for _ in range(12):
        assert await poll_all() == [1, 1, 1, 1]
    await desk.poll()
    assert await poll_all() == [2, 2, 2, 2], "somebody answers: these are dead themselves"
