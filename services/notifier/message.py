"""What one message says: one story or one notice, told once to one subscription. PURE.

Decides which facts of an article and its matches a message carries, and keeps them: the
message is stored with its delivery and reads the same on every attempt. Leaves to
`render` how a channel shows it, to the judge whether there is anything to say, and the
words of notices to `notices`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from schemas.article import Article, TextOrigin, TextReason
from schemas.matches import ArticleMatches, RuleMatch
from schemas.message import Message, UtcDatetime
from schemas.notice import NoticeKind
from schemas.rule import Severity
from services.notifier import clean
from services.notifier.excerpts import Excerpt, excerpts_of
from services.notifier.links import host_of, safe_link

__all__ = [
    "AlertMessage",
    "AnyMessage",
    "DeliveryIds",
    "Excerpt",
    "MatchedRule",
    "NoticeMessage",
    "compose",
    "decode",
]

LONGEST_TITLE = 300
LONGEST_NAME = 200
LONGEST_QUERY = 1000
_RISING = list(Severity)


class MatchedRule(Message):
    """A rule that the message is about."""

    rule_id: str
    name: str
    severity: Severity
    query: str


class AlertMessage(Message):
    """What an alert says. Every text in it is clean (see `clean`), but not escaped."""

    type: Literal["alert"] = "alert"
    delivery_id: str
    story_id: str
    subscription_id: str
    sequence: int
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


AnyMessage = AlertMessage | NoticeMessage


class _Type(Message):
    # What was stored before there were notices says nothing about it.
    type: Literal["alert", "notice"] = "alert"


def decode(stored: bytes) -> AnyMessage:
    """A message as it was stored; raises MalformedMessageError."""
    match _Type.decode(stored).type:
        case "alert":
            return AlertMessage.decode(stored)
        case "notice":
            return NoticeMessage.decode(stored)


@dataclass(frozen=True, slots=True)
class DeliveryIds:
    """The identity of a delivery: its id, made from story, subscription and sequence."""

    delivery_id: str
    story_id: str
    subscription_id: str
    sequence: int


def compose(
    matches: ArticleMatches,
    rule_ids: Collection[str],
    ids: DeliveryIds,
    zone: str,
    *,
    test: bool = False,
) -> AlertMessage:
    """The message that tells of `matches`, as far as `rule_ids` are concerned.

    `zone` is the subscriber's IANA time zone. Never raises for what stands in an article.
    """
    article = matches.article
    selected = [match for match in matches.matches if match.rule_id in rule_ids]
    return AlertMessage(
        delivery_id=ids.delivery_id,
        story_id=ids.story_id,
        subscription_id=ids.subscription_id,
        sequence=ids.sequence,
        title=_headline(article),
        url=safe_link(article.url),
        source=clean.line(article.source, LONGEST_NAME) or article.feed_id,
        host=host_of(article.url),
        published_at=article.published_at,
        first_seen_at=article.first_seen_at,
        seen_at=article.seen_at,
        matched_at=matches.matched_at,
        text=article.text,
        text_reason=article.text_reason,
        rules=tuple(sorted(map(_rule, selected), key=lambda r: -_RISING.index(r.severity))),
        excerpts=excerpts_of(article, selected),
        zone=zone,
        test=test,
    )


def _headline(article: Article) -> str:
    return clean.line(article.title, LONGEST_TITLE) or "(no headline)"


def _rule(match: RuleMatch) -> MatchedRule:
    return MatchedRule(
        rule_id=match.rule_id,
        name=clean.line(match.name, LONGEST_NAME) or match.rule_id,
        severity=match.severity,
        query=clean.line(match.query, LONGEST_QUERY),
    )
