"""When feeds published: timelines made from the dates that real feeds show.

A feed shows a window: its last entries, of hours or of years. Where the window is longer than
the replay, the replay is its end, untouched. A shorter one is laid end to end with itself, its
period rounded up to whole days so that every entry keeps its time of day. Such a timeline has
the feed's own gaps and bursts. What it cannot have: nights and weekends that the window does
not reach, entries that had left the feed, and entries that were edited or dated back. A feed
of dates without times of day (nearly all alike), or of fewer than five dates, is left out.

The wire is different: eleven days of real time stamps of one news agency, 1987.
"""

import gzip
import json
import math
import tarfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

from services.poller.parse import FeedEntry, ParsedFeed, parse_feed

DAYS = 28
_DAY = timedelta(days=1)
_FEWEST_DATES = 5
_SAME_TIME_OF_DAY = 0.5  # more entries of one time of day were dated, not timed


@dataclass(frozen=True, slots=True)
class Timeline:
    """When a feed's entries came, oldest first; the replay runs from `start` to `end`."""

    name: str
    entries: Sequence[datetime]
    shows: int  # so many entries at a time
    start: datetime
    end: datetime

    @property
    def days(self) -> float:
        """How long the replay is."""
        return (self.end - self.start) / _DAY

    @property
    def per_day(self) -> float:
        """Entries a day."""
        return sum(time >= self.start for time in self.entries) / self.days


def of_feeds(archive: Path) -> list[Timeline]:
    """The timelines of the feed files in an archive."""
    with tarfile.open(archive) as files:
        members = sorted((m for m in files if m.isfile()), key=lambda m: m.name)
        bodies = {m.name: source.read() for m in members if (source := files.extractfile(m))}
    found = (_of_feed(name, body) for name, body in bodies.items())
    return [timeline for timeline in found if timeline is not None]


def of_wire(articles: Path, source: str = "Reuters", shows: int = 20) -> Timeline:
    """The timeline of a news agency whose feed shows so many entries."""
    with gzip.open(articles, "rt") as lines:
        rows = (json.loads(line) for line in lines)
        dates = [row["date"] for row in rows if row["source"] == source and ":" in row["date"]]
    times = sorted(datetime.strptime(d, "%d-%b-%Y %H:%M:%S.%f").replace(tzinfo=UTC) for d in dates)
    return Timeline(source, times, shows, times[0], times[-1])


def continued(name: str, window: Sequence[datetime]) -> Timeline:
    """The timeline of a feed that shows this window, oldest first."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(window)]
    usual_gap = timedelta(seconds=median(gaps))
    span = window[-1] - window[0]
    period = _DAY * max(1, math.ceil((span + usual_gap) / _DAY))
    times = math.ceil(DAYS * _DAY / period) + 1  # one more: what is known at the start
    entries = [time + n * period for n in range(times) for time in window]
    end = max(entries) + min(usual_gap, _DAY)
    return Timeline(name, entries, len(window), end - DAYS * _DAY, end)


def _of_feed(name: str, body: bytes) -> Timeline | None:
    parsed = parse_feed(body, None, "https://bench.example/feed")
    window = sorted(_times(parsed.entries)) if isinstance(parsed, ParsedFeed) else []
    if len(set(window)) < _FEWEST_DATES:
        return None
    commonest = max(Counter(time.timetz() for time in window).values())
    return None if commonest > _SAME_TIME_OF_DAY * len(window) else continued(name, window)


def _times(entries: Iterable[FeedEntry]) -> list[datetime]:
    return [time for e in entries if (time := e.published or e.updated) is not None]
