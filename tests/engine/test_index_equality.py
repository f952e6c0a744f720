"""The index finds what trying each rule finds, with the same proof; so does the kernel."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.article import Article
from schemas.matches import Clause
from schemas.rule import WatchRule
from services.engine.errors import RuleError
from services.engine.options import Options
from services.engine.parse import Lists
from services.engine.ruleset import RuleSet
from tests.engine.newsroom import article, rule
from tests.engine.oracle import proofs_one_by_one

_SETTINGS = settings(derandomize=True, max_examples=300, deadline=None, database=None)

_WORDS = ["port", "Port", "ports", "dock", "docks", "dockers", "strike", "struck", "ferry", "U.S."]
_OTHERS = ["us", "Assad's", "US-backed", "2,000", "3.5", "Zürich", "港口", "부산항", "وميناء"]
_MARKS = [" ", " ", " ", " ", ". ", ", ", "\n\n", "\n", "’s ", " — ", '" ', "\u200b ", "."]
_TEXTS = st.lists(
    st.tuples(st.sampled_from([*_WORDS, *_OTHERS]), st.sampled_from(_MARKS)), max_size=30
).map(lambda pairs: "".join(word + mark for word, mark in pairs))
_ARTICLES = st.builds(
    lambda title, body, summary, lang: article(
        body,
        title=title,
        summary=summary,
        lang=lang,
        url="https://news.example.org/port/1",
        author=("Ana Low",),
        category=("Ports", "World news"),
    ),
    _TEXTS,
    _TEXTS,
    _TEXTS,
    st.sampled_from([None, "en", "ar", "de-AT"]),
)

_TERMS = st.sampled_from(
    [
        *("port", "ports", "dock", "strike", "ferry", "us", "zurich", "assad", "2000", "absent"),
        *('"port strike"', '"dock dock"', '"us backed"', '"port ports dock"', '"strike ferry"'),
        *("dock*", "port?", "str?*", '"dock* strike"', "exact:Port", 'exact:"Port strike"'),
        *("港", "港口", "부산", "ميناء", "@places", "@mixed", "@nested"),
    ]
)
_METADATA = st.sampled_from(
    ["source:example.org", "source:coast-wire", "lang:en", "url:/port/", "author:low"]
)
_COUNTABLE = st.one_of(_TERMS, st.lists(_TERMS, min_size=2, max_size=3).map(" OR ".join))
_LINKS = st.sampled_from(["NEAR/0", "NEAR/2", "ONEAR/1", "NEAR/S", "NEAR/P", "NOT NEAR/1", "NEAR"])
_LEAVES = st.one_of(
    _TERMS,
    _METADATA,
    st.builds(lambda a, link, b: f"(({a}) {link} ({b}))", _COUNTABLE, _LINKS, _COUNTABLE),
    st.builds(lambda n, a: f"ATLEAST/{n} ({a})", st.integers(1, 3), _COUNTABLE),
    st.builds(
        lambda field, a: f"{field}:({a})", st.sampled_from(["title", "body", "lead"]), _COUNTABLE
    ),
)
_QUERIES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        inner.map(lambda part: f"NOT ({part})"),
    ),
    max_leaves=6,
)
_OPTIONS = st.builds(
    Options,
    languages=st.sampled_from([frozenset(), frozenset({"en"}), frozenset({"ar", "de"})]),
    stem=st.booleans(),
    clitics=st.booleans(),
)
_LISTS: Lists = {
    "places": ["port", "zürich", '"dock strike"', "dock*"],
    "mixed": ["port AND ferry", "strike"],
    "nested": ["@places", "ferry OR us"],
}


def _rules(queries: Sequence[tuple[str, Options]]) -> list[WatchRule]:
    usable = []
    for number, (query, options) in enumerate(queries):
        made = rule(query, f"r{number}", options=options)
        try:
            RuleSet.of([made], _LISTS)
        except RuleError:  # such as a proximity of a list that it cannot take
            continue
        usable.append(made)
    return usable


def _proofs(rules: RuleSet, told: Article) -> dict[str, tuple[Clause, ...]]:
    result = rules.match(told)
    assert result.index_error is None and result.failures == ()
    return {match.rule_id: match.evidence for match in result.matches}


_MANY = st.lists(st.tuples(_QUERIES, st.one_of(st.just(Options()), _OPTIONS)), max_size=8)


@pytest.mark.parametrize("kernel", [False, True])
@_SETTINGS
@given(queries=_MANY, articles=st.lists(_ARTICLES, min_size=1, max_size=3))
def test_the_index_finds_what_trying_each_rule_finds(
    kernel: bool, queries: Sequence[tuple[str, Options]], articles: Sequence[Article]
) -> None:
    rules = _rules(queries)
    indexed = RuleSet.of(rules, _LISTS, kernel=kernel)
    for told in articles:
        assert _proofs(indexed, told) == proofs_one_by_one(rules, told, _LISTS)


@pytest.mark.parametrize("kernel", [False, True])
@_SETTINGS
@given(before=_MANY, after=_MANY, removed=st.sets(st.integers(0, 7)), told=_ARTICLES)
def test_a_changed_set_finds_what_a_new_one_would(
    kernel: bool,
    before: Sequence[tuple[str, Options]],
    after: Sequence[tuple[str, Options]],
    removed: set[int],
    told: Article,
) -> None:
    lists: Lists = dict(_LISTS) | {"places": ["ferry", '"port strike"']}
    old_rules, new_rules = _rules(before), _rules(after)
    old = RuleSet.of(old_rules, _LISTS, kernel=kernel)
    new = old.changed(new_rules, [f"r{number}" for number in removed], lists)
    kept = {one.rule_id: one for one in old_rules if one.rule_id not in {f"r{n}" for n in removed}}
    expected = kept | {one.rule_id: one for one in new_rules}
    assert _proofs(new, told) == proofs_one_by_one(expected.values(), told, lists)
    assert _proofs(old, told) == proofs_one_by_one(old_rules, told, _LISTS)
    assert dict(new.rules) == expected and len(new) == len(expected)


def _reopened(rules: RuleSet, kernel: bool) -> RuleSet:
    arrays = {name: array.copy() for name, array in rules.dump().items()}
    return RuleSet.of_dump(arrays, kernel)


@pytest.mark.parametrize("kernel", [False, True])
@_SETTINGS
@given(first=_MANY, second=_MANY, third=_MANY, told=_ARTICLES)
def test_a_dumped_set_goes_on_as_the_one_it_was_taken_from(
    kernel: bool,
    first: Sequence[tuple[str, Options]],
    second: Sequence[tuple[str, Options]],
    third: Sequence[tuple[str, Options]],
    told: Article,
) -> None:
    lists: Lists = dict(_LISTS) | {"places": ["ferry", '"port strike"']}
    old = RuleSet.of(_rules(first), _LISTS, kernel=kernel)
    newer = old.changed(_rules(second), ["r0"], lists)
    older_again, again = _reopened(old, kernel), _reopened(newer, kernel)
    assert _proofs(older_again, told) == _proofs(old, told)
    assert dict(older_again.rules) == dict(old.rules)
    assert _proofs(again, told) == _proofs(newer, told)
    assert dict(again.rules) == dict(newer.rules)
    changed = again.changed(_rules(third), ["r1"], _LISTS)
    assert _proofs(changed, told) == _proofs(newer.changed(_rules(third), ["r1"], _LISTS), told)
