"""Articles and rules for the engine's tests, made in one line each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.article import Article, TextOrigin, TextReason
from schemas.matches import Hit, RuleMatch
from schemas.rule import WatchRule
from services.engine.options import Options
from services.engine.ruleset import RuleSet

THEN = datetime(2020, 1, 1, tzinfo=UTC)

PORT = """\
Harbour workers in Karvala walked out on Tuesday. The Meridian Line called it "unlawful".

Union leader Ilse Brandt said 2,000 people had joined. Dockers' wages have not risen since 2015."""


def article(body: str = PORT, **fields: Any) -> Article:
    """An article; the harbour strike unless told otherwise."""
    facts: dict[str, Any] = {
        "article_id": "a1",
        "revision": "r1",
        "feed_id": "coast-wire",
        "source": "Coast Wire",
        "text": TextOrigin.FULL,
        "text_reason": TextReason.PAGE,
        "first_seen_at": THEN,
        "seen_at": THEN,
    }
    return Article(body=body, **(facts | fields))


def rule(
    query: str, rule_id: str = "rule", version: int = 1, options: Options | None = None
) -> WatchRule:
    """A watch rule."""
    given = options or Options()
    return WatchRule(
        rule_id=rule_id,
        version=version,
        name=f"the {rule_id} rule",
        query=query,
        languages=tuple(sorted(given.languages)),
        stem=given.stem,
        clitics=given.clitics,
    )


def match_of(
    query: str,
    article: Article,
    lists: Mapping[str, Sequence[str]] | None = None,
    options: Options | None = None,
) -> RuleMatch | None:
    """The match of one rule, or None; a rule that broke breaks the test."""
    result = RuleSet.of([rule(query, options=options)], lists).match(article)
    assert result.failures == () and result.index_error is None
    return result.matches[0] if result.matches else None


def does_match(
    query: str,
    text: str | Article,
    lists: Mapping[str, Sequence[str]] | None = None,
    options: Options | None = None,
) -> bool:
    """Whether a rule matches an article, or one with this body."""
    told = article(text) if isinstance(text, str) else text
    return match_of(query, told, lists, options) is not None


def words_at(hits: Sequence[Hit], article: Article) -> list[str]:
    """The text that hits point at."""
    return [str(getattr(article, hit.field))[hit.start : hit.end] for hit in hits]


def evidence_of(query: str, article: Article) -> dict[str, list[str]]:
    """Clause by clause, the text that made the rule match."""
    match = match_of(query, article)
    assert match is not None
    return {clause.clause: words_at(clause.hits, article) for clause in match.evidence}
