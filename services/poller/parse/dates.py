"""Dates of entries.

Decides what is no date. Which notations are understood is feedparser's business, with the
names of time zones added that it takes for UTC. No date is believed blindly: a future one is
cut to now, and ordering goes by when an entry was first seen (`identity`).
"""

import calendar
import re
import time
from datetime import UTC, datetime, timedelta

import feedparser
from feedparser.datetimes import _parse_date

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Programs write year 1 or 1970 where they know no date.
_FIRST_DATE = datetime(1971, 1, 1, tzinfo=UTC)
# Names with one meaning that wires use; feedparser knows the American ones.
_ZONES = {
    "wet": "+0000",
    "west": "+0100",
    "bst": "+0100",
    "cet": "+0100",
    "cest": "+0200",
    "eet": "+0200",
    "eest": "+0300",
    "sast": "+0200",
    "msk": "+0300",
    "pkt": "+0500",
    "wib": "+0700",
    "hkt": "+0800",
    "sgt": "+0800",
    "jst": "+0900",
    "kst": "+0900",
    "aest": "+1000",
    "aedt": "+1100",
    "nzst": "+1200",
    "nzdt": "+1300",
}
_ZONE = re.compile(r"\b(" + "|".join(_ZONES) + r")\s*$", re.IGNORECASE)


def read_date(text: str) -> datetime | None:
    """The time a feed gives, in UTC; None for what is no date."""
    return as_datetime(_parse_date(text))


def as_datetime(parsed: object) -> datetime | None:
    """feedparser's tuple in UTC as a time; None for what stands for "unknown"."""
    if not isinstance(parsed, tuple | time.struct_time):
        return None
    try:
        date = _EPOCH + timedelta(seconds=calendar.timegm(parsed))
    except (ValueError, OverflowError, TypeError):
        return None
    return date if date >= _FIRST_DATE else None


def _with_named_zone(text: str) -> object:
    numeric, named = _ZONE.subn(lambda zone: _ZONES[zone[1].lower()], text)
    return _parse_date(numeric) if named else None


feedparser.registerDateHandler(_with_named_zone)
