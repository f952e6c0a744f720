"""The words that every form of a message shares: times, delays, rules, what was read. PURE."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from schemas.article import TextOrigin, TextReason
from schemas.matches import ArticleField
from schemas.notice import NoticeKind
from schemas.rule import Severity
from services.notifier.excerpts import Excerpt
from services.notifier.message import AlertMessage, AnyMessage, MatchedRule

MOST_RULES = 10
"""A message names at most this many rules, and says how many more there are."""

SEVERITY = {
    Severity.LOW: "Low",
    Severity.NORMAL: "Normal",
    Severity.HIGH: "High",
    Severity.URGENT: "Urgent",
}

NOTICE = "Notice to the operator"
# How grave a notice is decides how it looks; good news is nobody's alarm.
NOTICE_SEVERITY = {
    NoticeKind.BROKEN: Severity.HIGH,
    NoticeKind.SILENT: Severity.NORMAL,
    NoticeKind.CUT_OFF: Severity.URGENT,
    NoticeKind.ANSWERS_AGAIN: Severity.LOW,
    NoticeKind.PUBLISHES_AGAIN: Severity.LOW,
    NoticeKind.RECONNECTED: Severity.LOW,
    NoticeKind.CHANNEL_SUSPENDED: Severity.URGENT,
    NoticeKind.CHANNEL_WORKS: Severity.LOW,
    NoticeKind.DELIVERY_FAILED: Severity.HIGH,
    NoticeKind.UNSUBSCRIBED: Severity.HIGH,
}

WHERE = {
    ArticleField.TITLE: "In the headline",
    ArticleField.SUMMARY: "In the feed's summary",
    ArticleField.BODY: "In the text",
}

_WHY = {
    TextReason.PAGE: "read from the article's page",
    TextReason.FEED_BODY: "carried by the feed itself",
    TextReason.NOT_WANTED: "this feed is set to be read without its pages",
    TextReason.NO_LINK: "the feed links to no page",
    TextReason.DISALLOWED: "the site's robots.txt does not allow the page to be read",
    TextReason.FORBIDDEN: "the page is closed to readers without an account, or to us",
    TextReason.NOT_FOUND: "the page was not found",
    TextReason.HTTP_ERROR: "the page answered with an error",
    TextReason.UNREACHABLE: "the page could not be reached",
    TextReason.REFUSED_ADDRESS: "the link leads into a network that is not public",
    TextReason.TIMED_OUT: "the page took too long to answer",
    TextReason.TOO_LARGE: "the page is too large",
    TextReason.NOT_HTML: "the link leads to a file, not to a page of text",
    TextReason.NO_TEXT: "no article could be made out on the page",
    TextReason.EXTRACTION_FAILED: "the text could not be taken from the page",
}

_RISING = list(Severity)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def what_was_read(message: AlertMessage) -> str:
    """Whether the full text or only a summary was matched, and why."""
    return read_in_words(message.text, message.text_reason)


def read_in_words(text: TextOrigin, reason: TextReason) -> str:
    """The same for an article."""
    match text:
        case TextOrigin.FULL:
            return f"Full text, {_WHY[reason]}"
        case TextOrigin.SUMMARY:
            return f"Only the feed's summary: {_WHY[reason]}"


def moment(at: datetime, zone: str) -> str:
    """A time as the subscriber's clock shows it: `22 Nov 2026, 14:02 GMT`."""
    local = at.astimezone(_zone(zone))
    name = local.tzname() or ""
    # Zones without letters of their own are named by their offset: `+03`.
    name = name if name[:1].isalpha() else f"UTC{name}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {name}"


def published(message: AlertMessage) -> str:
    """When the article was published, as far as its feed says."""
    if message.published_at is None:
        return "not said by the feed"
    return moment(message.published_at, message.zone)


def latency(message: AlertMessage, sent: datetime) -> str:
    """The way of the news in words: published, seen, matched, sent."""
    first, seen, matched = message.first_seen_at, message.seen_at, message.matched_at
    steps = ["published at an unknown time"]
    if message.published_at is not None:
        steps = [f"seen {span(first - message.published_at)} after publication"]
    if seen - first >= timedelta(seconds=1):
        steps.append(f"this version seen {span(seen - first)} later")
    after = "later" if message.published_at is not None else "after it was seen"
    steps.append(f"matched {span(matched - seen)} {after}")
    steps.append(f"sent {span(sent - matched)} later")
    return ", ".join(steps)


def times(message: AlertMessage, sent: datetime) -> str:
    """When it was published and seen on the subscriber's clock, and the way of the news."""
    seen = moment(message.first_seen_at, message.zone)
    return f"Published {published(message)}, seen {seen}: {latency(message, sent)}"


def span(length: timedelta) -> str:
    """A length of time in words, its two largest units at most: `2 hours 5 minutes`."""
    seconds = max(length.total_seconds(), 0.0)  # clocks of two machines may disagree
    if seconds < 9.95:
        tenths = f"{seconds:.1f}".removesuffix(".0")
        return f"{tenths} second{'' if tenths == '1' else 's'}"
    left, counts = round(seconds), []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        counts.append(f"{count} {unit}{'' if count == 1 else 's'}" if count else "")
    largest = next(place for place, words in enumerate(counts) if words)
    return " ".join(filter(None, counts[largest : largest + 2]))


def rules_in_short(message: AlertMessage) -> str:
    """The gravest rule, and how many more there are."""
    if not message.rules:
        return "Wirewatch"
    return f"{SEVERITY[message.rules[0].severity]}: {rules_by_name(message)}"


def rules_by_name(message: AlertMessage) -> str:
    """The same where the severity is shown otherwise."""
    if not message.rules:
        return "Wirewatch"
    more = len(message.rules) - 1
    others = f" and {more} more rule{'' if more == 1 else 's'}" if more else ""
    return f"{message.rules[0].name}{others}"


def named_rules(message: AlertMessage) -> tuple[tuple[MatchedRule, ...], int]:
    """The rules that are named one by one, and how many are left over."""
    return message.rules[:MOST_RULES], max(0, len(message.rules) - MOST_RULES)


def origin(message: AlertMessage) -> str:
    """Source and host: `The Example Times · news.example`."""
    return f"{message.source} · {message.host}" if message.host else message.source


def item_origin(item: AlertMessage) -> str:
    """Source, host and time of an alert in a summary: `The Example Times · news.example · …`."""
    return f"{origin(item)} · {short_moment(item.first_seen_at, item.zone)}"


def short_moment(at: datetime, zone: str) -> str:
    """A time of these days as the subscriber's clock shows it: `22 Nov, 14:02`."""
    local = at.astimezone(_zone(zone))
    return f"{local.day} {_MONTHS[local.month - 1]}, {local:%H:%M}"


def gravest(items: Iterable[AlertMessage]) -> Severity:
    """The severity of the gravest rule that these alerts name."""
    named = [rule.severity for item in items for rule in item.rules[:1]]
    return max(named, key=_RISING.index, default=Severity.NORMAL)


def left_out(alerts: int) -> str:
    """That a summary shows not all of them."""
    return f"and {alerts} more alert{'' if alerts == 1 else 's'}"


def why_it_comes(message: AnyMessage) -> str:
    """By which subscription somebody gets a message."""
    return f"Sent by Wirewatch to the subscription {message.subscription_id}."


def lead_in(excerpt: Excerpt, message: AlertMessage) -> str:
    """Where a sentence stands, if not in the text, and what it is if nothing in it is a hit."""
    if not any(is_hit for _, is_hit in excerpt.sentence):
        return "The article begins"
    several = Counter(e.field for e in message.excerpts)
    if excerpt.field is ArticleField.BODY and len(several) == 1:
        return ""
    return WHERE[excerpt.field]


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return UTC  # better a foreign clock than no alert
