"""What a rule would have found among the articles of the last days. PURE.

Decides what counts: an article once, however many of its revisions match, on the day of the
first that does; and which twenty are the best: those with more clauses in headline and
lead first, then those with more clauses, then the newest; a text that several feeds carry is
shown once. Holds a number for each article and the texts of the best only.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from schemas.article import Article
from schemas.matches import ArticleField, RuleMatch
from services.engine.ruleset import RuleSet
from services.engine.sentences import paragraph_spans

Rank = tuple[int, int, datetime]


@dataclass(frozen=True, slots=True)
class Found:
    """An article that the rule matched."""

    article: Article
    match: RuleMatch
    rank: Rank


@dataclass(slots=True)
class Tally:
    """Takes articles in the order of the bus, and keeps count."""

    rules: RuleSet
    most: int = 20
    revisions: int = 0
    unreadable: int = 0
    failures: int = 0
    first_failure: Exception | None = None
    first_seen: datetime | None = None
    days: Counter[date] = field(default_factory=Counter)
    _articles: set[int] = field(default_factory=set)
    _matched: set[int] = field(default_factory=set)
    _best: dict[str, Found] = field(default_factory=dict)

    @property
    def articles(self) -> int:
        """How many articles were looked at, each counted once."""
        return len(self._articles)

    @property
    def matched(self) -> int:
        """How many of them the rule matched."""
        return len(self._matched)

    @property
    def best(self) -> Sequence[Found]:
        """The most telling of them, best first."""
        return sorted(self._best.values(), key=lambda found: found.rank, reverse=True)

    def take(self, article: Article) -> None:
        """Look at one revision."""
        self.revisions += 1
        self.first_seen = min(self.first_seen or article.seen_at, article.seen_at)
        number = _number(article.article_id)
        self._articles.add(number)
        result = self.rules.match(article)
        for failure in result.failures:
            self.failures += 1
            self.first_failure = self.first_failure or failure.error
        for match in result.matches:
            if number not in self._matched:
                self.days[article.seen_at.date()] += 1
                self._matched.add(number)
            self._consider(Found(article, match, rank(article, match)))

    def _consider(self, found: Found) -> None:
        known = self._same(found)
        if known is not None and self._best[known].rank >= found.rank:
            return
        if known is not None:
            del self._best[known]
        self._best[found.article.article_id] = found
        if len(self._best) > self.most:
            worst = min(self._best, key=lambda key: self._best[key].rank)
            del self._best[worst]

    def _same(self, found: Found) -> str | None:
        """The article among the best that is this one, or says the same."""
        if found.article.article_id in self._best:
            return found.article.article_id
        return next(
            (key for key, other in self._best.items() if _says(other) == _says(found)), None
        )


def rank(article: Article, match: RuleMatch) -> Rank:
    """How telling a match is: clauses in headline or lead, clauses at all, and how new."""
    lead = next((end for _, end in paragraph_spans(article.body)), 0)
    on_top = sum(
        any(hit.field is not ArticleField.BODY or hit.start < lead for hit in clause.hits)
        for clause in match.evidence
    )
    return on_top, sum(bool(clause.hits) for clause in match.evidence), article.seen_at


def days_between(first: datetime, last: datetime) -> Iterator[date]:
    """Every day from one to the other, in UTC."""
    day = first.date()
    while day <= last.date():
        yield day
        day += timedelta(days=1)


def _number(article_id: str) -> int:
    """An article's id in eight bytes, which tell millions of articles apart."""
    return int.from_bytes(hashlib.sha256(article_id.encode()).digest()[:8], "big")


def _says(found: Found) -> str:
    """What makes two articles one report to a reader: the day's headline, else the text."""
    title = " ".join(found.article.title.casefold().split())
    return f"{found.article.seen_at.date()} {title or found.article.revision}"
