"""Which held messages are told together, and when: nothing early, nothing twice, nothing never."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.subscriptions import SubscriptionSpec
from services.notifier.holding import Release, expected_at, releases
from services.notifier.message import SummaryKind
from services.store.held import Waiting, Why
from tests.notifier.holdings import NIGHT, local, subscription, waiting

DIGEST = {"mode": {"digest": "daily 08:00"}}
WEEKLY = {"mode": {"digest": "weekly mon 08:00"}}
BATCH = {"mode": {"batch": "10m"}}


def told(spec: dict[str, Any], now: str, *rows: Waiting) -> list[tuple[str, ...]]:
    """The ids that each message tells."""
    return [r.held_ids for r in releases(subscription(**spec), rows, local(now))]


EARLY = waiting("2026-11-27 09:00")
LATE = waiting("2026-11-28 07:59")
AFTER = waiting("2026-11-28 08:00")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-27 09:00", []),
        ("2026-11-28 07:59", []),
        ("2026-11-28 08:00", [(EARLY.held_id, LATE.held_id)]),
        # Late, because nobody was there to send it: what came since waits for its own.
        ("2026-11-28 15:00", [(EARLY.held_id, LATE.held_id)]),
        # Two missed digests are one.
        ("2026-11-29 08:00", [(EARLY.held_id, LATE.held_id, AFTER.held_id)]),
    ],
)
def test_a_digest_tells_what_was_held_before_its_time(
    now: str, expected: list[tuple[str, ...]]
) -> None:
    assert told(DIGEST, now, EARLY, AFTER, LATE) == expected


def test_a_weekly_digest_waits_for_its_day() -> None:
    assert told(WEEKLY, "2026-11-29 08:00", EARLY) == []
    assert told(WEEKLY, "2026-11-30 08:00", EARLY) == [(EARLY.held_id,)]


def test_a_digest_is_keyed_by_its_local_day() -> None:
    desk = subscription(**DIGEST)
    one = releases(desk, [EARLY], local("2026-11-28 08:00"))[0]
    late = releases(desk, [EARLY, LATE], local("2026-11-28 21:00"))[0]
    missed = releases(desk, [EARLY, LATE], local("2026-11-29 08:00"))[0]
    other = releases(replace_id(desk), [EARLY], local("2026-11-28 08:00"))[0]
    assert one.key == late.key
    assert len({one.key, missed.key, other.key}) == 3
    assert (one.day, missed.day) == (date(2026, 11, 28), date(2026, 11, 29))


def replace_id(spec: SubscriptionSpec) -> SubscriptionSpec:
    return spec.model_copy(update={"id": "other"})


def test_a_batch_is_told_its_length_after_the_first() -> None:
    first, second = (waiting(f"2026-11-28 14:0{n}", Why.BATCH) for n in (0, 9))
    assert told(BATCH, "2026-11-28 14:09", first, second) == []
    assert told(BATCH, "2026-11-28 14:10", second, first) == [(first.held_id, second.held_id)]
    assert told(BATCH, "2026-11-28 14:18", second) == []


IN_THE_NIGHT = waiting("2026-11-28 23:00", Why.QUIET)


@pytest.mark.parametrize(
    ("spec", "now", "expected"),
    [
        ({"quiet": NIGHT}, "2026-11-29 06:59", False),
        ({"quiet": NIGHT}, "2026-11-29 07:00", True),
        # The next night has begun before anybody could send it.
        ({"quiet": NIGHT}, "2026-11-29 22:30", False),
        ({"quiet": NIGHT}, "2026-11-30 07:00", True),
        # The subscription has changed meanwhile.
        ({}, "2026-11-28 23:01", True),
        ({"quiet": {"from": "22:00", "to": "23:30"}}, "2026-11-28 23:30", True),
        ({**DIGEST, "quiet": NIGHT}, "2026-11-29 07:30", False),
        ({**DIGEST, "quiet": NIGHT}, "2026-11-29 08:00", True),
        ({**BATCH}, "2026-11-28 23:09", False),
        ({**BATCH}, "2026-11-28 23:10", True),
        # A batch and a digest that fall due in quiet hours wait for their end.
        ({**BATCH, "quiet": NIGHT}, "2026-11-28 23:10", False),
        ({**BATCH, "quiet": NIGHT}, "2026-11-29 07:00", True),
        ({"mode": {"digest": "daily 06:00"}, "quiet": NIGHT}, "2026-11-29 06:00", False),
        ({"mode": {"digest": "daily 06:00"}, "quiet": NIGHT}, "2026-11-29 07:00", True),
    ],
)
def test_what_is_held_follows_the_subscription_as_it_is_now(
    spec: dict[str, Any], now: str, expected: bool
) -> None:
    assert told(spec, now, IN_THE_NIGHT) == ([(IN_THE_NIGHT.held_id,)] if expected else [])


def test_a_digest_that_has_become_instant_is_told_at_once() -> None:
    (release,) = releases(subscription(), [EARLY, LATE], local("2026-11-28 07:59"))
    assert (release.kind, release.held_ids) == (SummaryKind.BATCH, (EARLY.held_id, LATE.held_id))


def test_a_night_is_keyed_by_its_end() -> None:
    desk = subscription(quiet=NIGHT)
    one = releases(desk, [IN_THE_NIGHT], local("2026-11-29 07:00"))[0]
    again = releases(desk, [replace(IN_THE_NIGHT, held_id="x")], local("2026-11-29 09:00"))[0]
    next_night = releases(desk, [IN_THE_NIGHT], local("2026-11-30 07:00"))[0]
    assert one.kind is SummaryKind.QUIET
    assert one.key == again.key != next_night.key


def test_urgent_messages_of_a_batch_pass_the_quiet_hours_by_themselves() -> None:
    urgent = waiting("2026-11-28 23:05", Why.BATCH, urgent=True)
    plain = waiting("2026-11-28 23:00", Why.BATCH)
    spec = {**BATCH, "quiet": NIGHT}
    assert told(spec, "2026-11-28 23:10", urgent, plain) == []
    assert told(spec, "2026-11-28 23:15", urgent, plain) == [(urgent.held_id,)]
    assert told(spec, "2026-11-29 07:00", plain) == [(plain.held_id,)]
    hold = {**BATCH, "quiet": {**NIGHT, "urgent": "hold"}}
    assert told(hold, "2026-11-28 23:15", urgent, plain) == []


def flooding(held_at: str, rule: str = "iran") -> Waiting:
    return waiting(held_at, Why.CAP, held_id=f"{rule} {held_at}", flooding=rule)


def test_a_flood_is_told_by_rule_at_the_end_of_its_hour() -> None:
    rows = [
        flooding("2026-11-28 14:20"),
        flooding("2026-11-28 14:50"),
        flooding("2026-11-28 14:40", "oil"),
        flooding("2026-11-28 15:10"),
    ]
    assert told({"cap": 5}, "2026-11-28 14:59", *rows) == []
    found = releases(subscription(cap=5), rows, local("2026-11-28 15:30"))
    assert [(r.kind, r.flooding, len(r.held_ids)) for r in found] == [
        (SummaryKind.FLOOD, "iran", 2),
        (SummaryKind.FLOOD, "oil", 1),
    ]
    assert told({}, "2026-11-28 15:30", *rows)[0] == found[0].held_ids  # without its cap as well
    assert told(DIGEST, "2026-11-28 15:30", *rows) == []
    assert len(told(DIGEST, "2026-11-29 08:00", *rows)) == 1


# Any subscription, any rows, any moments at which somebody looks.

MODES: list[Any] = ["instant", {"batch": "10m"}, {"batch": "12h"}, {"digest": "daily 02:30"}]
MODES += [{"digest": "weekly sun 23:30"}]
QUIETS: list[dict[str, Any] | None] = [
    None,
    NIGHT,
    {**NIGHT, "urgent": "hold"},
    {"from": "02:00", "to": "02:45"},
]
QUIETS += [{"from": "00:00", "to": "00:00", "days": ["sat", "sun"]}]
specs = st.builds(
    lambda mode, quiet, zone: subscription(mode=mode, quiet=quiet, zone=zone),
    st.sampled_from(MODES),
    st.sampled_from(QUIETS),
    st.sampled_from(["Europe/Oslo", "UTC", "Australia/Lord_Howe", "America/New_York"]),
)
# Around both changes of the clocks, with the days before and after them.
moments = st.one_of(
    *(
        st.datetimes(start, start + timedelta(days=9), timezones=st.just(UTC))
        for start in (datetime(2026, 3, 25), datetime(2026, 10, 21))
    )
)
several = st.lists(
    st.builds(
        lambda at, why, urgent, rule: (at, why, urgent, rule if why is Why.CAP else None),
        moments,
        st.sampled_from([why for why in Why if why is not Why.SILENCE]),
        st.booleans(),
        st.sampled_from(["iran", "oil"]),
    ),
    min_size=1,
    max_size=8,
).map(
    lambda rows: [
        Waiting(f"{n:02}", why, at, urgent, rule) for n, (at, why, urgent, rule) in enumerate(rows)
    ]
)


def run(
    spec: SubscriptionSpec, rows: Iterable[Waiting], looks: Sequence[datetime]
) -> list[tuple[datetime, Release]]:
    """What somebody releases who looks at these times."""
    left = {row.held_id: row for row in rows}
    found: list[tuple[datetime, Release]] = []
    for now in looks:
        there = [row for row in left.values() if row.held_at <= now]
        for release in releases(spec, there, now):
            found.append((now, release))
            for held_id in release.held_ids:
                del left[held_id]  # fails if it is told a second time
    return found


@given(specs, several, st.lists(moments, max_size=12))
@settings(derandomize=True, max_examples=400, deadline=None)
def test_whoever_looks_when_every_message_is_told_exactly_once_and_none_early(
    spec: SubscriptionSpec, rows: list[Waiting], looks: list[datetime]
) -> None:
    end = max(row.held_at for row in rows) + timedelta(days=16)
    # The last days are longer than any quiet hours.
    found = run(spec, rows, [*sorted(looks), *(end + n * timedelta(hours=12) for n in range(6))])
    by_id = {row.held_id: row for row in rows}
    ids = [held_id for _, release in found for held_id in release.held_ids]
    assert sorted(ids) == sorted(by_id)
    for now, release in found:
        first = by_id[release.held_ids[0]]
        assert expected_at(spec, first, first.held_at) <= now
        assert all(by_id[held_id].held_at <= now for held_id in release.held_ids)


@given(specs, several, moments)
@settings(derandomize=True, max_examples=300, deadline=None)
def test_the_first_of_what_is_alike_tells_whether_anything_is_due(
    spec: SubscriptionSpec, rows: list[Waiting], now: datetime
) -> None:
    firsts: dict[Any, Waiting] = {}
    for row in sorted(rows, key=lambda row: row.held_at):
        firsts.setdefault((row.why, row.urgent, row.flooding), row)
    assert bool(releases(spec, firsts.values(), now)) == bool(releases(spec, rows, now))


@given(specs, several, moments)
@settings(derandomize=True, max_examples=300, deadline=None)
def test_a_message_is_told_by_the_time_that_was_foretold(
    spec: SubscriptionSpec, rows: list[Waiting], now: datetime
) -> None:
    row = rows[0]
    at = expected_at(spec, row, max(now, row.held_at))
    assert [r.held_ids for r in releases(spec, [row], at)] == [(row.held_id,)]
