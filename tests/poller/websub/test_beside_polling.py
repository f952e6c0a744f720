"""Polling goes on beside pushing: more rarely where a hub is reliable, as before where not."""

from datetime import datetime, timedelta

import pytest

from services.store import feeds
from services.store.websub import HubState
from tests.poller.websub.desk import HOUR, PushDesk
from tests.servers.hub_double import HubDouble


async def push_some(desk: PushDesk, *slugs: str) -> None:
    before = await desk.subscription()
    streak = before.streak if before is not None else 0
    for slug in slugs:
        desk.wire.publish(slug)
        assert await desk.hub.push(desk.wire.document(slug)) == 202
        await desk.until_published(slug)
    await desk.until_streak(streak + len(slugs))


async def due(desk: PushDesk) -> datetime:
    async with desk.real.read() as tx:
        state = await feeds.state(tx, "wire")
    assert state is not None
    return state.next_due_at


async def poll_again(desk: PushDesk) -> timedelta:
    """Let the feed be polled once more; how long it is to the next time."""
    polls, before = len(desk.wire.polls()), await due(desk)
    desk.ahead += 3 * HOUR
    await desk.until_polled(polls + 1)

    async def remembered() -> bool:
        return await due(desk) != before

    await desk.until(remembered, "the poll to be remembered")
    return await due(desk) - desk.clock()


async def test_a_feed_of_a_reliable_hub_is_polled_at_the_longest_interval(desk: PushDesk) -> None:
    async with desk.at_work():
        await desk.until_active()
        await push_some(desk, "a", "b")
        assert await poll_again(desk) < 1.2 * HOUR  # two pushes prove nothing
        await push_some(desk, "c", "d", "e")
        assert await poll_again(desk) > 1.7 * HOUR  # the longest is two hours
    assert desk.counted("missed_total") == 0


async def test_what_a_hub_did_not_push_brings_the_usual_interval_back(desk: PushDesk) -> None:
    async with desk.at_work():
        await desk.until_active()
        await push_some(desk, "a", "b", "c")
        assert await poll_again(desk) > 1.7 * HOUR
        desk.wire.publish("unpushed")
        desk.wire.publish("unpushed-2")
        assert await poll_again(desk) < 1.2 * HOUR
        await desk.until_published("unpushed", "unpushed-2")
        await desk.until_streak(0)
        assert await poll_again(desk) < 1.2 * HOUR
    assert desk.counted("missed_total") == 2


async def test_a_hub_that_denies_is_not_relied_on_any_more(desk: PushDesk) -> None:
    async with desk.at_work():
        await desk.until_active()
        await push_some(desk, "a", "b", "c")
        await desk.hub.deny(desk.hub.subscriber)
        await desk.until_state(HubState.DENIED)
        await desk.until_shown("denied", 1)
        assert await poll_again(desk) < 1.2 * HOUR


async def test_the_first_document_of_a_feed_is_not_held_against_its_hub(desk: PushDesk) -> None:
    desk.wire.publish("early")
    async with desk.at_work():
        await desk.until_published("early")
        await desk.until_active()
    assert desk.counted("missed_total") == 0


async def test_a_hub_whose_lease_ran_out_is_not_relied_on_any_more(
    desk: PushDesk, hub: HubDouble
) -> None:
    async with desk.at_work():
        await desk.until_active()
        await push_some(desk, "a", "b", "c")
        assert desk.book.is_relied_on("wire")
        hub.verifies = False
        desk.ahead = timedelta(days=11)
        await desk.until_state(HubState.REQUESTED)
        assert not desk.book.is_relied_on("wire")


@pytest.mark.parametrize("state", ["wanted", "requested", "active", "renewing", "denied"])
async def test_states_are_shown_from_the_start(desk: PushDesk, state: str) -> None:
    assert desk.counted("subscriptions", state=state) == 0
