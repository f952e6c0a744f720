"""How an attempt to deliver ended, and what follows from it. PURE.

Decides the closed set of outcomes, and whether a channel is held. Leaves to `steps` when
the next attempt is made, and when a delivery is too old to be tried again.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import assert_never

LONGEST_WAIT = timedelta(minutes=15)


class Reason(StrEnum):
    """Why an attempt failed; a closed set, used as a metric label."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    BAD_CREDENTIALS = "bad_credentials"  # the channel as it is set up cannot send anything
    REFUSED = "refused"
    INVALID_MESSAGE = "invalid_message"
    EXPIRED = "expired"  # given up by age; only the sender says this


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel has the message; `receipt` is its own words or number for it."""

    receipt: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """Not delivered, or not known to be: try again, `after` at the earliest if given.

    `detail` is for the operator: one line, free of secrets and of control characters.
    `uncertain`: the message may have arrived all the same, such as where the connection was
    lost after all of it was sent. `progress` is what a channel with several recipients has
    accomplished, in its own words; the next attempt gets them back. None: nothing beyond what
    was known.
    """

    reason: Reason
    after: timedelta | None
    detail: str
    uncertain: bool = False
    progress: str | None = None


@dataclass(frozen=True, slots=True)
class GaveUp:
    """Not delivered, and sending this message again cannot change that.

    `progress` as in `TryLater`: somebody may mend what is wrong, and send it again.
    """

    reason: Reason
    detail: str
    progress: str | None = None


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Not sent: nobody is left who wants it. That is no failure."""

    detail: str


Outcome = Delivered | TryLater | GaveUp | Unwanted


def suspends(outcome: Outcome) -> bool:
    """Whether the channel is held, with all its deliveries, until an operator mends it."""
    match outcome:
        case TryLater(reason=Reason.BAD_CREDENTIALS) | GaveUp(reason=Reason.BAD_CREDENTIALS):
            return True
        case Delivered() | TryLater() | GaveUp() | Unwanted():
            return False
        case _:
            assert_never(outcome)
