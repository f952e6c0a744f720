"""How often a feed is called silent that only rests, for several ways to say how long it may.

Feeds with made-up habits, 26 weeks each (nights, weekends, a long weekend now and then), and the
windows of real feeds where they are present. Every entry came in the end, so each time a feed
was called silent before it is a false one. Entries count as seen at the next quarter of an hour.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.schedule.timelines import of_feeds
from services.poller.health.gaps import NO_GAPS, patience, with_gap

REAL = Path(__file__).parents[1] / "../shared/data/feeds.tar.gz"
START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAY, HOUR, QUARTER = timedelta(days=1), timedelta(hours=1), timedelta(minutes=15)
_WEEKS, _FEEDS = 26, 10
_YEAR = 365

Limit = timedelta | None
Rule = Callable[[Sequence[datetime]], Iterator[Limit]]
"""For each entry but the last: how long the feed may be quiet after it."""


@dataclass(frozen=True, slots=True)
class Habit:
    """Entries on a working day, and what part of that at night and on a free day."""

    per_day: float
    at_night: float
    when_free: float


HABITS = {
    "a newsroom, 40 a day": Habit(40, 0.5, 0.8),
    "office hours, 45 a day": Habit(45, 0, 0),
    "office hours, 20 a day": Habit(20, 0.02, 0.02),
    "office hours, 3 a day": Habit(3, 0.02, 0),
    "one a day": Habit(1, 1, 0.9),
    "one in five days": Habit(0.2, 0.8, 0.8),
}


def life(habit: Habit, chance: random.Random) -> list[datetime]:
    """The entries of such a feed, as they are seen."""
    rate = habit.per_day * 2  # half a day is daytime
    at, seen = timedelta(), set[datetime]()
    while at < _WEEKS * 7 * DAY:
        at += timedelta(days=chance.expovariate(rate))
        week, day = divmod(at.days, 7)
        free = day >= 5 or (day == 0 and week % 4 == 3) or (week == 13 and day in {0, 4})
        night = not 7 <= at.seconds // 3600 < 19
        if chance.random() < (habit.when_free if free else 1) * (habit.at_night if night else 1):
            seen.add(START + -(-at // QUARTER) * QUARTER)
    return sorted(seen)


def ours(times: Sequence[datetime]) -> Iterator[Limit]:
    """The poller's own."""
    gaps = NO_GAPS
    for before, at in pairwise(times):
        yield patience(gaps, before - times[0], DAY)
        gaps = with_gap(gaps, at - before, at)


def quantile(times: Sequence[datetime]) -> Iterator[Limit]:
    """Four times the 95th percentile of the last 50 gaps, at least a day."""
    gaps: list[timedelta] = []
    for before, at in pairwise(times):
        last = sorted(gaps[-50:])
        yield max(DAY, 4 * last[int(0.95 * len(last))]) if len(last) >= 10 else None
        gaps.append(at - before)


RULES: dict[str, Rule] = {"4 x 95th percentile of 50 gaps": quantile, "Wirewatch": ours}


def row(feeds: Sequence[Sequence[datetime]], rule: Rule) -> str:
    """False silences a year and feed, and how long the feeds might be quiet."""
    false, limits = 0, list[float]()
    for times in feeds:
        for limit, (before, at) in zip(rule(times), pairwise(times), strict=True):
            if limit is not None:
                limits.append(limit / HOUR)
                false += at - before > limit
    years = sum((times[-1] - times[0]) / DAY for times in feeds) / _YEAR
    usual = median(limits) if limits else float("nan")
    return f"{false / years:.2f} | {usual:,.0f}"


def main() -> None:
    """Print the table."""
    groups: dict[str, list[Sequence[datetime]]] = {
        name: [life(habit, random.Random(f"{name}{n}")) for n in range(_FEEDS)]
        for name, habit in HABITS.items()
    }
    if REAL.exists():
        windows = (sorted(set(t.entries[: t.shows])) for t in of_feeds(REAL))
        groups["windows of real feeds"] = [w for w in windows if len(w) > 10]
    print("| feeds | rule | false silences a year and feed | may be quiet, h (median) |")
    print("| --- | --- | --- | --- |")
    for name, feeds in groups.items():
        for rule_name, rule in RULES.items():
            print(f"| {len(feeds)}: {name} | {rule_name} | {row(feeds, rule)} |")


if __name__ == "__main__":
    main()
