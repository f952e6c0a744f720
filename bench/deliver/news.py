"""Records of `matches` as a newsroom makes them: each a story of its own. The same ones always."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from schemas.article import Article, TextOrigin, TextReason
from schemas.matches import ArticleField, ArticleMatches, Clause, Hit, RuleMatch
from schemas.rule import Severity

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _vocabulary(rng: random.Random) -> list[str]:
    return ["".join(rng.choices(_LETTERS, k=rng.randint(2, 9))) for _ in range(8_000)]


def news(number: int, seed: int = 1) -> Iterator[ArticleMatches]:
    """So many articles of 3 kB, each met by one rule in three places. Not dated yet."""
    rng = random.Random(seed)
    words = _vocabulary(rng)
    for i in range(number):
        sentences = [" ".join(rng.choices(words, k=18)).capitalize() + "." for _ in range(28)]
        for place in (3, 11, 19):
            sentences[place] = "The harbour " + sentences[place]
        body = "\n\n".join(" ".join(sentences[n : n + 4]) for n in range(0, 28, 4))
        yield _matched(f"{seed}-{i}", " ".join(rng.choices(words, k=9)).capitalize(), body)


def at(message: ArticleMatches, now: datetime) -> ArticleMatches:
    """The same, seen and matched now."""
    times = {"published_at": now, "first_seen_at": now, "seen_at": now}
    article = message.article.model_copy(update=times)
    return message.model_copy(update={"article": article, "matched_at": now})


def _matched(name: str, title: str, body: str) -> ArticleMatches:
    old = datetime(2026, 1, 1, tzinfo=UTC)
    article = Article(
        article_id=f"article-{name}",
        revision="r1",
        feed_id="wire",
        source="The Wire",
        url=f"https://wire.example/{name}",
        title=title,
        body=body,
        summary="",
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        published_at=old,
        first_seen_at=old,
        seen_at=old + timedelta(seconds=1),
    )
    hits = tuple(_hits(body, "harbour"))
    rule = RuleMatch(
        rule_id="harbour",
        version=1,
        name="Harbours",
        severity=Severity.NORMAL,
        query="harbour",
        evidence=(Clause(clause="harbour", hits=hits),),
    )
    return ArticleMatches(article=article, matches=(rule,), matched_at=old)


def _hits(body: str, word: str) -> Iterator[Hit]:
    start = body.find(word)
    while start >= 0:
        yield Hit(field=ArticleField.BODY, start=start, end=start + len(word))
        start = body.find(word, start + 1)
