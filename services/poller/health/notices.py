"""What a notice says of an episode that has begun or ended: the facts. PURE.

The words are the notifier's business. The name of a notice comes from its episode, so that
the same one written twice is one.
"""

import hashlib
from datetime import datetime

from schemas.folder import FeedSpec
from schemas.notice import Notice, NoticeKind
from services.poller.addresses import host_of
from services.poller.health.episodes import Began, Change, Ended, EpisodeKind
from services.poller.health.ledger import EVERY_FEED
from services.poller.health.network import Survey
from services.poller.memory import Memory
from services.runtime.redact import shown

_BEGINS = {
    EpisodeKind.BROKEN: NoticeKind.BROKEN,
    EpisodeKind.SILENT: NoticeKind.SILENT,
    EpisodeKind.CUT_OFF: NoticeKind.CUT_OFF,
}
_ENDS = {
    EpisodeKind.BROKEN: NoticeKind.ANSWERS_AGAIN,
    EpisodeKind.SILENT: NoticeKind.PUBLISHES_AGAIN,
    EpisodeKind.CUT_OFF: NoticeKind.RECONNECTED,
}


def of_feed(
    change: Change, memory: Memory, spec: FeedSpec | None, opened_at: datetime, now: datetime
) -> Notice:
    """The notice that a feed's episode has begun or ended. `spec` is None for a feed that is
    gone from the configuration."""
    usual, longest = memory.vitals.gaps.usual_gap, memory.vitals.gaps.longest_gap
    began = isinstance(change, Began)
    return Notice(
        notice_id=_id(change, memory.feed_id, opened_at),
        kind=kind_of(change),
        raised_at=now,
        since=change.episode.since,
        until=change.until if isinstance(change, Ended) else None,
        feed_id=memory.feed_id,
        feed_name=spec.name if spec else None,
        host=host_of(memory.url) or None,
        error=shown(memory.last_error) if began and memory.last_error else None,
        failures=memory.vitals.failures,
        last_success_at=memory.last_success_at,
        next_poll_at=memory.next_due_at,
        usual_gap=usual.total_seconds() if usual is not None else None,
        longest_gap=longest.total_seconds() if longest is not None else None,
    )


def of_all_feeds(change: Change, survey: Survey, opened_at: datetime) -> Notice:
    """The notice that most feeds cannot be read, or can be again."""
    return Notice(
        notice_id=_id(change, EVERY_FEED, opened_at),
        kind=kind_of(change),
        raised_at=survey.now,
        since=change.episode.since,
        until=change.until if isinstance(change, Ended) else None,
        error=survey.error,
        feeds_failing=len(survey.struck),
        feeds=survey.feeds,
    )


def kind_of(change: Change) -> NoticeKind:
    """What a change is called."""
    return (_BEGINS if isinstance(change, Began) else _ENDS)[change.episode.kind]


def _id(change: Change, feed_id: str, opened_at: datetime) -> str:
    parts = (feed_id, kind_of(change).value, opened_at.isoformat())
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]
