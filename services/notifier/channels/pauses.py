"""The pause that a server asks for (RFC 9110, Retry-After). PURE."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_PAUSE = timedelta(hours=1)
"""A longer Retry-After is not believed: the next 429 would say it again."""


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """The pause that a Retry-After header asks for, in seconds or as a date (RFC 9110)."""
    if value is None:
        return None
    try:
        if value.strip().isdecimal():
            pause = timedelta(seconds=min(int(value), 86_400))
        else:
            pause = parsedate_to_datetime(value) - now
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return None
    return max(timedelta(0), min(pause, LONGEST_PAUSE))
