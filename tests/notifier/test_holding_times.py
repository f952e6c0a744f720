"""When times of day are: in summer, in winter, and in the nights between."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.subscriptions import Digest, Quiet
from services.notifier.holding.times import (
    after_quiet,
    instant_of,
    last_digest,
    last_quiet_end,
    next_digest,
    quiet_period,
)
from tests.notifier.holdings import NIGHT, OSLO, local

# Oslo's clocks jump from 02:00 to 03:00 on 29 March 2026, and from 03:00 back on 25 October;
# Lord Howe's jump by half an hour; Apia left out a whole day at the end of 2011.
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


@pytest.mark.parametrize(
    ("day", "clock", "zone", "expected"),
    [
        (date(2026, 1, 5), "08:00", OSLO, "2026-01-05T07:00"),
        (date(2026, 7, 5), "08:00", OSLO, "2026-07-05T06:00"),
        (SPRING, "01:59", OSLO, "2026-03-29T00:59"),
        (SPRING, "02:00", OSLO, "2026-03-29T01:00"),
        (SPRING, "02:30", OSLO, "2026-03-29T01:00"),
        (SPRING, "03:00", OSLO, "2026-03-29T01:00"),
        (AUTUMN, "02:30", OSLO, "2026-10-25T00:30"),
        (AUTUMN, "03:00", OSLO, "2026-10-25T02:00"),
        (date(2026, 10, 4), "02:15", "Australia/Lord_Howe", "2026-10-03T15:30"),
        (date(2011, 12, 30), "08:00", "Pacific/Apia", "2011-12-30T10:00"),
        (date(2026, 1, 5), "08:00", "Asia/Kolkata", "2026-01-05T02:30"),
    ],
)
def test_a_time_that_is_skipped_is_the_first_after_and_one_shown_twice_the_first_of_both(
    day: date, clock: str, zone: str, expected: str
) -> None:
    assert instant_of(day, clock, zone) == datetime.fromisoformat(f"{expected}+00:00")


@pytest.mark.parametrize(
    ("digest", "now", "day", "at"),
    [
        ("daily 08:00", "2026-11-28 08:00", "2026-11-28", "2026-11-28 08:00"),
        ("daily 08:00", "2026-11-28 07:59", "2026-11-27", "2026-11-27 08:00"),
        ("weekly mon 08:00", "2026-11-30 08:00", "2026-11-30", "2026-11-30 08:00"),
        ("weekly mon 08:00", "2026-11-30 07:59", "2026-11-23", "2026-11-23 08:00"),
        ("daily 02:30", "2026-03-29 03:00", "2026-03-29", "2026-03-29 03:00"),
        ("daily 02:30", "2026-10-25 03:30", "2026-10-25", "2026-10-25 02:30"),
    ],
)
def test_the_last_time_of_a_digest(digest: str, now: str, day: str, at: str) -> None:
    found = last_digest(Digest(digest=digest), OSLO, local(now))
    assert found == (date.fromisoformat(day), local(at))


@given(
    st.sampled_from(["daily 02:30", "daily 23:45", "weekly sun 02:30", "weekly wed 00:00"]),
    st.sampled_from([OSLO, "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)),
)
@settings(derandomize=True, max_examples=300, deadline=None)
def test_digests_follow_each_other_without_gap_or_overlap(
    written: str, zone: str, naive: datetime
) -> None:
    digest, now = Digest(digest=written), local(str(naive))
    _, last = last_digest(digest, zone, now)
    following = next_digest(digest, zone, last)
    assert last <= now < following
    assert last_digest(digest, zone, following)[1] == following
    assert last_digest(digest, zone, following - timedelta(microseconds=1))[1] == last


def quiet(**changes: Any) -> Quiet:
    return Quiet.model_validate({**NIGHT, **changes})


@pytest.mark.parametrize(
    ("hours", "at", "end"),
    [
        (quiet(), "2026-11-28 21:59", None),
        (quiet(), "2026-11-28 22:00", "2026-11-29 07:00"),
        (quiet(), "2026-11-29 06:59", "2026-11-29 07:00"),
        (quiet(), "2026-11-29 07:00", None),
        # Saturday's begin on Saturday and last into Sunday; nothing begins on Friday.
        (quiet(days=["sat"]), "2026-11-28 06:00", None),
        (quiet(days=["sat"]), "2026-11-29 06:00", "2026-11-29 07:00"),
        (quiet(days=["sat"]), "2026-11-29 23:00", None),
        # A whole weekend, one day after the other.
        (
            quiet(**{"from": "00:00", "to": "00:00", "days": ["sat", "sun"]}),
            "2026-11-28 12:00",
            "2026-11-30 00:00",
        ),
        (quiet(**{"from": "12:00", "to": "13:30"}), "2026-11-28 13:29", "2026-11-28 13:30"),
        # The night in which an hour is skipped, and one whose end is.
        (quiet(), "2026-03-28 23:00", "2026-03-29 07:00"),
        (quiet(to="02:30"), "2026-03-29 01:59", "2026-03-29 03:00"),
        (quiet(to="02:30"), "2026-10-25 02:10", "2026-10-25 02:30"),
        (quiet(**{"from": "02:10", "to": "02:50"}), "2026-03-29 03:00", None),
    ],
)
def test_quiet_hours_begin_on_their_days_and_end_on_the_next(
    hours: Quiet, at: str, end: str | None
) -> None:
    now = local(at)
    assert after_quiet(hours, OSLO, now) == (local(end) if end else now)
    assert (quiet_period(hours, OSLO, now) is not None) == (end is not None)


def test_when_quiet_hours_last_ended() -> None:
    assert last_quiet_end(quiet(), OSLO, local("2026-11-28 07:00")) == local("2026-11-28 07:00")
    assert last_quiet_end(quiet(), OSLO, local("2026-11-28 06:59")) == local("2026-11-27 07:00")
    assert last_quiet_end(None, OSLO, local("2026-11-28 06:59")) is None
