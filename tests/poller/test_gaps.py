"""A feed's own rhythm: nights and weekends are no silence, and an outage teaches little."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.health.gaps import NO_GAPS, Gaps, patience, with_gap
from tests.poller.faring import DAY, HOUR, MINUTE, START

LONG = 365 * DAY


def gaps_of(*gaps: timedelta) -> Gaps:
    found, at = NO_GAPS, START
    for gap in gaps:
        at += gap
        found = with_gap(found, gap, at)
    return found


def near(length: timedelta | None, wanted: timedelta) -> bool:
    """A byte holds a length within 5 %."""
    return length is not None and abs(length - wanted) <= wanted * 0.05


def test_nothing_is_said_of_a_feed_with_few_gaps() -> None:
    assert patience(gaps_of(*[HOUR] * 9), LONG, DAY) is None
    assert patience(gaps_of(*[HOUR] * 10), LONG, DAY) == DAY


@pytest.mark.parametrize(
    ("gaps", "wanted"),
    [
        ([HOUR] * 40, DAY),
        ([30 * HOUR] * 40, 60 * HOUR),
        ([7 * DAY] * 40, 14 * DAY),
        ([*[MINUTE * 20] * 40, 64 * HOUR, *[MINUTE * 20] * 400], 128 * HOUR),
    ],
    ids=["often", "daily", "weekly", "after a weekend"],
)
def test_a_feed_may_be_quiet_for_twice_its_longest_gap(
    gaps: list[timedelta], wanted: timedelta
) -> None:
    assert near(patience(gaps_of(*gaps), LONG, DAY), wanted)


def test_a_long_gap_is_forgotten_after_28_days_with_news() -> None:
    before = gaps_of(*[12 * HOUR] * 20, 10 * DAY)
    assert near(patience(before, LONG, DAY), 20 * DAY)
    at = START + 100 * DAY
    for n in range(28):
        before = with_gap(before, HOUR, at + n * DAY)
    assert patience(before, LONG, DAY) == DAY


def test_until_two_weekends_were_seen_four_days_may_pass() -> None:
    gaps = gaps_of(*[HOUR] * 40)
    assert patience(gaps, 13 * DAY, DAY) == 4 * DAY
    assert patience(gaps, 14 * DAY, DAY) == DAY


def test_a_silence_of_a_year_does_not_make_the_next_one_unnoticed() -> None:
    gaps = gaps_of(*[24 * HOUR] * 40, 365 * DAY)
    assert patience(gaps, LONG, DAY) < 30 * DAY  # type: ignore[operator]


def test_the_usual_gap_is_the_median_of_the_last() -> None:
    assert near(gaps_of(*[9 * DAY] * 30, *[20 * MINUTE] * 15).usual_gap, 20 * MINUTE)
    assert NO_GAPS.usual_gap is None


@given(st.lists(st.floats(0, 1e8), max_size=80))
def test_gaps_of_any_length_take_little_room(seconds: list[float]) -> None:
    gaps = gaps_of(*(timedelta(seconds=s) for s in seconds))
    assert len(gaps.recent) <= 20
    assert len(gaps.longest) <= 28
    found = patience(gaps, LONG, DAY)
    assert (found is None) == (len(seconds) < 10)
    assert found is None or found >= DAY
