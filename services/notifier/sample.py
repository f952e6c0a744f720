"""A sample alert, to try a channel with. PURE."""

from datetime import datetime, timedelta

from schemas.article import Article, TextOrigin, TextReason, revision_of
from schemas.matches import ArticleField, ArticleMatches, Clause, Hit, RuleMatch
from schemas.rule import Severity
from services.notifier.composing import compose
from services.notifier.message import AlertMessage, DeliveryIds

_TITLE = "Sample: this is how an alert looks"
_BODY = (
    "Nothing has happened. Somebody asked Wirewatch to try this channel.\n\n"
    "A real alert shows the sentence that matched here, with its neighbours around it. "
    "The words that the rule was looking for stand out. "
    "Everything else is there so that you can judge the report without opening it."
)
_HIT = "the rule was looking for"


def sample_message(now: datetime) -> AlertMessage:
    """A sample alert as if an article had been published a minute before `now`."""
    article = Article(
        article_id="sample",
        revision=revision_of(_TITLE, _BODY, ""),
        feed_id="sample",
        source="Wirewatch",
        title=_TITLE,
        body=_BODY,
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        published_at=now - timedelta(minutes=1),
        first_seen_at=now - timedelta(seconds=2),
        seen_at=now - timedelta(seconds=2),
    )
    start = _BODY.index(_HIT)
    hit = Hit(field=ArticleField.BODY, start=start, end=start + len(_HIT))
    match = RuleMatch(
        rule_id="sample",
        version=1,
        name="Sample rule",
        severity=Severity.NORMAL,
        query=f'"{_HIT}"',
        evidence=(Clause(clause=f'"{_HIT}"', hits=(hit,)),),
    )
    matches = ArticleMatches(
        article=article, matches=(match,), matched_at=now - timedelta(seconds=1)
    )
    ids = DeliveryIds(f"sample-{now:%Y%m%d%H%M%S}", "sample", "sample", 1)
    return compose(matches, [match.rule_id], ids, "UTC", test=True)
