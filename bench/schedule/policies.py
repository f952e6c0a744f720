"""The policies that are compared: when to poll again after what a poll has shown."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from services.poller import schedule
from services.poller.schedule import Health, Policy, Polled, Rhythm

MINUTE = timedelta(minutes=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Poll:
    """A poll: the times of all entries known by then, oldest first, and what it brought."""

    now: datetime
    known: Sequence[datetime]
    shown: Sequence[datetime]
    brought_news: bool
    gap: bool


class Scheduler(Protocol):
    """Decides for one feed."""

    def wait(self, poll: Poll, jitter: float) -> timedelta:
        """How long until the next poll; `jitter` is a random number from -1 to 1."""


@dataclass
class Fixed:
    """Always the same interval."""

    interval: timedelta

    def wait(self, poll: Poll, jitter: float) -> timedelta:
        """The interval."""
        return self.interval


@dataclass
class EntryFrequency:
    """Miniflux, POLLING_SCHEDULER=entry_frequency, with its defaults: 5 min to 24 h, factor 1.

    A week through the number of entries a week, which is reckoned from the mean gap of the
    entries of the last seven days (internal/model/feed.go, internal/storage/feed.go). That it
    looks for due feeds only every POLLING_FREQUENCY (an hour by default) is left out.
    """

    shortest: timedelta = 5 * MINUTE
    longest: timedelta = timedelta(hours=24)

    def wait(self, poll: Poll, jitter: float) -> timedelta:
        """As ScheduleNextCheck."""
        weekly = self._weekly_count(poll)
        return min(max(_WEEK / weekly, self.shortest), self.longest) if weekly else self.longest

    @staticmethod
    def _weekly_count(poll: Poll) -> int:
        week = [time for time in poll.known[-2000:] if time >= poll.now - _WEEK]
        seconds = int((week[-1] - week[0]).total_seconds()) if week else 0
        mean_gap = seconds // (len(week) - 1) if len(week) > 1 else 0
        return math.ceil(_WEEK.total_seconds() / mean_gap) if mean_gap else 0


Pace = Callable[[Rhythm, datetime, Policy], timedelta]


@dataclass
class Wirewatch:
    """What the poller does: `services.poller.schedule`, or that with another pace."""

    pace: Pace = schedule.interval
    policy: Policy = field(default_factory=Policy)
    halves: bool = True
    health: Health = field(default_factory=Health)
    rhythm: Rhythm = schedule.UNKNOWN

    def wait(self, poll: Poll, jitter: float) -> timedelta:
        """As a poll of the poller."""
        if poll.brought_news or self.rhythm == schedule.UNKNOWN:
            self.rhythm = schedule.rhythm_of(poll.shown, poll.now)
        wanted = self.pace(self.rhythm, poll.now, self.policy)
        polled = Polled(wanted, gap=poll.gap and self.halves)
        following = schedule.after(polled, self.health, self.policy, poll.now, jitter)
        self.health = following.health
        assert following.due_at is not None
        return following.due_at - poll.now


def root_pace(factor: float) -> Pace:
    """An interval that grows with the root of the gap.

    Where entries come at random, that gives the least mean latency for a number of polls.
    `factor` is the interval for a gap of an hour, in minutes.
    """

    def pace(rhythm: Rhythm, now: datetime, policy: Policy) -> timedelta:
        if rhythm.newest_at is None:
            return policy.undated_interval
        gap = max(rhythm.usual_gap or timedelta(), now - rhythm.newest_at)
        wanted = factor * MINUTE * math.sqrt(gap / timedelta(hours=1))
        return min(max(wanted, policy.min_interval), policy.max_interval)

    return pace
