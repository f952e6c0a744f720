"""A redirect is followed at once and believed after days; what the operator wrote stays."""

from datetime import date, timedelta

import pytest

from schemas.folder import FeedSpec
from services.poller.memory import Memory, at_address
from services.poller.moving import NOWHERE, Redirects, may_move, seen
from tests.poller.wire import PollingDesk

DAY = timedelta(days=1)
MONDAY = date(2026, 3, 2)
NEW, OTHER = "https://new.example/feed", "https://other.example/feed"


def after_days(*targets: str | None) -> Redirects:
    """What is known after a poll on each of these days, one after another."""
    redirects = NOWHERE
    for number, target in enumerate(targets):
        redirects = seen(redirects, target, MONDAY + number * DAY)
    return redirects


def test_a_target_seen_on_three_days_is_final() -> None:
    assert not after_days(NEW, NEW).are_final
    assert after_days(NEW, NEW, NEW).are_final


def test_polls_of_one_day_count_once() -> None:
    redirects = NOWHERE
    for _ in range(700):
        redirects = seen(redirects, NEW, MONDAY)
    assert redirects == Redirects(NEW, 1, MONDAY)


@pytest.mark.parametrize("between", [None, OTHER])
def test_an_answer_from_elsewhere_begins_the_count_anew(between: str | None) -> None:
    assert not after_days(NEW, NEW, between, NEW, NEW).are_final
    assert after_days(NEW, NEW, between, NEW, NEW, NEW).are_final


SECRET = {"env": "KEY"}


@pytest.mark.parametrize(
    "private",
    [
        {"headers": {"X-Key": {"env": "A"}}},
        {"basic": {"username": "a", "password": SECRET}},
        {"token": SECRET},
        {"query": {"key": SECRET}},
    ],
)
def test_the_target_of_a_private_feed_is_not_remembered(private: dict[str, object]) -> None:
    """It may repeat the secret, and the credentials are for the first host only."""
    assert may_move(FeedSpec(id="wire", url="https://a.example/feed"))
    spec = {"id": "wire", "url": "https://a.example/feed"} | private
    assert not may_move(FeedSpec.model_validate(spec))


# At a server


async def polled_on_days(desk: PollingDesk, *days: float) -> Memory:
    memory = await desk.memory()
    for day in days:
        desk.ahead = day * DAY
        memory = await desk.poll()
    return memory


def last_asked(desk: PollingDesk) -> str:
    return [path for path, _ in desk.wire.visits if path.startswith("/feeds/")][-1]


@pytest.fixture
def moved(desk: PollingDesk) -> PollingDesk:
    desk.wire.publish("first")
    desk.wire.redirects["/feeds/wire"] = "/feeds/new"
    return desk


async def test_a_redirect_is_followed_at_once_and_asked_at_its_target_after_three_days(
    moved: PollingDesk,
) -> None:
    memory = await polled_on_days(moved, 0, 1.1)
    assert memory.moved_to is None
    assert (memory.redirects.target, memory.redirects.days) == (f"{moved.wire.url}/feeds/new", 2)
    memory = await polled_on_days(moved, 2.2)
    assert memory.address == f"{moved.wire.url}/feeds/new"
    assert memory.url == f"{moved.wire.url}/feeds/wire"
    assert await moved.memory() == memory, "it is the same after a restart"
    moved.wire.redirects.clear()
    await polled_on_days(moved, 3.3)
    assert last_asked(moved) == "/feeds/new"
    assert await moved.titles() == ["News of first"], "and what was seen stays seen"


async def test_not_modified_counts_for_nothing_and_against_nothing(moved: PollingDesk) -> None:
    memory = await polled_on_days(moved, 0, 0.3, 0.6, 0.9)
    assert memory.redirects.days == 1
    assert (await polled_on_days(moved, 1.1, 2.2)).moved_to is not None


async def test_a_redirect_to_what_is_no_feed_is_not_believed(moved: PollingDesk) -> None:
    moved.wire.garbage = True
    memory = await polled_on_days(moved, 0, 1.1, 2.2, 3.3)
    assert memory.moved_to is None
    assert memory.redirects == NOWHERE
    assert memory.health.failures == 4


async def test_a_redirect_for_the_time_being_moves_nothing(desk: PollingDesk) -> None:
    desk.wire.redirects["/feeds/wire"] = "/feeds/new"
    desk.wire.redirect_status = 302
    memory = await polled_on_days(desk, 0, 1.1, 2.2, 3.3)
    assert memory.moved_to is None
    assert memory.redirects == NOWHERE


async def test_where_the_new_address_fails_three_times_the_old_one_is_asked_again(
    moved: PollingDesk,
) -> None:
    await polled_on_days(moved, 0, 1.1, 2.2)
    moved.wire.redirects.clear()
    moved.wire.publish("second")
    moved.wire.closed.add("/feeds/new")
    memory = await polled_on_days(moved, 3, 3.1, 3.2)
    assert memory.moved_to is None
    assert memory.next_due_at is not None
    assert (await polled_on_days(moved, 3.3)).health.failures == 0
    assert last_asked(moved) == "/feeds/wire"
    assert await moved.titles() == ["News of first", "News of second"]


async def test_one_that_becomes_private_after_it_moved_is_asked_where_its_secret_belongs(
    moved: PollingDesk,
) -> None:
    await polled_on_days(moved, 0, 1.1, 2.2)
    moved.wire.redirects.clear()
    moved.feed = moved.feed.model_copy(update={"headers": {"X-Key": "a"}})
    await polled_on_days(moved, 3.3)
    assert last_asked(moved) == "/feeds/wire"


async def test_an_address_that_the_operator_changes_is_asked_there(moved: PollingDesk) -> None:
    memory = await polled_on_days(moved, 0, 1.1, 2.2)
    assert at_address(memory, memory.url, moved.clock()).moved_to is not None
    elsewhere = at_address(memory, OTHER, moved.clock())
    assert (elsewhere.address, elsewhere.redirects) == (OTHER, NOWHERE)
