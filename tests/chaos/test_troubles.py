"""Trouble on every side of the running process: a log line, a metric, nothing lost."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.topics import ARTICLES, ARTICLES_DLQ
from services.bus.port import Outgoing
from services.bus.sqlite import open_bus
from tests.notifier.smtp_double import SmtpDouble
from tests.pipeline.stories import FILLER, HIT, MORE, SUMMARY
from tests.pipeline.timeline import EmbeddedTimeline
from tests.pipeline.wirewatch_process import until


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("down", "unreachable"),
        ("slow", "timed_out"),
        ("drip", "timed_out"),
        ("huge", "too_large"),
        ("not_a_feed", "not_a_feed"),
        ("500", "http_error"),
    ],
)
async def test_a_feed_in_trouble_is_counted_and_read_again_when_it_is_well(
    timeline: EmbeddedTimeline, mode: str, outcome: str
) -> None:
    wirewatch = timeline.wirewatch
    wirewatch.env = {**wirewatch.env, "WIREWATCH_FETCH_TIMEOUT_SECONDS": "1"}
    other = await timeline.newsroom.open_feed("other")
    wire = f"{timeline.newsroom.url}/feeds/wire.xml"
    wirewatch.write(
        "feeds.yaml", {"feeds": [{"id": "wire", "url": wire}, {"id": "other", "url": other}]}
    )
    await wirewatch.start_ready()
    await wirewatch.until_metric("wirewatch_feeds", 2, state="ok")
    await timeline.newsroom.afflict_feed("wire", mode)
    await wirewatch.until_metric("wirewatch_polls_total", 1, outcome=outcome)
    assert wirewatch.logged("poll failed", feed="wire", reason=outcome)
    await timeline.publish("other", "The rest goes on", MORE, summary=SUMMARY)
    await timeline.expect("The rest goes on")
    await timeline.publish("wire", "Published in trouble", HIT, summary=SUMMARY)
    await timeline.newsroom.afflict_feed("wire", "ok")
    await timeline.expect("Published in trouble")
    await timeline.expect_nothing_more()


async def test_a_page_that_is_not_html_is_matched_by_what_the_feed_says(
    timeline: EmbeddedTimeline,
) -> None:
    await timeline.wirewatch.start_ready()
    await timeline.publish(
        "wire",
        "A document",
        HIT,
        summary="Iranian ground forces are in Syria, a document says.",
        page_content_type="application/pdf",
    )
    await timeline.expect("A document", "Only the feed's summary")
    await timeline.wirewatch.until_metric("wirewatch_pages_total", 1, outcome="not_html")
    await timeline.wirewatch.until_metric(
        "wirewatch_articles_total", 1, text="summary", reason="not_html"
    )
    assert timeline.wirewatch.logged("page not read", reason="not_html")
    await timeline.expect_nothing_more()


async def test_a_page_that_cannot_be_had_at_once_is_read_later(timeline: EmbeddedTimeline) -> None:
    wirewatch = timeline.wirewatch
    wirewatch.env = {**wirewatch.env, "WIREWATCH_PAGE_RETRY_FIRST_SECONDS": "0.5"}
    await wirewatch.start_ready()
    await timeline.newsroom.afflict_page("wire", "late", "500")
    await timeline.publish("wire", "Late page", HIT, summary=SUMMARY, slug="late")
    await wirewatch.until_metric("wirewatch_articles_total", 1, text="summary")
    assert not timeline.slack.received
    await timeline.newsroom.afflict_page("wire", "late", "ok")
    await timeline.expect("Late page")
    await timeline.expect_nothing_more()


async def test_a_webhook_that_answers_500_gets_every_alert_in_the_end(
    timeline: EmbeddedTimeline,
) -> None:
    timeline.slack.answers.extend([500] * 5)
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "First", HIT, summary=SUMMARY)
    await timeline.publish("wire", "Second", MORE, summary=SUMMARY)

    async def both() -> bool:
        return bool(timeline.slack.holding("First")) and bool(timeline.slack.holding("Second"))

    await until(both, "both alerts")
    name = "wirewatch_deliveries_total"
    await timeline.wirewatch.until_metric(name, 2, outcome="delivered", channel="slack")
    assert await timeline.wirewatch.metric(name, outcome="try_later", reason="server_error") == 5
    assert timeline.wirewatch.logged("not delivered; trying again", reason="server_error")
    assert "secret-part" not in timeline.wirewatch.everything_said()
    timeline.expected = 2
    await timeline.expect_nothing_more()


async def test_a_channel_in_trouble_delays_no_other(
    timeline: EmbeddedTimeline, mail: SmtpDouble
) -> None:
    wirewatch = timeline.wirewatch
    timeline.slack.answers.extend([500] * 1000)
    slack = {"id": "desk", "type": "slack", "webhook_url": {"env": "SLACK_TEST_URL"}}
    post = {
        "id": "post",
        "type": "email",
        "host": "127.0.0.1",
        "port": mail.port,
        "tls": "none",
        "sender": "wirewatch@example.org",
        "recipients": ["analyst@example.org"],
    }
    wirewatch.write("channels.yaml", {"channels": [slack, post]})
    wirewatch.write(
        "subscriptions.yaml",
        {
            "subscriptions": [
                {"id": "all", "channel": "desk", "rules": "all"},
                {"id": "mails", "channel": "post", "rules": {"severities": ["urgent"]}},
            ]
        },
    )
    await wirewatch.start_ready()
    await timeline.publish("wire", "Troops on the move", HIT, summary=SUMMARY)

    async def arrived() -> bool:
        return bool(mail.mails)

    await until(arrived, "the mail")
    assert "Troops on the move" in str(mail.mails[0][1]["subject"])

    async def one_left() -> bool:
        return await wirewatch.metric("wirewatch_deliveries_pending") == 1

    await until(one_left, "only Slack's delivery to be left")
    timeline.slack.answers.clear()
    await timeline.expect("Troops on the move")
    await timeline.expect_nothing_more()
    assert len(mail.mails) == 1


async def test_a_malformed_record_is_put_aside_and_the_rest_goes_on(
    timeline: EmbeddedTimeline,
) -> None:
    wirewatch = timeline.wirewatch
    await wirewatch.start_ready()
    rubbish = b'{"article_id": 7, "title": '
    async with open_bus(wirewatch.state / "bus.sqlite") as bus:
        await bus.send(Outgoing(ARTICLES, "rubbish", rubbish))
        await timeline.publish("wire", "Behind the rubbish", HIT, summary=SUMMARY)
        await timeline.expect("Behind the rubbish")
        (letter,) = await bus.tail(ARTICLES_DLQ, 10)
    assert letter.value == rubbish
    assert b"not a Article" in letter.headers["error"]
    await wirewatch.until_metric("wirewatch_dead_letters_total", 1, topic="articles")
    assert wirewatch.logged("record put aside")
    await timeline.expect_nothing_more()


async def test_many_malformed_records_stop_the_matcher_and_nothing_is_skipped(
    timeline: EmbeddedTimeline,
) -> None:
    wirewatch = timeline.wirewatch
    await wirewatch.start_ready()
    async with open_bus(wirewatch.state / "bus.sqlite") as bus:
        await bus.send_all([Outgoing(ARTICLES, f"bad-{n}", b"rubbish") for n in range(30)])

        async def stopped() -> bool:
            return (await wirewatch.get("/healthz"))[0] == 503

        await until(stopped, "the matcher to stop")
        assert "matcher: stopped" in (await wirewatch.get("/readyz"))[1]
        assert len(await bus.tail(ARTICLES_DLQ, 100)) <= 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


async def test_a_full_disk_is_waited_for_and_loses_nothing(
    timeline: EmbeddedTimeline, small_disk: Path
) -> None:
    wirewatch = timeline.wirewatch
    wirewatch.state = small_disk / "state"
    await wirewatch.start_ready()
    ballast = small_disk / "ballast"
    await asyncio.to_thread(_fill, ballast)
    titles = [f"Troops, report {n}" for n in range(6)]
    for number, title in enumerate(titles):
        body = [*HIT, *(f"{line} {number}" for line in FILLER * 40)]
        await timeline.publish("wire", title, body, summary=f"{SUMMARY} {number}")

    async def waiting() -> bool:
        _, text = await wirewatch.get("/readyz")
        return "full" in text or "disk" in text

    await until(waiting, "the process to say that the disk is full")
    await asyncio.to_thread(ballast.unlink)

    async def all_there() -> bool:
        return all(timeline.slack.holding(title) for title in titles)

    await until(all_there, "every alert after the disk has room again")
    timeline.expected = len(titles)
    await timeline.expect_nothing_more()


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as out:
        for size in (1 << 20, 4096, 512):
            try:
                while True:
                    out.write(b"\0" * size)
            except OSError:
                continue
