"""When feeds and pages are due."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from services.poller.schedule import (
    AskedToWait,
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
    assert interval(times, NOW, POLICY) == wanted
    shuffled = random.Random(1).sample(times, len(times))
    assert interval(shuffled, NOW, POLICY) == wanted


def test_only_the_last_ten_entries_count() -> None:
    busy = every(250 * MINUTE, 10)
    old = every(timedelta(days=30), 50, busy[-1] - timedelta(days=300))
    assert interval(busy + old, NOW, POLICY) == 5 * MINUTE


def wait(outcome: PollOutcome, health: Health | None = None, jitter: float = 0) -> timedelta:
    due = after(outcome, health or Health(), POLICY, NOW, jitter).due_at
    assert due is not None
    return due - NOW


@pytest.mark.parametrize(("jitter", "wanted"), [(0, 300), (1, 330), (-1, 270)])
def test_after_an_answer_the_interval_passes_give_or_take_a_tenth(
    jitter: float, wanted: int
) -> None:
    assert wait(Polled(5 * MINUTE), jitter=jitter) == timedelta(seconds=wanted)


def test_a_poll_that_brings_only_new_entries_halves_the_interval() -> None:
    assert wait(Polled(10 * MINUTE, all_new=True)) == 5 * MINUTE
    assert wait(Polled(3 * MINUTE, all_new=True)) == 2 * MINUTE


@pytest.mark.parametrize(("seconds", "minutes"), [(60, 5), (600, 10), (86_400, 15)])
def test_max_age_binds_up_to_a_quarter_of_an_hour(seconds: int, minutes: int) -> None:
    polled = Polled(5 * MINUTE, max_age=timedelta(seconds=seconds))
    assert wait(polled) == minutes * MINUTE
    assert wait(polled, jitter=-1) >= min(timedelta(seconds=seconds), 15 * MINUTE)


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


@pytest.mark.parametrize(
    ("asked", "minutes"),
    [(None, 10), (timedelta(minutes=30), 30), (timedelta(), 2), (timedelta(days=9), 24 * 60)],
)
def test_a_host_gets_the_pause_it_asks_for(asked: timedelta | None, minutes: int) -> None:
    assert wait(AskedToWait(asked)) == minutes * MINUTE
    assert wait(AskedToWait(asked), jitter=-1) >= minutes * MINUTE


def test_only_the_third_410_in_a_row_ends_a_feed() -> None:
    health = Health()
    for _ in range(2):
        due, health = step(SaidGone(), health)
        assert due is not None
    _, interrupted = step(Failed(), health)
    assert interrupted.gone == 0
    assert step(SaidGone(), health) == (None, Health(failures=3, gone=3, disabled=True))


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
        ("s-maxage=600", None),
        ("no-cache", None),
        (None, None),
        ("max-age=x", None),
    ],
)
def test_max_age_is_read_from_cache_control(header: str | None, seconds: int | None) -> None:
    assert max_age(header) == (timedelta(seconds=seconds) if seconds is not None else None)


def step(outcome: PollOutcome, health: Health) -> tuple[datetime | None, Health]:
    result: NextPoll = after(outcome, health, POLICY, NOW, 0)
    return result.due_at, result.health
