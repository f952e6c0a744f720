"""The replay of polling policies: timelines of windows, latencies, polls and losses."""

import gzip
import io
import json
import random
import tarfile
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bench.schedule.__main__ import main
from bench.schedule.policies import EntryFrequency, Fixed, Poll, Wirewatch
from bench.schedule.replay import replay
from bench.schedule.timelines import DAYS, Timeline, continued

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def test_a_short_window_goes_on_at_the_same_times_of_day() -> None:
    window = [NOW, NOW + HOUR, NOW + 2 * HOUR]
    timeline = continued("short", window)
    assert {time.time() for time in timeline.entries} == {time.time() for time in window}
    assert timeline.days == DAYS
    assert timeline.shows == 3
    assert timeline.per_day == pytest.approx(3, abs=0.2)
    assert timeline.entries[2] < timeline.start, "one window is known before"


def test_a_long_window_stays_as_it_is() -> None:
    window = [NOW + 10 * DAY * n for n in range(20)]
    timeline = continued("long", window)
    within = [time for time in timeline.entries if timeline.start <= time <= timeline.end]
    assert within == [time + 200 * DAY for time in window[-3:]]


def minutely(count: int, shows: int) -> Timeline:
    """An entry a minute, for so many minutes."""
    entries = [NOW + (n + 0.5) * MINUTE for n in range(count)]
    return Timeline("minutely", entries, shows, NOW, NOW + count * MINUTE)


def test_what_leaves_the_window_between_two_polls_is_lost() -> None:
    outcome = replay(minutely(600, shows=10), Fixed(15 * MINUTE), random.Random(1))
    assert outcome.polls in {40, 41}
    assert outcome.lost_share == pytest.approx(5 / 15, abs=0.03)
    assert max(outcome.latencies) <= 10
    wide = replay(minutely(600, shows=20), Fixed(15 * MINUTE), random.Random(1))
    assert wide.lost == 0
    assert wide.percentile(0.5) == pytest.approx(7.5, abs=1)


def test_our_policy_follows_a_busy_feed_and_rests_with_a_slow_one() -> None:
    busy = replay(minutely(600, shows=20), Wirewatch(), random.Random(1))
    assert busy.percentile(0.99) < 2.5
    slow = continued("slow", [NOW + 3 * DAY * n for n in range(20)])
    assert replay(slow, Wirewatch(), random.Random(1)).polls_a_day < 110


@pytest.mark.parametrize(
    ("gaps", "wanted"),
    [
        ([HOUR] * 20, HOUR),
        ([MINUTE] * 20, 5 * MINUTE),
        ([4 * DAY], DAY),
        ([], DAY),
        ([10 * DAY], DAY),  # one entry within the week
    ],
)
def test_entry_frequency_is_a_week_through_the_entries_of_a_week(
    gaps: list[timedelta], wanted: timedelta
) -> None:
    known = [NOW]
    for gap in gaps:
        known.insert(0, known[0] - gap)
    poll = Poll(NOW, known, known, brought_news=True, gap=False)
    assert EntryFrequency().wait(poll, 0) == wanted


def test_it_compares_the_policies_on_the_feeds_it_finds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = "".join(
        f"<item><title>{n}</title><pubDate>{format_datetime(NOW + n * HOUR)}</pubDate></item>"
        for n in range(12)
    )
    feed = f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>".encode()
    with tarfile.open(tmp_path / "feeds.tar.gz", "w:gz") as archive:
        for name, body in {"feed": feed, "no feed": b"garbage"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    dates = [f"1-MAR-1987 0{n}:00:00.00" for n in range(9)]
    rows = [{"source": "Reuters", "date": date} for date in [*dates, ""]]
    with gzip.open(tmp_path / "articles.jsonl.gz", "wt") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)
    assert main([str(tmp_path)]) == 0
    table = capsys.readouterr().out
    assert table.count("| 1 feeds, 28 days | ") == 4
    assert table.count("| Wirewatch |") == 3
    assert main([str(tmp_path / "nowhere")]) == 2
