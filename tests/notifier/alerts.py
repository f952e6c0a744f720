"""Articles, matches and messages for the tests of what alerts say and how they travel."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.article import Article, TextOrigin, TextReason
from schemas.matches import ArticleField, ArticleMatches, Clause, Hit, RuleMatch
from schemas.rule import Severity
from services.notifier.composing import compose
from services.notifier.excerpts import Excerpt
from services.notifier.message import AlertMessage, DeliveryIds, MatchedRule

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
IDS = DeliveryIds("0123456789abcdef", "fedcba9876543210", "desk", 1)

TITLE = "Ferry line to the northern islands stops & starts again"
BODY = (
    "The harbour master opened the season on Monday. Few came to watch.\n\n"
    "The islands had waited all winter for the boats. The first ferry carried <medicine> & "
    "mail to Nordholm, the shipping line said, and a second followed at noon. Both came back "
    "empty.\n\n"
    "Fares have not changed. Dogs travel free."
)

MASS_MENTION = "<!channel>"
CONTROL = "\x1b]0;owned\x07\x9b31m\x00\r\nBcc: everybody@example.org"
BIDI = "\u202egnp.exe\u2066\u200f"


def article(**changes: Any) -> Article:
    """A short article about ferries, with changes."""
    facts: dict[str, Any] = {
        "article_id": "a-1",
        "revision": "r-1",
        "feed_id": "harbour",
        "source": "The Harbour Gazette",
        "url": "https://gazette.example/2026/ferry?from=feed&page=1",
        "title": TITLE,
        "body": BODY,
        "summary": "",
        "text": TextOrigin.FULL,
        "text_reason": TextReason.PAGE,
        "published_at": NOW - timedelta(minutes=2, seconds=5),
        "first_seen_at": NOW - timedelta(seconds=5),
        "seen_at": NOW - timedelta(seconds=5),
    }
    return Article(**{**facts, **changes})


def hit(of: Article, words: str, field: ArticleField = ArticleField.BODY, nth: int = 0) -> Hit:
    """Where `words` stand in a field for the `nth` time."""
    text = {"title": of.title, "body": of.body, "summary": of.summary}[field]
    start = -1
    for _ in range(nth + 1):
        start = text.index(words, start + 1)
    return Hit(field=field, start=start, end=start + len(words))


def rule_match(
    rule_id: str, evidence: Sequence[Sequence[Hit]], severity: Severity = Severity.NORMAL
) -> RuleMatch:
    """A match of a rule whose clauses held at these hits."""
    return RuleMatch(
        rule_id=rule_id,
        version=1,
        name=f"Rule {rule_id}",
        severity=severity,
        query=f"query of {rule_id}",
        evidence=tuple(Clause(clause=f"c{i}", hits=tuple(h)) for i, h in enumerate(evidence)),
    )


def matches(of: Article, *found: RuleMatch) -> ArticleMatches:
    """What the matcher says about an article."""
    return ArticleMatches(article=of, matches=found, matched_at=NOW - timedelta(seconds=4.5))


def ferry_alert(**changes: Any) -> AlertMessage:
    """The message that two rules make of the ferry article."""
    of = article(**changes)
    urgent = rule_match("ferries", [[hit(of, "ferry")], [hit(of, "Nordholm")]], Severity.URGENT)
    plain = rule_match("fares", [[hit(of, "Fares")]])
    return compose(matches(of, plain, urgent), {"ferries", "fares"}, IDS, "Europe/Oslo")


def hostile_alert() -> AlertMessage:
    """A message as nobody composes it: nothing in it has been cleaned."""
    bad = f"{MASS_MENTION}{CONTROL}{BIDI}<script>alert(1)</script>[red]*_`~|"
    excerpt = Excerpt(
        field=ArticleField.BODY,
        before=bad,
        sentence=((bad, False), (bad, True), (bad * 200, False)),
        after=bad,
        rule_ids=("r",),
    )
    rules = tuple(
        MatchedRule(rule_id=str(i), name=bad, severity=Severity.HIGH, query=bad) for i in range(80)
    )
    return ferry_alert().model_copy(
        update={
            "title": bad + "x" * 1_000_000,
            "source": bad,
            "host": bad,
            "url": f"javascript:alert(1)//{bad}",
            "excerpts": (excerpt,) * 3,
            "rules": rules,
            "zone": "Nowhere/Land",
        }
    )
