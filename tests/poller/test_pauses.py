"""A host that asks for a pause is left alone: by its feeds, its pages, and every poller."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.article import TextReason
from services.poller.articles import NoPageText, PageText
from services.poller.pauses import Pauses, merged
from services.poller.schedule import Policy
from services.store.database import Database, DatabaseUnavailableError
from tests.poller.test_polling_worker import Office
from tests.poller.wire import PollingDesk
from tests.servers.faults import FaultyDatabase
from tests.servers.patience import until

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FEED = "https://News.example:8443/feed"


def test_a_pause_concerns_every_address_of_the_host_and_no_other() -> None:
    pauses = Pauses()
    pauses.asked("news.example", 30 * MINUTE, NOW)
    for url in (FEED, "http://news.example/pages/7"):
        assert pauses.over_at(url, NOW) == NOW + 30 * MINUTE
        assert pauses.over_at(url, NOW + 30 * MINUTE) is None
    for url in ("https://www.news.example/feed", "https://example/feed", "no address", "http://["):
        assert pauses.over_at(url, NOW) is None
        assert pauses.feed_goes_on_at(url, NOW) is None


@pytest.mark.parametrize(
    ("asked", "minutes"), [(None, 10), (timedelta(), 2), (timedelta(days=9), 24 * 60)]
)
def test_a_pause_is_ten_minutes_unless_the_host_says_and_at_most_a_day(
    asked: timedelta | None, minutes: int
) -> None:
    pauses = Pauses()
    pauses.asked("news.example", asked, NOW)
    assert pauses.over_at(FEED, NOW) == NOW + minutes * MINUTE


def test_a_shorter_wish_does_not_shorten_a_pause() -> None:
    pauses = Pauses()
    pauses.asked("news.example", 30 * MINUTE, NOW)
    pauses.asked("news.example", 5 * MINUTE, NOW)
    assert pauses.over_at(FEED, NOW) == NOW + 30 * MINUTE


def test_a_pause_that_a_clock_set_that_was_ahead_is_none() -> None:
    pauses = Pauses()
    pauses.asked("news.example", None, NOW + timedelta(days=999))
    assert pauses.over_at(FEED, NOW) is None
    assert pauses.feed_goes_on_at(FEED, NOW) is None


def test_the_feeds_of_a_host_come_back_one_after_the_other() -> None:
    pauses = Pauses()
    pauses.asked("news.example", 10 * MINUTE, NOW)
    backs = [pauses.feed_goes_on_at(f"https://news.example/{n}", NOW) for n in range(40)]
    waits = sorted(back - NOW for back in backs if back is not None)
    assert len(set(waits)) == 40
    assert waits[0] >= 10 * MINUTE
    assert waits[-1] < 10 * MINUTE + Policy().min_interval
    assert waits[-1] - waits[0] > MINUTE


def test_of_two_pauses_of_a_host_the_longer_counts_and_what_is_over_is_forgotten() -> None:
    hour = timedelta(hours=1)
    known = {"a": NOW + hour, "b": NOW + MINUTE, "old": NOW - hour}
    heard = {"a": NOW + MINUTE, "b": NOW + hour, "c": NOW + hour}
    assert merged(known, heard, NOW) == {"a": NOW + hour, "b": NOW + hour, "c": NOW + hour}


async def test_a_pause_is_known_to_other_pollers_and_after_a_restart(database: Database) -> None:
    first, second = Pauses(), Pauses()
    await second.exchange(database, NOW)
    first.asked("news.example", 30 * MINUTE, NOW)
    await first.exchange(database, NOW)
    first.asked("news.example", 5 * MINUTE, NOW)
    await first.exchange(database, NOW)
    await second.exchange(database, NOW + MINUTE)
    assert second.over_at(FEED, NOW + MINUTE) == NOW + 30 * MINUTE
    restarted = Pauses()
    await restarted.exchange(database, NOW + 40 * MINUTE)
    assert restarted.over_at(FEED, NOW) is None, "it was over"


async def test_a_pause_is_told_when_the_database_is_back(database: Database) -> None:
    away = FaultyDatabase(database, 1)
    pauses, other = Pauses(), Pauses()
    pauses.asked("news.example", 30 * MINUTE, NOW)
    with pytest.raises(DatabaseUnavailableError):
        await pauses.exchange(away, NOW)
    assert pauses.over_at(FEED, NOW) is not None
    await pauses.exchange(away, NOW)
    await other.exchange(database, NOW)
    assert other.over_at(FEED, NOW) is not None


# The loop


@pytest.mark.parametrize("status", [429, 503])
async def test_when_one_feed_is_told_to_wait_the_others_of_its_host_wait_too(
    desk: PollingDesk, status: int
) -> None:
    office = Office(desk)
    await office.configure(office.feed("first", "first"))
    desk.wire.feed_status, desk.wire.retry_after = status, "3600"
    async with office.at_work():
        await office.until_remembered("first")
        await office.configure(office.feed("first", "first"), office.feed("second", "second"))

        async def taken_over() -> bool:
            counted = desk.metrics.registry.get_sample_value
            return counted("wirewatch_feeds", {"state": "new"}) == 1

        await until(taken_over, "the second feed to be known")
        desk.wire.feed_status = 200
        desk.ahead = timedelta(minutes=59)
        await office.until_told("poller: ready")
        assert {path for path, _ in desk.wire.visits} == {"/feeds/first"}
        desk.ahead = timedelta(minutes=70)
        await office.until_remembered("second")
    assert (await desk.memory("second")).health.failures == 0, "to wait is no failure"


# Pages


async def test_a_page_of_a_paused_host_is_not_asked_for_and_tried_again_later(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("ferry")
    desk.pauses.asked("127.0.0.1", 30 * MINUTE, desk.clock())
    await desk.poll()
    assert "/pages/ferry" not in dict(desk.wire.visits)
    (article,) = await desk.published()
    assert article.text_reason is TextReason.HTTP_ERROR
    (retry,) = await desk.retries()
    desk.ahead = timedelta(hours=1)
    await desk.poller.retry_page(desk.feed, retry)
    assert len(await desk.identities()) == 2


async def test_to_wait_for_the_end_of_a_pause_costs_a_page_none_of_its_tries(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("ferry", page=500)
    await desk.poll()
    (first,) = await desk.retries()
    desk.wire.edit("ferry", page=200)
    desk.pauses.asked("127.0.0.1", timedelta(hours=20), desk.clock())
    desk.ahead = timedelta(hours=3)
    asked = len(desk.wire.visits)
    await desk.poller.retry_page(desk.feed, first)
    (put_off,) = await desk.retries()
    assert len(desk.wire.visits) == asked
    assert put_off.attempt == first.attempt
    assert timedelta(hours=16) < put_off.due_at - desk.clock() < timedelta(hours=20)
    desk.ahead = timedelta(hours=25)
    await desk.poller.retry_page(desk.feed, put_off)
    assert len(await desk.identities()) == 2
    assert await desk.retries() == []


@pytest.mark.parametrize(
    ("status", "retry_after", "pauses"),
    [(429, None, True), (503, "600", True), (503, None, False), (500, "600", False)],
)
async def test_a_page_pauses_its_host_where_the_host_is_meant(
    desk: PollingDesk, status: int, retry_after: str | None, pauses: bool
) -> None:
    desk.wire.publish("ferry", page=status)
    desk.wire.retry_after = retry_after
    url = f"{desk.wire.url}/pages/ferry"
    assert isinstance(await desk.reader.read(url), NoPageText)
    assert (desk.pauses.over_at(url, desk.clock()) is not None) == pauses
    desk.wire.edit("ferry", page=200)
    assert isinstance(await desk.reader.read(url), PageText) is not pauses
