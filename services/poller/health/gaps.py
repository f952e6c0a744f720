"""How often a feed shows something new, and how long its silence means nothing. PURE.

A feed's longest pauses are its nights, weekends and holidays. Quantiles of the last gaps have
forgotten them by Monday noon: four times the 95th percentile of the last 50 gaps calls a feed
that publishes in office hours silent 37 to 51 times a year, twice the longest gap of the last
28 days with news once in five years or never (`python -m bench silence`). So the longest gap
that ended on each of these days is kept, in a byte.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import log2
from statistics import median

_DAYS = 28
_RECENT = 20
_ENOUGH = 10  # gaps; before that nothing is said
_YOUNG = timedelta(days=14)  # until two weekends have been seen
_YOUNG_FACTOR = 4
_FACTOR = 2
_PER_DOUBLING = 12  # a byte holds up to four years, within 3 %
_MINUTE = timedelta(minutes=1)
_UNITS = ((120, 1), (1440, 10))  # below so many minutes, in these


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gaps between new entries, as we saw them; a byte each, see `_step`.

    `longest` is the longest that ended on each of the last days with news, `day` the last of
    these days (as an ordinal).
    """

    recent: bytes = b""
    longest: bytes = b""
    day: int = 0

    @property
    def usual_gap(self) -> timedelta | None:
        """The median of the last gaps."""
        return _length(round(median(self.recent))) if self.recent else None

    @property
    def longest_gap(self) -> timedelta | None:
        """The longest of the last 28 days on which there was news."""
        return _length(max(self.longest)) if self.longest else None


NO_GAPS = Gaps()


def with_gap(gaps: Gaps, gap: timedelta, at: datetime) -> Gaps:
    """The gaps and one more, which ended at `at`.

    A silence of a year teaches no more than twice the longest gap before: the next one would
    never be noticed.
    """
    longest = gaps.longest_gap
    most = max(longest * _FACTOR, _YOUNG) if longest is not None else gap
    step, day = _step(min(gap, most)), at.toordinal()
    if day == gaps.day and gaps.longest:
        days = gaps.longest[:-1] + bytes([max(gaps.longest[-1], step)])
    else:
        days = (gaps.longest + bytes([step]))[-_DAYS:]
    recent = (gaps.recent + bytes([step]))[-_RECENT:]
    return replace(gaps, recent=recent, longest=days, day=day)


def patience(gaps: Gaps, watched_for: timedelta, at_least: timedelta) -> timedelta | None:
    """How long a feed may show nothing new; None where too little is known of it."""
    longest = gaps.longest_gap
    if longest is None or len(gaps.recent) < _ENOUGH:
        return None
    floor = at_least * (_YOUNG_FACTOR if watched_for < _YOUNG else 1)
    return max(floor, longest * _FACTOR)


def _step(gap: timedelta) -> int:
    minutes = max(gap, timedelta()) / _MINUTE
    return min(255, round(_PER_DOUBLING * log2(1 + minutes)))


def _length(step: int) -> timedelta:
    minutes = 2 ** (step / _PER_DOUBLING) - 1
    # More digits than a byte can know would only look exact.
    unit = next((unit for limit, unit in _UNITS if minutes < limit), 60)
    return round(minutes / unit) * unit * _MINUTE
