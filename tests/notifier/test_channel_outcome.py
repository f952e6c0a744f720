"""How attempts end, and which of them hold a channel."""

import pytest

from services.notifier.outcome import (
    Delivered,
    GaveUp,
    Outcome,
    Reason,
    TryLater,
    Unwanted,
    suspends,
)


@pytest.mark.parametrize(
    ("outcome", "held"),
    [
        (Delivered("ok"), False),
        (TryLater(Reason.BAD_CREDENTIALS, None, ""), True),
        (GaveUp(Reason.BAD_CREDENTIALS, ""), True),
        (TryLater(Reason.RATE_LIMITED, None, ""), False),
        (GaveUp(Reason.REFUSED, ""), False),
        (Unwanted(""), False),
    ],
)
def test_only_bad_credentials_hold_a_channel(outcome: Outcome, held: bool) -> None:
    assert suspends(outcome) is held
