"""What is late, edited or renamed, from the feed's server to the bus."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from schemas.article import TextOrigin, TextReason
from services.bus.port import BusUnavailableError
from services.poller.edits import AT_ONCE, QUIET_AFTER, published, turn
from services.poller.memory import at_address
from services.store import feeds
from services.store.database import DatabaseUnavailableError
from services.store.entry_edits import Edits
from services.store.feeds import NOT_PUBLISHED
from tests.poller.wire import BODY, PollingDesk

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = 7 * 24 * 60  # minutes
QUIET_START = datetime(2026, 3, 5, 12, tzinfo=UTC)


def counted(desk: PollingDesk, name: str, **labels: str) -> float:
    return desk.metrics.registry.get_sample_value(f"wirewatch_{name}_total", labels) or 0


# Late


@pytest.mark.parametrize(("minutes_ago", "late"), [(WEEK - 1, False), (WEEK + 1, True)])
async def test_what_is_dated_a_week_before_the_last_poll_is_late(
    desk: PollingDesk, minutes_ago: float, late: bool
) -> None:
    await desk.watched()
    desk.wire.publish("archive", minutes_ago=minutes_ago)
    await desk.poll()
    (article,) = await desk.published()
    assert article.late is late
    assert counted(desk, "entries_late") == late


async def test_after_an_outage_of_weeks_what_came_meanwhile_is_not_late(desk: PollingDesk) -> None:
    await desk.watched()
    desk.ahead = 30 * DAY
    desk.wire.publish("meanwhile", minutes_ago=-60)
    await desk.poll()
    desk.wire.edit("meanwhile", summary="Corrected.")
    await desk.poll()
    assert [article.late for article in await desk.published()] == [False, False]


async def test_after_polls_by_a_clock_that_was_ahead_nothing_is_late_for_it(
    desk: PollingDesk,
) -> None:
    desk.ahead = timedelta(days=999)
    await desk.poll()
    desk.ahead = timedelta()
    desk.wire.publish("ferry")
    await desk.poll()
    assert [article.late for article in await desk.published()] == [False]


async def test_a_feed_may_want_alerts_of_what_is_late(desk: PollingDesk) -> None:
    await desk.watched()
    desk.feed = desk.feed.model_copy(update={"late": "alert"})
    desk.wire.publish("archive", minutes_ago=2 * WEEK)
    await desk.poll()
    assert [article.late for article in await desk.published()] == [False]


async def test_the_window_of_a_first_fetch_may_be_longer_than_a_week(desk: PollingDesk) -> None:
    memory = await desk.memory()
    desk.ahead = 14 * DAY  # it was down since it was added
    desk.wire.publish("old", minutes_ago=0)
    await desk.poll(memory)
    assert [article.late for article in await desk.published()] == [False]


async def test_an_undated_entry_is_as_old_as_its_first_sight(desk: PollingDesk) -> None:
    await desk.watched()
    desk.wire.publish("undated", published=None)
    await desk.poll()
    (article,) = await desk.published()
    assert (article.published_at, article.late) == (None, False)


async def test_an_edit_of_a_late_entry_is_late_whether_it_was_published_or_muted(
    desk: PollingDesk,
) -> None:
    desk.wire.publish("muted", minutes_ago=2 * WEEK)
    await desk.watched()
    desk.wire.publish("archive", minutes_ago=2 * WEEK)
    await desk.poll()
    for slug in ("muted", "archive"):
        desk.wire.edit(slug, summary="Readers: 17")
    await desk.poll()
    assert [article.late for article in await desk.published()] == [True, True, True]


# Edits


async def test_three_edits_go_out_at_once_and_the_next_waits_with_its_latest_text(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("ferry", summary="Readers: 0")
    for readers in range(1, 9):
        await desk.poll()
        desk.wire.edit("ferry", summary=f"Readers: {readers}")
    await desk.poll()
    articles = await desk.published()
    assert [a.summary for a in articles] == [f"Readers: {n}" for n in range(1 + AT_ONCE)]
    assert counted(desk, "edits_put_off") == 5
    (waiting,) = await desk.retries()
    assert waiting.attempt == NOT_PUBLISHED
    desk.wire.entries.clear()  # the entry has left the feed, its page with it
    await desk.poll()
    await desk.poller.retry_page(desk.feed, waiting)
    last = (await desk.published())[-1]
    assert (last.summary, last.article_id) == ("Readers: 8", articles[0].article_id)


async def test_a_revision_that_waited_has_its_page_read_when_its_turn_comes(
    desk: PollingDesk,
) -> None:
    await _edited_often(desk)
    (waiting,) = await desk.retries()
    visits = len(desk.wire.visits)
    await desk.poller.retry_page(desk.feed, waiting)
    assert len(desk.wire.visits) == visits + 1
    last = (await desk.published())[-1]
    assert (last.summary, last.text, last.text_reason) == (
        "Last.",
        TextOrigin.FULL,
        TextReason.PAGE,
    )
    assert BODY[0] in last.body
    assert await desk.retries() == []


async def test_a_revision_that_waited_goes_out_without_its_page_which_is_tried_again(
    desk: PollingDesk,
) -> None:
    await _edited_often(desk)
    desk.wire.edit("ferry", page=500)
    (waiting,) = await desk.retries()
    await desk.poller.retry_page(desk.feed, waiting)
    last = (await desk.published())[-1]
    assert (last.summary, last.text, last.text_reason) == (
        "Last.",
        TextOrigin.SUMMARY,
        TextReason.HTTP_ERROR,
    )
    (retry,) = await desk.retries()
    assert retry.attempt == 0
    desk.wire.edit("ferry", page=200)
    await desk.poller.retry_page(desk.feed, retry)
    assert (await desk.published())[-1].text is TextOrigin.FULL


async def test_a_revision_without_a_page_waits_and_goes_out_as_the_feed_gives_it(
    desk: PollingDesk,
) -> None:
    desk.feed = desk.feed.model_copy(update={"full_text": "never"})
    await _edited_often(desk)
    (waiting,) = await desk.retries()
    await desk.poller.retry_page(desk.feed, waiting)
    last = (await desk.published())[-1]
    assert (last.summary, last.text_reason) == ("Last.", TextReason.NOT_WANTED)
    assert await desk.retries() == []


@pytest.mark.parametrize("lost", ["bus", "database"])
async def test_a_revision_that_waited_is_published_again_unless_that_was_recorded(
    desk: PollingDesk, lost: str
) -> None:
    await _edited_often(desk)
    (waiting,) = await desk.retries()
    if lost == "bus":
        desk.bus.room = 0
    desk.database.fail_writes = lost == "database"
    with pytest.raises((BusUnavailableError, DatabaseUnavailableError)):
        await desk.poller.retry_page(desk.feed, waiting)
    desk.bus.room, desk.database.fail_writes = None, False
    assert await desk.retries() == [waiting]
    await desk.poller.retry_page(desk.feed, waiting)
    assert [a.summary for a in await desk.published()].count("Last.") == 1 + (lost == "database")
    assert len({a.revision for a in await desk.published() if a.summary == "Last."}) == 1


async def test_a_retry_that_a_poll_has_overtaken_leaves_the_newer_one_alone(
    desk: PollingDesk,
) -> None:
    await desk.watched()
    desk.wire.publish("ferry", page=500)
    await desk.poll()
    (old,) = await desk.retries()
    desk.wire.edit("ferry", summary="Corrected.")
    await desk.poll()
    (new,) = await desk.retries()
    await desk.poller.retry_page(desk.feed, old)
    assert await desk.retries() == [new]


def test_an_article_that_changes_all_the_time_has_a_bounded_number_of_revisions() -> None:
    now = start = QUIET_START
    edits: Edits | None = None
    times = []
    while now < start + DAY:
        if turn(edits, now) <= now:
            edits = published(edits, now)
            times.append(now)
        now += 2 * MINUTE
    assert len(times) <= 20
    assert times[:3] == [start + n * 2 * MINUTE for n in range(3)]
    assert max(b - a for a, b in pairwise(times)) <= 2 * HOUR + 2 * MINUTE


def test_a_turn_is_not_years_away_after_edits_by_a_clock_that_was_ahead() -> None:
    assert turn(Edits(9, QUIET_START + 999 * DAY), QUIET_START) <= QUIET_START + 2 * HOUR


def test_an_article_that_was_quiet_for_a_day_has_all_its_turns_again() -> None:
    edits: Edits | None = None
    for _ in range(9):
        edits = published(edits, QUIET_START)
    later = QUIET_START + QUIET_AFTER
    assert turn(edits, later) <= later
    assert published(edits, later) == Edits(1, later)


async def _edited_often(desk: PollingDesk) -> None:
    """An entry with a revision that waits, which says "Last."."""
    await desk.watched()
    desk.wire.publish("ferry", summary="0")
    for summary in ("1", "2", "3", "Last."):
        await desk.poll()
        desk.wire.edit("ferry", summary=summary)
    await desk.poll()
    assert [a.summary for a in await desk.published()] == ["0", "1", "2", "3"]


# Renamed


async def test_a_feed_that_renames_its_entries_alerts_nobody_and_edits_lead_to_the_old_articles(
    desk: PollingDesk,
) -> None:
    for n in range(12):
        desk.wire.publish(f"old-{n}", minutes_ago=n, title=f"Report {n} from the harbour")
    await desk.poll()
    before = {a.title: a.article_id for a in await desk.published()}
    assert len(before) == 12
    for n in range(12):
        desk.wire.edit(f"old-{n}", slug=f"new-{n}")
    desk.wire.publish("fresh")
    await desk.poll()
    assert [a.title for a in (await desk.published())[12:]] == ["News of fresh"]
    assert counted(desk, "entries_muted", reason="reidentified") == 12
    assert counted(desk, "feed_gaps") == 0
    desk.wire.edit("new-3", summary="Corrected.")
    await desk.poll()
    last = (await desk.published())[-1]
    assert (last.summary, last.article_id) == ("Corrected.", before["Report 3 from the harbour"])


async def test_a_window_full_of_news_is_published_and_counted_as_a_gap(desk: PollingDesk) -> None:
    desk.wire.publish("before")
    await desk.poll()
    desk.wire.entries.clear()
    for n in range(12):
        desk.wire.publish(f"burst-{n}", title=f"Report {n} from the harbour")
    await desk.poll()
    assert len(await desk.published()) == 13
    assert counted(desk, "feed_gaps") == 1


async def test_a_feed_that_moves_and_renames_its_entries_at_once_alerts_nobody(
    desk: PollingDesk,
) -> None:
    for n in range(12):
        desk.wire.publish(f"old-{n}", minutes_ago=50 + n, title=f"Report {n} from the harbour")
    await desk.poll()
    already = len(await desk.published())
    for n in range(12):
        desk.wire.edit(f"old-{n}", slug=f"new-{n}")
    desk.feed = desk.feed.model_copy(update={"url": f"{desk.wire.url}/feeds/moved"})
    desk.wire.publish("fresh", minutes_ago=-1)
    await desk.poll(at_address(await desk.memory(), desk.feed.url, desk.clock()))
    assert [a.title for a in (await desk.published())[already:]] == ["News of fresh"]
    assert counted(desk, "entries_muted", reason="reidentified") == 12


# Memory


async def test_what_a_silent_feed_showed_is_remembered_for_ninety_days_after_it_left(
    desk: PollingDesk,
) -> None:
    desk.wire.publish("ferry")
    await desk.poll()
    ferry = desk.wire.entries.copy()
    desk.ahead = 120 * DAY  # and it answered "not modified" all the time
    desk.wire.entries.clear()
    desk.wire.publish("other", minutes_ago=-120 * 24 * 60)
    await desk.poll()
    for ahead, known in ((205, True), (300, False)):
        desk.ahead = ahead * DAY
        desk.wire.publish(f"day-{ahead}", minutes_ago=-ahead * 24 * 60)
        await desk.poll()
        async with desk.real.read() as tx:
            assert bool(await feeds.seen(tx, "wire", {"guid:ferry"})) is known
    desk.wire.entries = ferry
    await desk.poll()
    assert (await desk.published())[-1].late


async def test_what_was_written_down_today_is_not_written_again(desk: PollingDesk) -> None:
    for n in range(30):
        desk.wire.publish(f"report-{n}")
    await desk.poll()
    before = await _seen_at(desk)
    desk.ahead = HOUR
    desk.wire.publish("new")
    await desk.poll()
    assert await _seen_at(desk) == before
    desk.ahead = 2 * DAY
    desk.wire.publish("newer")
    await desk.poll()
    assert min(await _seen_at(desk)) > max(before)


async def _seen_at(desk: PollingDesk) -> list[float]:
    aliases = {f"guid:report-{n}" for n in range(30)}
    async with desk.real.read() as tx:
        rows = (await feeds.seen(tx, "wire", aliases)).values()
    return sorted(r.last_seen_at.timestamp() for r in rows if r.last_seen_at is not None)
