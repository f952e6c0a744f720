"""Which facts of an article and its matches an alert's message carries. PURE."""

from collections.abc import Collection, Sequence

from schemas.article import Article
from schemas.matches import ArticleMatches, RuleMatch
from schemas.rule import Severity
from services.notifier import clean
from services.notifier.excerpts import excerpts_of
from services.notifier.links import host_of, safe_link
from services.notifier.message import (
    LONGEST_NAME,
    LONGEST_QUERY,
    LONGEST_TITLE,
    AlertMessage,
    DeliveryIds,
    MatchedRule,
)
from services.notifier.others import with_others
from services.store.stories import Told

_RISING = list(Severity)


def compose(
    matches: ArticleMatches,
    rule_ids: Collection[str],
    ids: DeliveryIds,
    zone: str,
    *,
    told: Sequence[Told] = (),
    test: bool = False,
) -> AlertMessage:
    """The message that tells of `matches`, as far as `rule_ids` are concerned.

    `zone` is the subscriber's IANA time zone; `told` are the reports of the story and of those
    beside it. Never raises for what stands in an article.
    """
    article = matches.article
    selected = [match for match in matches.matches if match.rule_id in rule_ids]
    message = AlertMessage(
        delivery_id=ids.delivery_id,
        story_id=ids.story_id,
        subscription_id=ids.subscription_id,
        sequence=ids.sequence,
        article_id=article.article_id,
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
    return with_others(message, told)


def _headline(article: Article) -> str:
    return clean.line(article.title, LONGEST_TITLE) or "(no headline)"


def _rule(match: RuleMatch) -> MatchedRule:
    return MatchedRule(
        rule_id=match.rule_id,
        name=clean.line(match.name, LONGEST_NAME) or match.rule_id,
        severity=match.severity,
        query=clean.line(match.query, LONGEST_QUERY),
    )
