"""When feeds and pages are due."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.schedule import (
    AskedToWait,
    CutOff,
    Failed,
    Health,
    NextPoll,
    Policy,
    Polled,
    PollOutcome,
    SaidGone,
    after,
    first_due,
    interval,
    max_age,
    page_retry_due,
    rhythm_of,
    spread,
)

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
POLICY = Policy()
MINUTE = timedelta(minutes=1)


def every(gap: timedelta, count: int, newest: datetime = NOW) -> list[datetime]:
    return [newest - gap * n for n in range(count)]


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        (every(6 * MINUTE, 20), 2 * MINUTE),  # 7 s, held at the minimum
        (every(250 * MINUTE, 20), 5 * MINUTE),
        (every(timedelta(days=1), 20), 15 * MINUTE),  # 29 min, held at the maximum
        (every(6 * MINUTE, 20, NOW - 300 * MINUTE), 6 * MINUTE),  # fell silent: the age counts
        ([NOW - 200 * MINUTE], 4 * MINUTE),
        ([NOW + timedelta(days=400)], 2 * MINUTE),  # dated in the future: new
        ([], 5 * MINUTE),
    ],
)
def test_the_interval_is_a_fiftieth_of_the_usual_gap_or_of_the_age(
    times: list[datetime], wanted: timedelta
) -> None:
    assert interval(rhythm_of(times, NOW), NOW, POLICY) == wanted
    shuffled = random.Random(1).sample(times, len(times))
    assert interval(rhythm_of(shuffled, NOW), NOW, POLICY) == wanted


def test_only_the_last_ten_entries_count() -> None:
    busy = every(250 * MINUTE, 10)
    old = every(timedelta(days=30), 50, busy[-1] - timedelta(days=300))
    assert interval(rhythm_of(busy + old, NOW), NOW, POLICY) == 5 * MINUTE


def test_the_interval_grows_while_a_feed_stays_silent() -> None:
    rhythm = rhythm_of(every(6 * MINUTE, 20), NOW)
    waits = [interval(rhythm, NOW + hours * 60 * MINUTE, POLICY) for hours in (0, 5, 10, 20)]
    assert waits == [2 * MINUTE, 6 * MINUTE, 12 * MINUTE, 15 * MINUTE]


def wait(outcome: PollOutcome, health: Health | None = None, jitter: float = 0) -> timedelta:
    due = after(outcome, health or Health(), POLICY, NOW, jitter).due_at
    assert due is not None
    return due - NOW


@pytest.mark.parametrize(("jitter", "wanted"), [(0, 300), (1, 330), (-1, 270)])
def test_after_an_answer_the_interval_passes_give_or_take_a_tenth(
    jitter: float, wanted: int
) -> None:
    assert wait(Polled(5 * MINUTE), jitter=jitter) == timedelta(seconds=wanted)


def polled(intervals: list[bool], wanted: timedelta = 12 * MINUTE) -> list[timedelta]:
    """The waits after polls, each with a gap or without."""
    health, waits = Health(), []
    for gap in intervals:
        due, health = step(Polled(wanted, gap=gap), health)
        assert due is not None
        waits.append(due - NOW)
    return waits


def test_a_gap_halves_the_interval_at_once_and_another_gap_again() -> None:
    assert polled([False, True, True, True]) == [12 * MINUTE, 6 * MINUTE, 3 * MINUTE, 2 * MINUTE]


def test_a_halved_interval_doubles_only_after_twenty_polls_without_a_gap() -> None:
    waits = polled([True, True] + 40 * [False])
    assert waits[:2] == [6 * MINUTE, 3 * MINUTE]
    assert waits[2:21] == 19 * [3 * MINUTE]
    assert waits[21:41] == 20 * [6 * MINUTE]
    assert waits[41] == 12 * MINUTE


def test_gaps_at_the_shortest_interval_are_not_held_against_the_feed_for_long() -> None:
    waits = polled(50 * [True] + 61 * [False])
    assert waits[49] == 2 * MINUTE
    assert waits[-1] == 12 * MINUTE


def test_a_failure_does_not_end_a_halving() -> None:
    _, halved = step(Polled(12 * MINUTE, gap=True), Health())
    _, failed = step(Failed(), halved)
    assert wait(Polled(12 * MINUTE), failed) == 6 * MINUTE


def test_after_its_first_answer_a_feed_finds_a_place_of_its_own() -> None:
    places = [
        wait(Polled(10 * MINUTE, spread=spread(f"https://a.example/{n}", 10 * MINUTE)))
        for n in range(200)
    ]
    assert min(places) >= 2 * MINUTE
    assert max(places) <= 10 * MINUTE
    assert len(set(places)) > 100


@pytest.mark.parametrize(("seconds", "minutes"), [(60, 5), (600, 10), (86_400, 15)])
def test_max_age_binds_up_to_a_quarter_of_an_hour(seconds: int, minutes: int) -> None:
    answer = Polled(5 * MINUTE, max_age=timedelta(seconds=seconds))
    assert wait(answer) == minutes * MINUTE
    assert wait(answer, jitter=-1) >= min(timedelta(seconds=seconds), 15 * MINUTE)


def test_max_age_binds_after_a_gap_too() -> None:
    """Before it has passed the same answer would come from the same cache."""
    assert wait(Polled(12 * MINUTE, max_age=10 * MINUTE, gap=True)) == 10 * MINUTE


def test_an_answer_ends_a_row_of_failures() -> None:
    bad = Health(failures=7, gone=2)
    assert after(Polled(5 * MINUTE), bad, POLICY, NOW, 0).health == Health()


def test_failures_back_off_to_a_day_and_never_give_up() -> None:
    health, waits = Health(), []
    for _ in range(200):
        due, health = step(Failed(), health)
        assert due is not None
        waits.append(due - NOW)
    assert waits[:4] == [2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE]
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=24)
    assert health == Health(failures=200)


def test_failures_of_our_own_network_do_not_add_up() -> None:
    due, health = step(CutOff(), Health())
    for _ in range(50):
        due, health = step(CutOff(), health)
    assert due == NOW + 2 * MINUTE
    assert health == Health(failures=1)
    _, dead = step(Failed(), Health(failures=8))
    assert step(CutOff(), dead)[1] == dead, "one that was dead before is asked no more often"
    assert wait(CutOff(), dead) > timedelta(hours=8)


@pytest.mark.parametrize(
    ("asked", "minutes"),
    [(None, 10), (timedelta(minutes=30), 30), (timedelta(), 2), (timedelta(days=9), 24 * 60)],
)
def test_a_host_gets_the_pause_it_asks_for(asked: timedelta | None, minutes: int) -> None:
    assert wait(AskedToWait(asked)) == minutes * MINUTE
    assert wait(AskedToWait(asked), jitter=-1) >= minutes * MINUTE


def gone_at(health: Health, after_hours: float) -> NextPoll:
    return after(SaidGone(), health, POLICY, NOW + timedelta(hours=after_hours), 0)


def test_410_ends_a_feed_when_it_was_said_three_times_over_a_day() -> None:
    first = gone_at(Health(), 0)
    second = gone_at(first.health, 23)
    third = gone_at(second.health, 24)
    assert first.due_at is not None
    assert second.due_at is not None
    ended = Health(failures=3, gone=3, gone_since=NOW, disabled=True)
    assert third == NextPoll(None, ended)


def test_410_said_often_within_hours_or_twice_in_days_does_not_end_a_feed() -> None:
    health = Health()
    for hours in (0, 1, 2, 3, 23):
        assert gone_at(health, hours).due_at is not None
        health = gone_at(health, hours).health
    assert gone_at(gone_at(Health(), 0).health, 200).due_at is not None


@pytest.mark.parametrize("outcome", [Failed(), AskedToWait(), Polled(5 * MINUTE)])
def test_any_other_answer_takes_a_410_back(outcome: PollOutcome) -> None:
    health = gone_at(gone_at(Health(), 0).health, 20).health
    _, interrupted = step(outcome, health)
    assert (interrupted.gone, interrupted.gone_since) == (0, None)


def test_feeds_start_spread_over_one_interval_and_always_alike() -> None:
    dues = [first_due(f"https://a.example/{n}", 10 * MINUTE, NOW) for n in range(500)]
    assert all(NOW <= due < NOW + 10 * MINUTE for due in dues)
    per_minute = [sum(due - NOW < (n + 1) * MINUTE for due in dues) for n in range(10)]
    assert all(abs(count - 50 * (n + 1)) < 50 for n, count in enumerate(per_minute))
    assert first_due("https://a.example/7", 10 * MINUTE, NOW) == dues[7]


def test_a_page_is_tried_four_times_more() -> None:
    dues = [page_retry_due(attempt, NOW) for attempt in range(6)]
    waits = [due - NOW if due else None for due in dues]
    assert waits == [None, MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE, None]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("max-age=300", 300),
        ("public, Max-Age = 60, must-revalidate", 60),
        ('max-age="90"', 90),
        ("max-age=300; charset=utf-8", 300),
        ("max-age=100, max-age=900", 100),
        ("max-age=99999999999999999999", 10**9),
        ("max-age=0", 0),
        ('private="max-age=10", max-age=300', 300),
        ('no-cache="Set-Cookie", max-age=300', 300),
        ("no-cache, max-age=300", None),
        ("max-age=300, No-Store", None),
        ("s-maxage=600", None),
        ("x-max-age=600", None),
        ("no-cache", None),
        ("", None),
        (None, None),
        ("max-age=x", None),
        ("max-age=-5", None),
        ("max-age=1.5", None),
        ("max-age", None),
        ("max-age=\u0663\u0660", None),
        ('max-age="60', None),
        ('=,;,"', None),
    ],
)
def test_max_age_is_read_from_cache_control(header: str | None, seconds: int | None) -> None:
    assert max_age(header) == (timedelta(seconds=seconds) if seconds is not None else None)


@pytest.mark.parametrize(
    ("age", "seconds"), [("100", 200), ("300", 0), ("900", 0), ("x", 300), (None, 300)]
)
def test_an_answer_that_lay_in_a_cache_stays_the_same_for_less_time(
    age: str | None, seconds: int
) -> None:
    assert max_age("max-age=300", age) == timedelta(seconds=seconds)


def step(outcome: PollOutcome, health: Health) -> tuple[datetime | None, Health]:
    result: NextPoll = after(outcome, health, POLICY, NOW, 0)
    return result.due_at, result.health


# Whatever happens


spans = st.timedeltas(timedelta(), timedelta(days=400))
outcomes = st.one_of(
    st.builds(
        Polled, spans, max_age=st.none() | spans, gap=st.booleans(), spread=st.none() | spans
    ),
    st.builds(AskedToWait, st.none() | spans),
    st.sampled_from([SaidGone(), Failed(), CutOff()]),
)


@given(st.lists(st.tuples(outcomes, st.floats(-1, 1), spans), max_size=60))
def test_a_feed_is_never_polled_in_a_hurry_nor_forgotten(
    story: list[tuple[PollOutcome, float, timedelta]],
) -> None:
    health, now = Health(), NOW
    for outcome, jitter, meanwhile in story:
        following = after(outcome, health, POLICY, now, jitter)
        health = following.health
        if following.due_at is None:
            assert outcome == SaidGone()
            assert health.gone >= 3
            return
        waited = following.due_at - now
        assert 2 * MINUTE * 0.9 <= waited <= _longest_wait(outcome) * 1.1
        now += min(meanwhile, timedelta(days=2))


def _longest_wait(outcome: PollOutcome) -> timedelta:
    day = timedelta(hours=24)
    if not isinstance(outcome, Polled):
        return day
    return max(day, outcome.interval, outcome.spread or day)


@given(st.text(alphabet='max-age=s no,cheto"1234567890;\\\t\n', max_size=60) | st.text())
def test_no_header_is_too_ugly_to_be_read(header: str) -> None:
    found = max_age(header, header)
    assert found is None or found >= timedelta()
