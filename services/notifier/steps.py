"""What follows from an attempt to deliver: done, again at a time, or given up. PURE.

Decides by the outcome and the delivery's age. Leaves attempts and their record to the
sender.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from services.notifier.outcome import (
    LONGEST_WAIT,
    Delivered,
    GaveUp,
    Outcome,
    Reason,
    TryLater,
    Unwanted,
    suspends,
)
from services.runtime.backoff import delay
from services.store.deliveries import Leased


@dataclass(frozen=True, slots=True)
class SendingPolicy:
    """How long to try."""

    attempt_timeout: timedelta
    first_wait: timedelta
    give_up_after: timedelta


@dataclass(frozen=True, slots=True)
class Done:
    """The delivery needs nothing more."""

    receipt: str


@dataclass(frozen=True, slots=True)
class Again:
    """The delivery is tried again at `at`; the whole channel rests until `channel_rests`.

    `uncertain`: it may have arrived all the same.
    """

    reason: Reason
    detail: str
    at: datetime
    channel_rests: datetime | None
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The channel cannot send: the delivery waits for its mending, however long."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Over:
    """The delivery is given up."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """The delivery is not sent, and nobody misses it."""

    detail: str


Step = Done | Again | Held | Over | Dropped


def next_step(
    outcome: Outcome, leased: Leased, policy: SendingPolicy, now: datetime, jitter: float
) -> Step:
    """What follows from an attempt's outcome. `jitter` lies in [0, 1)."""
    match outcome:
        case Delivered(receipt):
            return Done(receipt)
        case Unwanted(detail):
            return Dropped(detail)
        case TryLater() | GaveUp() if suspends(outcome):
            return Held(outcome.reason, outcome.detail)
        case GaveUp(reason, detail):
            return Over(reason, detail)
        case TryLater(reason, after, detail, uncertain):
            # What was never tried has not failed for long, however long it has waited for us.
            if leased.attempts and now - leased.due_at >= policy.give_up_after:
                return Over(Reason.EXPIRED, f"last tried: {reason.value}: {detail}")
            rests = now + after if after is not None else None
            # Of a pause that the channel asks for the delivery is not to blame: its own waits
            # would double with every one of them, and those that came later overtake it.
            doublings = 0 if reason is Reason.RATE_LIMITED and after else leased.attempts
            wait = delay(doublings + 1, policy.first_wait, LONGEST_WAIT, jitter)
            # Whoever did not answer in time may have been about to say yes.
            doubtful = uncertain or reason is Reason.TIMED_OUT
            return Again(reason, detail, max(now + wait, rests or now), rests, doubtful)
        case _:
            assert_never(outcome)
