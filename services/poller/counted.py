"""What the poller counts: the closed label sets, shown at 0 before anything has happened."""

from schemas.article import TextOrigin, TextReason
from services.poller.parse import ParseReason
from services.poller.replies import FetchReason
from services.runtime.metrics import Metrics

POLL_OUTCOMES = frozenset(
    {"new", "unchanged", "bug"}
    | {reason.value for reason in FetchReason}
    | {reason.value for reason in ParseReason}
)
_WITH_FULL_TEXT = frozenset({TextReason.PAGE, TextReason.FEED_BODY})
_PAGE_NOT_ASKED_FOR = frozenset({TextReason.FEED_BODY, TextReason.NOT_WANTED, TextReason.NO_LINK})


def start_at_zero(metrics: Metrics) -> None:
    """Show every series that polling can count."""
    for outcome in POLL_OUTCOMES:
        metrics.polls.labels(outcome)
    for reason in TextReason:
        text = TextOrigin.FULL if reason in _WITH_FULL_TEXT else TextOrigin.SUMMARY
        metrics.articles.labels(text.value, reason.value)
        if reason not in _PAGE_NOT_ASKED_FOR:
            metrics.pages.labels(reason.value)
    for why in ("first_fetch", "reidentified"):
        metrics.entries_muted.labels(why)
