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

_LONGEST = 100  # a date with a weekday and a zone in words takes 60 characters
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
# Nothing to rewrite: `Thu, 05 Mar 2026 13:00:00 +0100` and `2026-03-05T13:00:00Z`.
_USUAL = re.compile(
    r"\s*(?:(?:[A-Z][a-z]{2}, )?\d\d? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"\d\d:\d\d:\d\d (?:[+-]\d{4}|GMT)|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)"
)
_CLOCK_LAST = re.compile(r"^[^\d:]*\d{1,2}\s+\S+\s+\d{2,4}\s+\d{1,2}:\d{2}(?::\d{2})?\s*$")
_WITHOUT_SIGNS = re.compile(r"^\s*(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)?(?=\D|\s*$)")
# The months of wires that write dates in their own language, by the first letters that tell
# them apart.
_MONTHS = {
    "jan": "janv jän ene gen sty янв oca",
    "feb": "fév fev lut фев şub",
    "mar": "mär mrz mrt març мар",
    "apr": "avr abr kwi апр nis",
    "may": "mai maj mei mag мая май",
    "jun": "juin giu cze июн haz",
    "jul": "juil lug lip июл tem",
    "aug": "août aoû ago sie авг ağu",
    "sep": "set wrz сен eyl",
    "oct": "okt out ott paź окт eki",
    "nov": "lis ноя kas",
    "dec": "dez déc dic des gru дек ara",
}
_MONTH_OF = {
    start: month for month, starts in _MONTHS.items() for start in (month, *starts.split())
}
_DAY_MONTH = re.compile(
    r"^(?:[^\W\d_]+\.?,?\s+)?(\d{1,2})\.?\s+(?:de\s+)?([^\W\d_]{3,})\.?,?\s+(.*)$"
)


def read_date(text: str) -> datetime | None:
    """The time a feed gives, in UTC; None for what is no date."""
    return as_datetime(_parse_date(text)) if len(text) <= _LONGEST else None


def as_datetime(parsed: object) -> datetime | None:
    """feedparser's tuple in UTC as a time; None for what stands for "unknown"."""
    if not isinstance(parsed, tuple | time.struct_time):
        return None
    try:
        date = _EPOCH + timedelta(seconds=calendar.timegm(parsed))
    except (ValueError, OverflowError, TypeError):
        return None
    return date if date >= _FIRST_DATE else None


def _rewritten(text: str) -> object:
    """What feedparser misreads or cannot read, in a notation that it reads rightly."""
    if _USUAL.match(text):
        return None
    clear = _ZONE.sub(lambda zone: _ZONES[zone[1].lower()], text)
    clear = _WITHOUT_SIGNS.sub(_with_signs, clear)
    clear = _DAY_MONTH.sub(_in_english, clear.strip())
    clear = f"{clear} GMT" if _CLOCK_LAST.match(clear) else clear
    return _parse_date(clear) if clear != text.strip() else None


def _with_signs(found: re.Match[str]) -> str:
    year, month, day, hour, minute, second = found.groups("00")
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}"


def _in_english(found: re.Match[str]) -> str:
    day, month, rest = found.groups()
    name = month.lower()
    english = _MONTH_OF.get(name[:4]) or _MONTH_OF.get(name[:3])
    return f"{day} {english} {rest}" if english else found[0]


feedparser.registerDateHandler(_rewritten)
