"""What one message says: a story, several of them, or a notice, to one subscription. PURE.

A message is stored with its delivery and reads the same on every attempt. Leaves to
`composing` and `notices` what it says, to `render` how a channel shows it, and to the judge
whether there is anything to say.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, assert_never

from schemas.article import TextOrigin, TextReason
from schemas.message import Message, UtcDatetime
from schemas.notice import NoticeKind
from schemas.rule import Severity
from services.notifier.excerpts import Excerpt

__all__ = [
    "AlertMessage",
    "AnyMessage",
    "DeliveryIds",
    "Excerpt",
    "MatchedRule",
    "NoticeMessage",
    "OtherReport",
    "SummaryKind",
    "SummaryMessage",
    "decode",
]

LONGEST_TITLE = 300
LONGEST_NAME = 200
LONGEST_QUERY = 1000
MOST_ITEMS = 50
"""A summary shows at most so many alerts and counts the others: a mail of 100 kB is cut short
by the large mail services, and nobody reads it to its end."""
MOST_OTHERS = 20


class MatchedRule(Message):
    """A rule that the message is about."""

    rule_id: str
    name: str
    severity: Severity
    query: str


class OtherReport(Message):
    """Another report of the story, or of the event it tells of."""

    source: str
    host: str | None = None  # in ASCII
    url: str | None = None  # only if it may be linked
    is_copy: bool  # of the text; else it was written independently
    copied_from: str | None = None  # the source whose text it copies, if known
    seen_at: UtcDatetime


class AlertMessage(Message):
    """What an alert says. Every text in it is clean (see `clean`), but not escaped."""

    type: Literal["alert"] = "alert"
    delivery_id: str
    story_id: str
    subscription_id: str
    sequence: int
    article_id: str | None = None  # of the report that it tells of
    title: str
    url: str | None = None  # only if it may be linked
    source: str
    host: str | None = None  # in ASCII
    published_at: UtcDatetime | None = None
    first_seen_at: UtcDatetime
    seen_at: UtcDatetime
    matched_at: UtcDatetime
    text: TextOrigin
    text_reason: TextReason
    rules: tuple[MatchedRule, ...]  # the gravest first
    excerpts: tuple[Excerpt, ...] = ()  # the most telling first
    others: tuple[OtherReport, ...] = ()  # in the order in which they were seen
    others_left_out: int = 0  # beyond those
    copied_from: str | None = None  # the source whose text the report copies
    update: bool = False  # it only says more of what was told: `others` has grown
    updates: str | None = None  # the delivery of which it says more
    zone: str
    test: bool = False


class NoticeMessage(Message):
    """What a notice to the operator says, in words. As clean as an alert."""

    type: Literal["notice"] = "notice"
    delivery_id: str
    story_id: str  # the notice's id
    subscription_id: str
    sequence: int
    kind: NoticeKind
    title: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()  # a name and a value
    raised_at: UtcDatetime
    zone: str


class SummaryKind(StrEnum):
    """Why several alerts come as one message; a closed set."""

    BATCH = "batch"
    DIGEST = "digest"
    QUIET = "quiet"  # held in quiet hours
    FLOOD = "flood"  # a rule is over its cap: the rest of the hour
    FLOOD_BEGINS = "flood_begins"  # the notice that there is such a rest; it has no items
    SILENCE = "silence"  # what a silence held back, at its end


class SummaryMessage(Message):
    """Several alerts in one message: the gravest first, then the latest."""

    type: Literal["summary"] = "summary"
    delivery_id: str
    story_id: str  # the summary's own key
    subscription_id: str
    sequence: int
    kind: SummaryKind
    title: str
    lines: tuple[str, ...] = ()  # why it comes so
    items: tuple[AlertMessage, ...] = ()
    left_out: int = 0  # alerts beyond `items`
    raised_at: UtcDatetime
    zone: str


AnyMessage = AlertMessage | NoticeMessage | SummaryMessage


class _Type(Message):
    # What was stored before there were notices says nothing about it.
    type: Literal["alert", "notice", "summary"] = "alert"


def decode(stored: bytes) -> AnyMessage:
    """A message as it was stored; raises MalformedMessageError."""
    kind = _Type.decode(stored).type
    match kind:
        case "alert":
            return AlertMessage.decode(stored)
        case "notice":
            return NoticeMessage.decode(stored)
        case "summary":
            return SummaryMessage.decode(stored)
        case _:
            assert_never(kind)


def plainly(message: AnyMessage) -> AnyMessage:
    """The same message with nothing but what it cannot do without."""
    match message:
        case AlertMessage():
            return message.model_copy(update={"excerpts": (), "others": ()})
        case SummaryMessage(items=items):
            plain = tuple(item.model_copy(update={"excerpts": (), "others": ()}) for item in items)
            return message.model_copy(update={"items": plain})
        case NoticeMessage():
            return message.model_copy(update={"facts": ()})
        case _:
            assert_never(message)


@dataclass(frozen=True, slots=True)
class DeliveryIds:
    """The identity of a delivery: its id, made from story, subscription and sequence."""

    delivery_id: str
    story_id: str
    subscription_id: str
    sequence: int
