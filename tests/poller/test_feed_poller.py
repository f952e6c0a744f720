"""A poll publishes first and remembers then: nothing is lost, and nothing is news twice."""

from datetime import timedelta

import pytest

from schemas.article import TextOrigin, TextReason
from services.bus.port import BusUnavailableError
from services.poller.memory import at_address
from services.store import feeds
from services.store.database import DatabaseUnavailableError
from tests.poller.wire import BODY, SUMMARY, PollingDesk
from tests.servers.faults import CrashedError

HOUR = timedelta(hours=1)


async def test_a_new_entry_is_published_with_the_text_of_its_page(desk: PollingDesk) -> None:
    await desk.watched()
    entry = desk.wire.publish("ferry")
    await desk.poll()
    (article,) = await desk.published()
    assert entry.published is not None
    assert (article.title, article.summary) == ("News of ferry", SUMMARY)
    assert all(paragraph in article.body for paragraph in BODY)
    assert (article.text, article.text_reason) == (TextOrigin.FULL, TextReason.PAGE)
    assert (article.feed_id, article.source) == ("wire", "The Wire")
    assert article.published_at == entry.published.replace(microsecond=0)
    assert article.url == f"{desk.wire.url}/pages/ferry"


async def test_what_was_published_is_not_published_again(desk: PollingDesk) -> None:
    await desk.watched()
    desk.wire.publish("one")
    await desk.poll()
    desk.wire.publish("two")
    await desk.poll()
    await desk.poll()
    assert await desk.titles() == ["News of one", "News of two"]


# The first fetch


async def test_on_the_first_fetch_only_entries_within_the_window_are_news(
    desk: PollingDesk,
) -> None:
    desk.wire.publish("old", minutes_ago=61)
    desk.wire.publish("undated", published=None)
    desk.wire.publish("fresh", minutes_ago=59)
    await desk.poll()
    desk.wire.publish("later", published=None)
    desk.wire.publish("backdated", minutes_ago=600)
    await desk.poll()
    assert set(await desk.titles()) == {"News of fresh", "News of later", "News of backdated"}
    muted = desk.metrics.registry.get_sample_value(
        "wirewatch_entries_muted_total", {"reason": "first_fetch"}
    )
    assert muted == 2


async def test_an_entry_that_was_muted_is_news_when_it_is_edited(desk: PollingDesk) -> None:
    desk.wire.publish("old", minutes_ago=61)
    await desk.watched()
    desk.wire.edit("old", summary="Now with troops.")
    await desk.poll()
    assert [a.summary for a in await desk.published()] == ["Now with troops."]


async def test_what_appears_while_a_new_feed_is_down_is_news_when_it_comes_up(
    desk: PollingDesk,
) -> None:
    desk.wire.feed_status = 503
    await desk.poll()
    desk.ahead = 5 * HOUR
    desk.wire.publish("meanwhile", minutes_ago=-60)
    desk.wire.publish("before", minutes_ago=90)
    desk.wire.feed_status = 200
    await desk.poll()
    assert await desk.titles() == ["News of meanwhile"]


async def test_a_first_poll_that_an_outage_undid_for_hours_mutes_no_more_than_at_first(
    desk: PollingDesk,
) -> None:
    memory = await desk.memory()
    desk.wire.publish("fresh", minutes_ago=50)
    desk.bus.room = 0
    with pytest.raises(BusUnavailableError):
        await desk.poll(memory)
    desk.bus.room = None
    desk.ahead = 3 * HOUR
    await desk.poll(memory)
    assert await desk.titles() == ["News of fresh"]


# Crashes


@pytest.mark.parametrize("after_send", [False, True])
@pytest.mark.parametrize("sent", [0, 1, 2])
@pytest.mark.parametrize("error", [BusUnavailableError("away"), CrashedError()])
async def test_unless_everything_was_acknowledged_nothing_is_remembered(
    desk: PollingDesk, sent: int, after_send: bool, error: Exception
) -> None:
    await desk.watched()
    for slug in ("one", "two", "three"):
        desk.wire.publish(slug)
    before = await desk.memory()
    desk.bus.room, desk.bus.after_send, desk.bus.error = sent, after_send, error
    with pytest.raises(type(error)):
        await desk.poll()
    assert await desk.memory() == before, "validators and all"
    already = await desk.identities()
    desk.bus.room = None
    await desk.poll()
    everything = await desk.identities()
    assert len(everything) == 3, "nothing is lost, and no new revision came about"
    assert already <= everything
    assert len(await desk.published()) <= 3 + len(already)
    await desk.poll()
    assert len(await desk.published()) == 3 + len(already)


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_database_that_fails_after_publishing_costs_a_repeat_and_nothing_else(
    desk: PollingDesk, after_commit: bool
) -> None:
    await desk.watched()
    desk.wire.publish("one")
    desk.wire.publish("two", page=500)
    before = await desk.memory()
    desk.database.fail(1, after_commit=after_commit)
    with pytest.raises(DatabaseUnavailableError):
        await desk.poll()
    assert (await desk.memory() == before) is not after_commit
    assert len(await desk.retries()) == int(after_commit)
    await desk.poll()
    await desk.poll()
    assert len(await desk.identities()) == 2
    assert len(await desk.published()) == (2 if after_commit else 4)
    assert len(await desk.retries()) == 1


async def test_a_database_that_cannot_be_read_is_told_before_anything_is_published(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("one")
    memory = await desk.memory()
    desk.database.away = True
    with pytest.raises(DatabaseUnavailableError):
        await desk.poll(memory)
    assert not await desk.titles()


async def test_validators_are_stored_only_after_what_they_stand_for_is_published(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("one")
    desk.bus.room = 0
    with pytest.raises(BusUnavailableError):
        await desk.poll()
    desk.bus.room = None
    await desk.poll()
    await desk.poll()
    # The first fetch; the one that failed; its repeat, which is answered in full because it
    # sends the old validator; and the one that may be answered "not modified".
    assert desk.wire.polls() == [False, True, True, True]
    assert await desk.titles() == ["News of one"]


# Edits, pages, failures


async def test_an_edited_entry_is_a_new_revision_of_the_same_article(desk: PollingDesk) -> None:
    await desk.watched()
    desk.wire.publish("ferry")
    await desk.poll()
    desk.wire.edit("ferry", summary="Corrected.")
    await desk.poll()
    first, second = await desk.published()
    assert first.article_id == second.article_id
    assert first.revision != second.revision
    assert (first.first_seen_at, second.summary) == (second.first_seen_at, "Corrected.")
    assert second.seen_at > first.seen_at


async def test_a_page_that_fails_is_a_summary_at_once_and_the_full_text_as_a_new_revision(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("ferry", page=500)
    await desk.poll()
    (first,) = await desk.published()
    assert (first.text, first.text_reason, first.body) == (
        TextOrigin.SUMMARY,
        TextReason.HTTP_ERROR,
        "",
    )
    (retry,) = await desk.retries()
    desk.wire.edit("ferry", page=200)
    await desk.poller.retry_page(desk.feed, retry)
    _, second = await desk.published()
    assert (second.article_id, second.text) == (first.article_id, TextOrigin.FULL)
    assert second.revision != first.revision
    assert BODY[0] in second.body
    assert await desk.retries() == []


async def test_a_page_is_tried_four_times_at_growing_distances_and_then_no_more(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("ferry", page=500)
    await desk.poll()
    (article,) = await desk.published()
    waits = []
    while retries := await desk.retries():
        (retry,) = retries
        waits.append((retry.due_at - article.seen_at).total_seconds())
        desk.ahead = retry.due_at - article.seen_at
        await desk.poller.retry_page(desk.feed, retry)
    assert [round(wait / 60) for wait in waits] == [1, 5, 30, 120]
    assert len(await desk.published()) == 1


async def test_after_a_standstill_a_page_is_not_tried_in_a_hurry(desk: PollingDesk) -> None:
    await desk.watched()
    desk.wire.publish("ferry", page=500)
    await desk.poll()
    (retry,) = await desk.retries()
    desk.ahead = 24 * HOUR
    await desk.poller.retry_page(desk.feed, retry)
    (following,) = await desk.retries()
    assert following.due_at > desk.clock() + timedelta(seconds=50)


async def test_a_page_that_will_never_give_a_text_is_not_tried_again(desk: PollingDesk) -> None:
    await desk.watched()
    desk.wire.publish("ferry")
    feed = desk.feed.model_copy(update={"full_text": "never"})
    await desk.poller.poll(feed, await desk.memory())
    (article,) = await desk.published()
    assert article.text_reason is TextReason.NOT_WANTED
    assert await desk.retries() == []


@pytest.mark.parametrize("error", [BusUnavailableError("away"), CrashedError()])
async def test_a_retry_whose_text_was_not_published_stays_due(
    desk: PollingDesk, error: Exception
) -> None:
    await desk.watched()
    desk.wire.publish("ferry", page=500)
    await desk.poll()
    before = await desk.retries()
    desk.wire.edit("ferry", page=200)
    desk.bus.room, desk.bus.error = 0, error
    with pytest.raises(type(error)):
        await desk.poller.retry_page(desk.feed, before[0])
    assert await desk.retries() == before


async def test_a_retry_that_was_published_and_not_recorded_publishes_the_same_again(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("ferry", page=500)
    await desk.poll()
    (retry,) = await desk.retries()
    desk.wire.edit("ferry", page=200)
    desk.database.fail_writes = True
    with pytest.raises(DatabaseUnavailableError):
        await desk.poller.retry_page(desk.feed, retry)
    desk.database.fail_writes = False
    await desk.poller.retry_page(desk.feed, retry)
    assert len(await desk.published()) == 3
    assert len(await desk.identities()) == 2
    assert await desk.retries() == []


async def test_a_newer_revision_ends_the_retry_for_the_older_one(desk: PollingDesk) -> None:
    await desk.watched()
    desk.wire.publish("ferry", page=500)
    await desk.poll()
    desk.wire.edit("ferry", page=200, summary="Corrected.")
    await desk.poll()
    assert await desk.retries() == []


async def test_a_retry_that_cannot_be_read_is_dropped(desk: PollingDesk) -> None:
    unreadable = feeds.PageRetry("x", "wire", b"garbage", 0, desk.clock())
    async with desk.real.write() as tx:
        await feeds.schedule_retry(tx, unreadable)
    await desk.poller.retry_page(desk.feed, unreadable)
    assert await desk.retries() == []


@pytest.mark.parametrize("trouble", ["status", "garbage"])
async def test_a_feed_that_fails_is_remembered_as_failing_and_recovers(
    desk: PollingDesk, trouble: str
) -> None:
    await desk.watched()
    desk.wire.publish("ferry")
    desk.wire.feed_status = 500 if trouble == "status" else 200
    desk.wire.garbage = trouble == "garbage"
    for failures in (1, 2):
        assert (await desk.poll()).health.failures == failures
    desk.wire.feed_status, desk.wire.garbage = 200, False
    assert (await desk.poll()).health.failures == 0
    assert await desk.titles() == ["News of ferry"]


async def test_a_feed_that_is_gone_for_good_is_polled_no_more(desk: PollingDesk) -> None:
    desk.wire.feed_status = 410
    memories = []
    for hours in (0, 20, 25):
        desk.ahead = hours * HOUR
        memories.append(await desk.poll())
    assert memories[1].next_due_at is not None
    assert memories[2].next_due_at is None
    assert (await desk.memory()).health.disabled


async def test_a_feed_that_says_not_modified_is_asked_in_full_after_a_day(
    desk: PollingDesk,
) -> None:
    for hours in (0, 1, 23, 25, 26, 48, 50):
        desk.ahead = hours * HOUR
        await desk.poll()
    assert desk.wire.polls() == [False, True, True, False, True, True, False]


# Another address


async def test_a_feed_that_moved_is_asked_unconditionally_and_what_it_showed_stays_seen(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("one")
    await desk.poll()
    desk.feed = desk.feed.model_copy(update={"url": f"{desk.wire.url}/feeds/moved"})
    desk.wire.publish("two", minutes_ago=-1)
    memory = at_address(await desk.memory(), desk.feed.url, desk.clock())
    after = await desk.poll(memory)
    assert desk.wire.polls()[-1] is False
    assert await desk.titles() == ["News of one", "News of two"]
    assert after.url.endswith("/moved")
    assert await desk.memory() == after


async def test_another_feed_under_the_old_name_brings_only_what_is_newer_than_the_last_success(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.entries.clear()
    desk.wire.publish("long-ago", minutes_ago=600)
    desk.wire.publish("just-now", minutes_ago=-1)
    desk.feed = desk.feed.model_copy(update={"url": f"{desk.wire.url}/feeds/moved"})
    memory = at_address(await desk.memory(), desk.feed.url, desk.clock())
    await desk.poll(memory)
    assert await desk.titles() == ["News of just-now"]


async def test_a_wrong_address_that_is_put_right_has_been_watched_since_it_was_added(
    desk: PollingDesk,
) -> None:
    desk.wire.feed_status = 404
    await desk.poll()
    desk.ahead = 5 * HOUR
    desk.wire.publish("meanwhile", minutes_ago=-60)
    desk.wire.feed_status = 200
    desk.feed = desk.feed.model_copy(update={"url": f"{desk.wire.url}/feeds/right"})
    await desk.poll(at_address(await desk.memory(), desk.feed.url, desk.clock()))
    assert await desk.titles() == ["News of meanwhile"]


async def test_a_feed_that_has_ended_is_polled_again_at_another_address(desk: PollingDesk) -> None:
    desk.wire.feed_status = 410
    for hours in (0, 20, 25):
        desk.ahead = hours * HOUR
        await desk.poll()
    memory = await desk.memory()
    assert memory.next_due_at is None
    desk.wire.feed_status = 200
    memory = at_address(memory, f"{desk.wire.url}/feeds/right", desk.clock())
    assert memory.next_due_at is not None
    assert not (await desk.poll(memory)).health.disabled
