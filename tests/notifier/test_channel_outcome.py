"""How attempts end, how long to wait after them, and which of them hold a channel."""

from datetime import timedelta

import pytest

from services.notifier.outcome import (
    Delivered,
    GaveUp,
    Outcome,
    Reason,
    TryLater,
    backoff,
    suspends,
)


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [(0, 2), (1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (11, 900), (100_000, 900)],
)
def test_waits_double_from_two_seconds_to_a_quarter_of_an_hour(attempt: int, seconds: int) -> None:
    assert backoff(attempt, 0.0) == timedelta(0)
    assert backoff(attempt, 0.5) == timedelta(seconds=seconds / 2)
    assert backoff(attempt, 0.999_999) <= timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("outcome", "held"),
    [
        (Delivered("ok"), False),
        (TryLater(Reason.BAD_CREDENTIALS, None, ""), True),
        (GaveUp(Reason.BAD_CREDENTIALS, ""), True),
        (TryLater(Reason.RATE_LIMITED, None, ""), False),
        (GaveUp(Reason.REFUSED, ""), False),
    ],
)
def test_only_bad_credentials_hold_a_channel(outcome: Outcome, held: bool) -> None:
    assert suspends(outcome) is held
