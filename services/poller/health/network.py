"""Whether it is not the feeds that are broken, but our way to them. PURE.

When more than half of all feeds begin to fail within an hour or so, nobody wants a notice for
each: there is one for all of them, and theirs are held back. It ends when more feeds answer
again than still fail; failures from before that time are nobody's own.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median_low

from services.poller.health.episodes import (
    EpisodeKind,
    EpisodePolicy,
    Open,
    broken_since,
    failing_since,
    reason_of,
)
from services.poller.memory import Memory

_FEW = 3  # feeds: of fewer, each is told by itself
_LATELY = timedelta(minutes=30)
_SPREAD = 2  # times the time to break: failures that began longer ago were something else


@dataclass(slots=True)
class Survey:
    """All feeds at one time, counted; `spared_until` is when the last such outage ended.

    `down_since` is when the present one began, if there is one.
    """

    policy: EpisodePolicy
    now: datetime
    spared_until: datetime | None = None
    down_since: datetime | None = None
    feeds: int = 0
    struck: list[datetime] = field(default_factory=list)
    failing: int = 0
    failing_lately: int = 0
    answering_again: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, memory: Memory, going_on: Open) -> None:
        """Count a feed. Those that were broken before, or have ended, say nothing."""
        if EpisodeKind.BROKEN in going_on or memory.health.disabled:
            return
        self.feeds += 1
        vitals = memory.vitals
        lately = self.now - _LATELY
        if (since := failing_since(memory, self.spared_until)) is None:
            back, last = vitals.answering_since, memory.last_success_at
            if self.down_since and back and back > self.down_since and last and last >= lately:
                self.answering_again += 1
            return
        self.failing += 1
        self.failing_lately += vitals.failed_at is not None and vitals.failed_at >= lately
        if self._is_struck(memory, since):
            self.struck.append(since)
            self.errors[reason_of(memory)] += 1

    @property
    def is_cut_off(self) -> bool:
        """Whether so many feeds have begun to fail that it is hardly them."""
        return self.feeds >= _FEW and 2 * len(self.struck) > self.feeds

    @property
    def is_back(self) -> bool:
        """Whether more feeds answer again than still fail, as far as was tried lately."""
        return self.answering_again > self.failing_lately or not self.failing

    @property
    def since(self) -> datetime:
        """When they began to fail."""
        return median_low(self.struck) if self.struck else self.now

    @property
    def error(self) -> str | None:
        """What most of them say."""
        return next((reason for reason, _ in self.errors.most_common(1)), None)

    def _is_struck(self, memory: Memory, since: datetime) -> bool:
        if since < self.now - self.policy.broken_after * _SPREAD:
            return False
        failed_at = memory.vitals.failed_at or since
        for_a_while = failed_at - since >= self.policy.settled_after
        return for_a_while or broken_since(memory, self.policy, self.spared_until) is not None
