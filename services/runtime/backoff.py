"""How long to wait before trying again. PURE: randomness is an argument."""

from datetime import timedelta


def delay(attempt: int, first: timedelta, longest: timedelta, random: float) -> timedelta:
    """The wait before attempt number `attempt` + 1: doubling, capped, with full jitter.

    `attempt` counts failures so far, from 1; `random` lies in [0, 1). Full jitter spreads
    retries evenly over the whole interval (Brooker, "Exponential Backoff And Jitter").
    """
    doublings = min(max(attempt - 1, 0), 40)
    # Compared by division: the product may be longer than any timedelta.
    return (longest if first >= longest / (1 << doublings) else first * (1 << doublings)) * random
