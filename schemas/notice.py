"""What the operator is told about the service itself: facts, not words.

The poller and the notifier write notices into the database, the notifier puts them into words
for each subscription of kind ops.
"""

from enum import StrEnum

from schemas.message import Message, UtcDatetime


class NoticeKind(StrEnum):
    """What has happened; a closed set."""

    BROKEN = "broken"  # a feed cannot be read any more
    ANSWERS_AGAIN = "answers_again"  # the end of that
    SILENT = "silent"  # a feed answers, and has shown nothing new for longer than it ever does
    PUBLISHES_AGAIN = "publishes_again"  # the end of that
    CUT_OFF = "cut_off"  # most feeds cannot be read: that is our network
    RECONNECTED = "reconnected"  # the end of that
    CHANNEL_SUSPENDED = "channel_suspended"  # its credentials are refused
    CHANNEL_WORKS = "channel_works"  # the end of that
    DELIVERY_FAILED = "delivery_failed"  # messages were given up
    UNSUBSCRIBED = "unsubscribed"  # somebody has ended a whole subscription by a link


class Notice(Message):
    """One notice: an episode has begun or ended.

    `since` is when the episode began: the first failure, the last new entry. `until` is when
    what ended it was seen. The lengths are in seconds.
    """

    notice_id: str
    kind: NoticeKind
    raised_at: UtcDatetime
    since: UtcDatetime
    until: UtcDatetime | None = None
    feed_id: str | None = None
    feed_name: str | None = None
    host: str | None = None
    channel_id: str | None = None
    subscription: str | None = None  # that somebody ended
    reason: str | None = None  # why deliveries were given up
    error: str | None = None  # of the last poll that failed; the most common one if cut off
    failures: int = 0  # polls or deliveries
    last_success_at: UtcDatetime | None = None
    next_poll_at: UtcDatetime | None = None  # None: it is polled no more
    usual_gap: float | None = None
    longest_gap: float | None = None
    feeds_failing: int = 0
    feeds: int = 0
