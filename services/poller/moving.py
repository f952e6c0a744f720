"""Whether a feed has moved for good. PURE.

A redirect is followed at once, whatever it says. Its target takes the address's place only
after it was seen on several days, each time with a document that reads as a feed: what a
tired administrator redirects to the home page, or a captive network to its login, is put
right within days. What the operator wrote stays as it is; the poller remembers the move.
"""

from dataclasses import dataclass
from datetime import date

from schemas.folder import FeedSpec
from services.poller.credentials import is_private

DAYS_TO_MOVE = 3
# At the new address, before the old one is tried again.
FAILURES_TO_GO_BACK = 3


@dataclass(frozen=True, slots=True)
class Redirects:
    """Where an address permanently redirects, on how many days it did, and the last of them."""

    target: str | None = None
    days: int = 0
    last_day: date | None = None

    @property
    def are_final(self) -> bool:
        """Whether the feed has moved."""
        return self.target is not None and self.days >= DAYS_TO_MOVE


NOWHERE = Redirects()


def seen(before: Redirects, target: str | None, today: date) -> Redirects:
    """After the address led to a feed: by a permanent redirect to `target`, or without one."""
    if target is None:
        return NOWHERE
    if target != before.target:
        return Redirects(target, 1, today)
    if before.last_day == today:
        return before
    return Redirects(target, before.days + 1, today)


def may_move(feed: FeedSpec) -> bool:
    """Whether a target may be remembered: those of private feeds may repeat a secret."""
    return not is_private(feed)
