"""Polling a timeline as a policy wants it, and what came of it."""

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import mean

from bench.schedule.policies import Poll, Scheduler
from bench.schedule.timelines import Timeline

_FIRST_WITHIN = timedelta(minutes=15)


@dataclass
class Outcome:
    """What one or many replays gave; latencies in minutes."""

    latencies: list[float] = field(default_factory=list)
    lost: int = 0
    polls: int = 0
    days: float = 0.0

    @property
    def polls_a_day(self) -> float:
        """Of one feed."""
        return self.polls / self.days

    @property
    def lost_share(self) -> float:
        """Of all entries, those that came and went between two polls."""
        return self.lost / max(1, self.lost + len(self.latencies))

    def percentile(self, share: float) -> float:
        """The latency that so great a share of the entries stays under."""
        ordered = sorted(self.latencies) or [math.nan]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def mean(self) -> float:
        """The mean latency."""
        return mean(self.latencies) if self.latencies else math.nan

    def add(self, other: "Outcome") -> None:
        """Count another replay in."""
        self.latencies += other.latencies
        self.lost += other.lost
        self.polls += other.polls
        self.days += other.days


def replay(timeline: Timeline, scheduler: Scheduler, chance: random.Random) -> Outcome:
    """Poll a timeline from its start to its end."""
    entries, outcome = timeline.entries, Outcome(days=timeline.days)
    now = timeline.start
    read = bisect_right(entries, now)  # what is there at the first poll is no news
    now += _FIRST_WITHIN * chance.random()
    first = True
    while now <= timeline.end:
        there = bisect_right(entries, now)
        oldest_shown = max(0, there - timeline.shows)
        gap = there > read and oldest_shown >= read and not first
        outcome.polls += 1
        outcome.lost += max(0, oldest_shown - read)
        outcome.latencies += [
            (now - time) / timedelta(minutes=1) for time in entries[max(read, oldest_shown) : there]
        ]
        poll = Poll(now, entries[:there], entries[oldest_shown:there], there > read, gap)
        now += scheduler.wait(poll, chance.uniform(-1, 1))
        read, first = there, False
    return outcome


def replay_all(
    timelines: Iterable[Timeline], scheduler: Callable[[], Scheduler], repeats: int = 1
) -> Outcome:
    """Replay timelines, each with a scheduler of its own, from several beginnings."""
    together = Outcome()
    for timeline in timelines:
        for seed in range(repeats):
            together.add(replay(timeline, scheduler(), random.Random(f"{timeline.name} {seed}")))
    return together
