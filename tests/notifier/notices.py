"""Notices, and what is said of them, for the tests of how they look and travel."""

from datetime import timedelta
from typing import Any

from schemas.folder import SubscriptionSpec
from schemas.notice import Notice, NoticeKind
from services.notifier.message import NoticeMessage
from services.notifier.notices import compose_notice
from services.store.notices import StoredNotice
from tests.notifier.alerts import BIDI, CONTROL, MASS_MENTION, NOW

HOUR = timedelta(hours=1)
OPERATOR = SubscriptionSpec(id="operator", kind="ops", channel="desk", zone="Europe/Oslo")
HOSTILE = f"{MASS_MENTION}{CONTROL}{BIDI}<script>alert(1)</script>[red]*_`~|"

OF_CHANNEL = {"feed_id": None, "feed_name": None, "host": None, "channel_id": "night-desk"}
ABOUT: dict[NoticeKind, dict[str, Any]] = {
    NoticeKind.BROKEN: {
        "error": "http_error: answered 500 Internal Server Error",
        "failures": 6,
        "last_success_at": NOW - HOUR - timedelta(minutes=2),
        "next_poll_at": NOW + timedelta(minutes=64),
    },
    NoticeKind.ANSWERS_AGAIN: {"since": NOW - 7 * HOUR, "until": NOW - timedelta(minutes=12)},
    NoticeKind.SILENT: {
        "since": NOW - timedelta(days=5, hours=8),
        "usual_gap": 720.0,
        "longest_gap": 64 * 3600.0,
    },
    NoticeKind.PUBLISHES_AGAIN: {"since": NOW - timedelta(days=6), "until": NOW},
    NoticeKind.CUT_OFF: {
        "feed_id": None,
        "feed_name": None,
        "host": None,
        "feeds_failing": 338,
        "feeds": 680,
        "error": "unreachable: Cannot connect to host gazette.example:443",
    },
    NoticeKind.RECONNECTED: {
        "feed_id": None,
        "feed_name": None,
        "host": None,
        "until": NOW - timedelta(minutes=3),
    },
    NoticeKind.CHANNEL_SUSPENDED: {
        **OF_CHANNEL,
        "error": "the mail server answered 535 authentication failed",
    },
    NoticeKind.CHANNEL_WORKS: {**OF_CHANNEL, "until": NOW - timedelta(minutes=3)},
    NoticeKind.DELIVERY_FAILED: {
        **OF_CHANNEL,
        "reason": "refused",
        "error": "refused: the mail server answered 550 no such user",
        "failures": 100,
    },
    NoticeKind.UNSUBSCRIBED: {
        "feed_id": None,
        "feed_name": None,
        "host": None,
        "subscription": "night",
    },
}


def notice(kind: NoticeKind = NoticeKind.BROKEN, **changes: Any) -> Notice:
    """A notice about the Harbour Gazette, or about all feeds."""
    facts = {
        "notice_id": f"notice of {kind}",
        "kind": kind,
        "raised_at": NOW,
        "since": NOW - HOUR,
        "feed_id": "harbour",
        "feed_name": "The Harbour Gazette",
        "host": "gazette.example",
    }
    return Notice(**{**facts, **ABOUT[kind], **changes})


def told(kind: NoticeKind = NoticeKind.BROKEN, **changes: Any) -> NoticeMessage:
    """The message that tells the operator."""
    return compose_notice(notice(kind, **changes), OPERATOR)


def stored(kind: NoticeKind = NoticeKind.BROKEN, **changes: Any) -> StoredNotice:
    """A notice as it waits in the database."""
    of = notice(kind, **changes)
    return StoredNotice(of.notice_id, of.kind.value, of.feed_id, of.raised_at, of.encode())


def hostile_notice() -> NoticeMessage:
    """A message as nobody composes it: nothing in it has been cleaned."""
    return told().model_copy(
        update={
            "title": HOSTILE + "x" * 1_000_000,
            "lines": (HOSTILE, "&" * 5000, *["y"] * 100),
            "facts": tuple((HOSTILE, HOSTILE * 400) for _ in range(50)),
            "zone": "Nowhere/Land",
        }
    )
