"""The article that an alert is previewed with: one given, one of the bus, or one made up.

Decides which: the newest on the bus that the rule matches, else the first of the rule's own
tests that it matches, else a sentence of the rule's own words.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.article import Article
from schemas.folder import RuleTest
from schemas.matches import ArticleMatches, RuleMatch
from schemas.message import MalformedMessageError
from schemas.topics import ARTICLES
from services.bus.port import Bus
from services.embedded.rules.chosen import Chosen
from services.engine.parse import parse
from services.engine.query import Node, Not, NotNear, SavedList, Term, children_of
from services.engine.ruleset import RuleSet
from services.engine.suite import article_of

KEPT = timedelta(days=30)
"""So long the bus keeps articles."""

_MOST_WORDS = 12


@dataclass(frozen=True, slots=True)
class ShownArticle:
    """An article, and where it came from in words."""

    article: Article
    origin: str


async def newest_on(bus: Bus, chosen: Chosen, now: datetime) -> ShownArticle | None:
    """The newest article on the bus that the rule matches; raises BusUnavailableError."""
    rules = RuleSet.of([chosen.rule], chosen.lists, kernel=True)
    newest: Article | None = None
    async for article in _articles(bus, now - KEPT):
        if rules.match(article).matches:
            newest = article
    return ShownArticle(newest, "the newest on the bus that it matches") if newest else None


def made_up(chosen: Chosen, tests: Sequence[RuleTest], now: datetime) -> ShownArticle:
    """An article as the rule's author imagines one, seen just now. PURE."""
    rules = chosen.ruleset
    for number, test in enumerate(tests, start=1):
        article = _seen(article_of(test), now)
        if test.match and rules.match(article).matches:
            return ShownArticle(article, f"made of test {number} of the rule")
    words = ", ".join(_words_of(chosen))
    test = RuleTest(
        title=f"Sample: {chosen.rule.name}"[:200], body=f"Here stands: {words}.", match=True
    )
    return ShownArticle(_seen(article_of(test), now), "made of the rule's own words")


def matches_of(chosen: Chosen, shown: ShownArticle) -> tuple[ArticleMatches, bool]:
    """What the rule says of it, and whether it matches: where not, an alert without proof. PURE."""
    article, rule = shown.article, chosen.rule
    found = tuple(chosen.ruleset.match(article).matches)
    unproved = RuleMatch(
        rule_id=rule.rule_id,
        version=rule.version,
        name=rule.name,
        severity=rule.severity,
        query=rule.query,
        evidence=(),
    )
    at = article.seen_at + timedelta(seconds=0.5)
    return ArticleMatches(article=article, matches=found or (unproved,), matched_at=at), bool(found)


def _seen(article: Article, now: datetime) -> Article:
    times = {"published_at": now - timedelta(minutes=2), "first_seen_at": now, "seen_at": now}
    source, url = article.source or "Example Feed", article.url or "https://example.org/sample"
    return article.model_copy(update={**times, "source": source, "url": url})


def _words_of(chosen: Chosen) -> list[str]:
    query = parse(chosen.rule.query, chosen.lists)
    terms = dict.fromkeys(" ".join(term.words) for term in _wanted(query.root))
    return [term.replace("*", "").replace("?", "a") for term in list(terms)[:_MOST_WORDS]]


def _wanted(node: Node) -> Iterator[Term]:
    """The terms whose presence helps the rule to match."""
    if isinstance(node, Term):
        yield node
    if isinstance(node, Not | Term):
        return
    below = children_of(node)
    only_first = isinstance(node, NotNear | SavedList)
    for child in below[:1] if only_first else below:
        yield from _wanted(child)


async def _articles(bus: Bus, since: datetime) -> AsyncIterator[Article]:
    async with aclosing(bus.since(ARTICLES, since)) as batches:
        async for batch in batches:
            for record in batch:
                try:
                    yield Article.decode(record.value)
                except MalformedMessageError:
                    continue
