"""The topics of the bus, declared once: name, model, partitions, retention, readers."""

from dataclasses import dataclass, field
from datetime import timedelta

from schemas.article import Article
from schemas.matches import ArticleMatches
from schemas.message import Message
from schemas.rule import RulesManifest, TermList, WatchRule

MATCHER_GROUP = "wirewatch-matcher"
NOTIFIER_GROUP = "wirewatch-notifier"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the bus.

    `groups` are the consumer groups that must have read a record before it may be
    deleted; a group counts from the first day, also before it has ever joined.
    `retention` None means for ever; a compacted topic keeps the last value of each key.
    """

    name: str
    models: tuple[type[Message], ...]
    partitions: int = 1
    retention: timedelta | None = None
    compacted: bool = False
    groups: tuple[str, ...] = field(default=())


ARTICLES = Topic(
    "articles",
    (Article,),
    partitions=12,  # matchers at work at one time; partitions must not be fewer than workers
    retention=timedelta(days=30),
    groups=(MATCHER_GROUP,),
)
WATCH_RULES = Topic("watch-rules", (WatchRule, TermList, RulesManifest), compacted=True)
# One partition: stories need one judge.
MATCHES = Topic("matches", (ArticleMatches,), retention=timedelta(days=7), groups=(NOTIFIER_GROUP,))
ARTICLES_DLQ = Topic("articles-dlq", (), retention=timedelta(days=30))
MATCHES_DLQ = Topic("matches-dlq", (), retention=timedelta(days=30))

TOPICS: tuple[Topic, ...] = (ARTICLES, WATCH_RULES, MATCHES, ARTICLES_DLQ, MATCHES_DLQ)

TOMBSTONES_KEPT = timedelta(days=1)
"""On a compacted topic: a reader that was away for less than this sees every removal."""

MAX_RECORD_BYTES = 900_000
"""A larger value is split before it is sent (Kafka refuses 1 MiB by default)."""


def dead_letters_of(topic: Topic) -> Topic:
    """The dead-letter topic of `topic`."""
    return {ARTICLES.name: ARTICLES_DLQ, MATCHES.name: MATCHES_DLQ}[topic.name]
