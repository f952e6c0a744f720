"""What a webhook channel posts: events as Standard Webhooks names their parts, versioned.

Every event has `type`, `version`, `timestamp` (when what it tells of happened) and `data`. What
is not known is left out. Fields may be added within a version; a reader ignores those it does
not know. What text says comes from outside: it is clean of control characters, and is plain
text, to be escaped by whoever shows it. A URL is http or https.
"""

from typing import Literal

from pydantic import Field

from schemas.article import TextOrigin, TextReason
from schemas.matches import ArticleField
from schemas.message import Message, UtcDatetime
from schemas.notice import NoticeKind
from schemas.rule import Severity


class HookRule(Message):
    """A rule that the article met."""

    id: str
    name: str
    severity: Severity
    query: str | None = Field(default=None, description="left out in summaries")


class HookPiece(Message):
    """A piece of a sentence; put together, the pieces are the sentence."""

    text: str
    hit: bool = Field(description="whether this is what the rule was looking for")


class HookExcerpt(Message):
    """A sentence that proves the match, with its neighbours."""

    field: ArticleField
    before: str = Field(description="the sentence before it")
    sentence: tuple[HookPiece, ...]
    after: str = Field(description="the sentence after it")
    rules: tuple[str, ...] = Field(description="the ids of the rules that it proves")


class HookReport(Message):
    """Another report of the story."""

    source: str
    host: str | None = None
    url: str | None = None
    is_copy: bool = Field(description="of a text; else it was written independently")
    copied_from: str | None = Field(default=None, description="the source of that text")
    seen_at: UtcDatetime


class HookText(Message):
    """What was read of the article."""

    origin: TextOrigin = Field(description="full, or only the feed's summary")
    reason: TextReason
    in_words: str


class HookTimes(Message):
    """The way of the news."""

    published_at: UtcDatetime | None = Field(default=None, description="as the feed says")
    first_seen_at: UtcDatetime
    seen_at: UtcDatetime = Field(description="when this version of the article was seen")
    matched_at: UtcDatetime
    sent_at: UtcDatetime = Field(description="when this attempt was made")
    in_words: str = Field(description="the first two in the subscriber's zone, and the delays")


class HookLinks(Message):
    """What somebody who was told may do: each page asks before it acts."""

    alert: str | None = None
    silence: str | None = None
    unsubscribe: str | None = None


class HookAlert(Message):
    """One story, told to one subscription."""

    delivery_id: str
    story_id: str = Field(description="the same in everything that is told of the story")
    subscription_id: str
    sequence: int = Field(description="counts the messages about the story; 1 is the first")
    title: str
    url: str | None = None
    source: str
    host: str | None = Field(default=None, description="of the URL, in ASCII")
    rules: tuple[HookRule, ...] = Field(description="the gravest first")
    rules_left_out: int = Field(default=0, description="beyond those")
    excerpts: tuple[HookExcerpt, ...] = Field(description="the most telling first")
    text: HookText
    times: HookTimes
    others: tuple[HookReport, ...] = Field(description="in the order in which they were seen")
    others_left_out: int = Field(default=0, description="beyond those")
    others_in_words: str = Field(default="", description="who they are, and how many are copies")
    copied_from: str | None = Field(default=None, description="whose text this report is")
    updates: str | None = Field(
        default=None, description="of story.updated: the delivery_id of the alert that it updates"
    )
    zone: str = Field(description="the subscription's time zone")
    test: bool = Field(default=False, description="somebody tries the channel")
    links: HookLinks = HookLinks()


class HookSummary(Message):
    """Several alerts in one message: the gravest first, then the latest."""

    delivery_id: str
    subscription_id: str
    kind: str = Field(description="batch, digest, quiet, flood, flood_begins or silence")
    title: str
    lines: tuple[str, ...] = Field(description="why they come so")
    alerts: tuple[HookAlert, ...]
    alerts_left_out: int = Field(default=0, description="beyond those")
    zone: str
    links: HookLinks = HookLinks()


class HookFact(Message):
    """A name and a value."""

    name: str
    value: str


class HookNotice(Message):
    """Something about the service itself that the operator should know."""

    delivery_id: str
    subscription_id: str
    kind: NoticeKind
    title: str
    lines: tuple[str, ...]
    facts: tuple[HookFact, ...]
    zone: str
    links: HookLinks = HookLinks()


class WebhookAlert(Message):
    """An alert; as `story.updated`, one that was told, with more outlets that report the story."""

    type: Literal["alert", "story.updated"]
    version: Literal[1] = 1
    timestamp: UtcDatetime
    data: HookAlert


class WebhookSummary(Message):
    """Several alerts at once."""

    type: Literal["summary"] = "summary"
    version: Literal[1] = 1
    timestamp: UtcDatetime
    data: HookSummary


class WebhookNotice(Message):
    """A notice to the operator."""

    type: Literal["notice"] = "notice"
    version: Literal[1] = 1
    timestamp: UtcDatetime
    data: HookNotice


WebhookEvent = WebhookAlert | WebhookSummary | WebhookNotice
EVENTS: tuple[type[Message], ...] = (WebhookAlert, WebhookSummary, WebhookNotice)
