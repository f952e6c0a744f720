"""The index finds what trying each rule finds, with the same proof; so does the kernel."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.article import Article
from schemas.matches import Clause
from services.engine.options import Options
from services.engine.parse import Lists
from services.engine.ruleset import RuleSet
from tests.engine.index_strategies import ARTICLES, LISTS, MANY, rules_of
from tests.engine.oracle import proofs_one_by_one

_SETTINGS = settings(derandomize=True, max_examples=150, deadline=None, database=None)


def _proofs(rules: RuleSet, told: Article) -> dict[str, tuple[Clause, ...]]:
    result = rules.match(told)
    assert result.index_error is None and result.failures == ()
    return {match.rule_id: match.evidence for match in result.matches}


@pytest.mark.parametrize("kernel", [False, True])
@_SETTINGS
@given(queries=MANY, articles=st.lists(ARTICLES, min_size=1, max_size=3))
def test_the_index_finds_what_trying_each_rule_finds(
    kernel: bool, queries: Sequence[tuple[str, Options]], articles: Sequence[Article]
) -> None:
    rules = rules_of(queries, LISTS)
    indexed = RuleSet.of(rules, LISTS, kernel=kernel)
    for told in articles:
        assert _proofs(indexed, told) == proofs_one_by_one(rules, told, LISTS)


@pytest.mark.parametrize("kernel", [False, True])
@_SETTINGS
@given(before=MANY, after=MANY, removed=st.sets(st.integers(0, 7)), told=ARTICLES)
def test_a_changed_set_finds_what_a_new_one_would(
    kernel: bool,
    before: Sequence[tuple[str, Options]],
    after: Sequence[tuple[str, Options]],
    removed: set[int],
    told: Article,
) -> None:
    lists: Lists = dict(LISTS) | {"places": ["ferry", '"port strike"']}
    old_rules, new_rules = rules_of(before, LISTS), rules_of(after, LISTS)
    old = RuleSet.of(old_rules, LISTS, kernel=kernel)
    new = old.changed(new_rules, [f"r{number}" for number in removed], lists)
    kept = {one.rule_id: one for one in old_rules if one.rule_id not in {f"r{n}" for n in removed}}
    expected = kept | {one.rule_id: one for one in new_rules}
    assert _proofs(new, told) == proofs_one_by_one(expected.values(), told, lists)
    assert _proofs(old, told) == proofs_one_by_one(old_rules, told, LISTS)
    assert dict(new.rules) == expected and len(new) == len(expected)


def _reopened(rules: RuleSet, kernel: bool) -> RuleSet:
    arrays = {name: array.copy() for name, array in rules.dump().items()}
    return RuleSet.of_dump(arrays, kernel)


@pytest.mark.parametrize("kernel", [False, True])
@_SETTINGS
@given(first=MANY, second=MANY, third=MANY, told=ARTICLES)
def test_a_dumped_set_goes_on_as_the_one_it_was_taken_from(
    kernel: bool,
    first: Sequence[tuple[str, Options]],
    second: Sequence[tuple[str, Options]],
    third: Sequence[tuple[str, Options]],
    told: Article,
) -> None:
    lists: Lists = dict(LISTS) | {"places": ["ferry", '"port strike"']}
    old = RuleSet.of(rules_of(first, LISTS), LISTS, kernel=kernel)
    newer = old.changed(rules_of(second, LISTS), ["r0"], lists)
    older_again, again = _reopened(old, kernel), _reopened(newer, kernel)
    assert _proofs(older_again, told) == _proofs(old, told)
    assert dict(older_again.rules) == dict(old.rules)
    assert _proofs(again, told) == _proofs(newer, told)
    assert dict(again.rules) == dict(newer.rules)
    changed = again.changed(rules_of(third, LISTS), ["r1"], LISTS)
    assert _proofs(changed, told) == _proofs(
        newer.changed(rules_of(third, LISTS), ["r1"], LISTS), told
    )
