"""A feed's life told in polls, as the poller remembers it; nothing is fetched."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.poller import memory as remembered
from services.poller.health import vitals
from services.poller.memory import Memory
from services.poller.replies import UNCONDITIONAL
from services.poller.schedule import Health, Policy, SaidGone, after

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # a Monday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_URL = "https://gazette.example/feed"


@dataclass
class Faring:
    """A feed and the clock it is polled by."""

    now: datetime = START
    memory: Memory = field(
        default_factory=lambda: Memory(
            "harbour", _URL, UNCONDITIONAL, None, None, START, Health(), interval=15 * MINUTE
        )
    )

    def pass_by(self, length: timedelta) -> "Faring":
        self.now += length
        return self

    def answers(self, *, new: bool = False) -> "Faring":
        """A good poll, which brings something new or nothing."""
        after = remembered.answered(replace(self.memory, health=Health()), self.now)
        if new and after.first_fetched_at is not None:
            after = replace(after, vitals=vitals.after_news(after.vitals, self.now))
        due = self.now + 15 * MINUTE
        first = after.first_fetched_at or self.now
        self.memory = replace(after, first_fetched_at=first, next_due_at=due)
        return self

    def fails(self, why: str = "http_error: answered 500") -> "Faring":
        """A poll that fails."""
        health = replace(self.memory.health, failures=self.memory.health.failures + 1)
        self.memory = remembered.refused(replace(self.memory, health=health), why, self.now)
        return self

    def says_gone(self) -> "Faring":
        following = after(SaidGone(), self.memory.health, Policy(), self.now, 0)
        memory = replace(self.memory, next_due_at=following.due_at, health=following.health)
        self.memory = remembered.refused(memory, "gone: answered 410 Gone", self.now)
        return self

    def answers_for(self, length: timedelta, every: timedelta = 15 * MINUTE) -> "Faring":
        """Good polls without news."""
        end = self.now + length
        while self.now + every <= end:
            self.pass_by(every).answers()
        return self

    def fails_for(self, length: timedelta, every: timedelta = 10 * MINUTE) -> "Faring":
        end = self.now + length
        while self.now + every <= end:
            self.pass_by(every).fails()
        return self

    def publishes_every(self, gap: timedelta, times: int) -> "Faring":
        """News with these gaps, and good polls between them."""
        for _ in range(times):
            end = self.now + gap
            while self.now + 15 * MINUTE < end:
                self.pass_by(15 * MINUTE).answers()
            self.pass_by(end - self.now).answers(new=True)
        return self

    def keeps_office_hours(self, weeks: int) -> "Faring":
        """From Monday to Friday something new every half hour from 8 to 17."""
        for day in range(7 * weeks):
            for half_hour in range(48):
                works = day % 7 < 5 and half_hour < 18
                self.pass_by(30 * MINUTE).answers(new=works)
        return self
