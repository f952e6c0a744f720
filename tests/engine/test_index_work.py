"""How much work an article is: rules looked at, which is repeatable as time is not."""

from itertools import islice

import pytest

from bench.match import corpus
from bench.match.corpus import as_article
from bench.match.generate import Rules
from bench.match.query import ours
from services.engine.ruleset import RuleSet
from tests.engine.newsroom import rule

_RULES = 3_000


@pytest.fixture(scope="module")
def work() -> list[tuple[int, int]]:
    """Per article the rules looked at, and those that matched."""
    texts, others = corpus.generated(60)
    made = islice(Rules(texts), _RULES)
    rules = [rule(ours(node), f"r{number}") for number, node in enumerate(made)]
    indexed = RuleSet.of(rules, sample=map(as_article, others))
    found = [indexed.find(as_article(text)) for text in texts]
    assert not any(len(one.undecided) for one in found)
    return [(one.candidates, len(one.decided)) for one in found]


def test_hardly_more_rules_are_looked_at_than_match(work: list[tuple[int, int]]) -> None:
    looked_at, matched = map(sum, zip(*work, strict=True))
    assert matched > 0
    assert looked_at < 1.5 * matched


def test_no_article_is_tried_against_a_great_part_of_the_rules(
    work: list[tuple[int, int]],
) -> None:
    assert max(looked_at for looked_at, _ in work) < _RULES / 5
