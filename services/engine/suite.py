"""The tests that a rule carries. PURE.

Decides what article a test describes, and whether the engine of the stream says of it what
the rule's author expects. Where the tests stand and how the outcome is shown is left to
others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.article import Article, TextOrigin, TextReason, revision_of
from schemas.folder import RuleTest
from schemas.rule import WatchRule
from services.engine.explain import Explanation, explain
from services.engine.options import Options
from services.engine.parse import Lists, parse
from services.engine.ruleset import RuleSet

_THEN = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test; `number` counts the rule's tests from 1.

    A red one has its explanation; `error` is what the rule raised, if it broke.
    """

    rule: WatchRule
    number: int
    test: RuleTest
    matched: bool
    explanation: Explanation | None = None
    error: Exception | None = None

    @property
    def green(self) -> bool:
        """Whether the rule did what the test expects."""
        return self.error is None and self.matched is self.test.match


def run_tests(
    rules: Iterable[WatchRule], tests: Mapping[str, Sequence[RuleTest]], lists: Lists
) -> Iterator[Outcome]:
    """The outcome of every test of `tests` (by rule id), in the order of the rules.

    Each test's article is matched against all rules, as in the stream. Raises RuleError for
    a rule that cannot be read.
    """
    ruleset = RuleSet.of(rules, lists)
    for rule_id, rule in ruleset.rules.items():
        for number, test in enumerate(tests.get(rule_id, ()), start=1):
            yield _run(ruleset, rule, number, test, lists)


def article_of(test: RuleTest) -> Article:
    """The article that a test describes; what it does not say is empty."""
    read = TextOrigin.FULL if test.body.strip() else TextOrigin.SUMMARY
    return Article(
        article_id="test",
        revision=revision_of(test.title, test.body, test.summary),
        feed_id=test.source or "",
        source=test.source or "",
        url=test.url,
        title=test.title,
        body=test.body,
        summary=test.summary,
        author=_several(test.author),
        category=_several(test.category),
        lang=test.lang,
        text=read,
        text_reason=TextReason.FEED_BODY,
        first_seen_at=_THEN,
        seen_at=_THEN,
    )


def explain_rule(rule: WatchRule, article: Article, lists: Lists) -> Explanation:
    """A stored rule explained; raises RuleError if it cannot be read."""
    return explain(parse(rule.query, lists), article, Options.of_rule(rule))


def _run(ruleset: RuleSet, rule: WatchRule, number: int, test: RuleTest, lists: Lists) -> Outcome:
    article = article_of(test)
    result = ruleset.match(article)
    matched = any(match.rule_id == rule.rule_id for match in result.matches)
    broken = [failure.error for failure in result.failures if failure.rule_id == rule.rule_id]
    if broken:
        return Outcome(rule, number, test, matched, error=broken[0])
    if matched is test.match:
        return Outcome(rule, number, test, matched)
    return Outcome(rule, number, test, matched, explain_rule(rule, article, lists))


def _several(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
