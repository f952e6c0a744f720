"""When the next revision of an article may go out. PURE.

Some entries say something else at every poll: a number of readers, "5 minutes ago", an
advertisement. Each revision costs a page, a match and a judgement, so revisions that follow
closely wait for a turn, at growing distances. A correction is no such thing: the first
three go out at once, and what waits is kept and goes out with its latest text.
"""

from datetime import datetime, timedelta

from services.store.entry_edits import Edits

AT_ONCE = 3
QUIET_AFTER = timedelta(hours=24)
"""An article that was not edited for so long starts anew."""

_FIRST_WAIT = timedelta(minutes=5)
# 3 at once, 5 more within three hours, then one in two hours: at most 18 revisions a day.
_LONGEST_WAIT = timedelta(hours=2)


def turn(edits: Edits | None, now: datetime) -> datetime:
    """When the next revision may be published; a time up to `now` means at once."""
    if edits is None or edits.edits < AT_ONCE:
        return now
    doublings = min(edits.edits - AT_ONCE, 10)
    # An edit in the future is one by a clock that was set back since.
    return min(edits.last_at, now) + min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


def published(edits: Edits | None, now: datetime) -> Edits:
    """The edits of an article whose next revision is out."""
    if edits is None or now - edits.last_at >= QUIET_AFTER:
        return Edits(1, now)
    return Edits(edits.edits + 1, now)
