"""Rules and articles on which the index and trying each rule once differed, or might."""

import pytest

from schemas.article import Article
from services.engine.options import Options
from services.engine.ruleset import RuleSet
from tests.engine.newsroom import article, evidence_of, rule
from tests.engine.oracle import proofs_one_by_one

_LISTS = {
    "unless": ["NOT port"],
    "unless_both": ["NOT (port ferry)", "absent"],
    "above": ["@unless", "absent"],
    "strokes": ['"マンション x"', "ン", "x"],
}


def _assert_alike(query: str, told: Article, options: Options | None = None) -> bool:
    rules = [rule(query, options=options)]
    expected = proofs_one_by_one(rules, told, _LISTS)
    for kernel in (False, True):
        result = RuleSet.of(rules, _LISTS, kernel=kernel).match(told)
        assert result.index_error is None
        assert {match.rule_id: match.evidence for match in result.matches} == expected
    return bool(expected)


@pytest.mark.parametrize("options", [Options(), Options(stem=True, clitics=True)])
@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("NOT @unless", "a port", True),
        ("NOT @unless", "a dock", False),
        ("NOT @above", "a port", True),
        ("NOT @above", "an absent port", False),
        ("NOT @unless_both", "port and ferry", True),
        ("NOT @unless_both", "port", False),
        ("NOT @unless OR dock", "a dock", True),
        ("NOT (@unless OR dock)", "a port", True),
        ("NOT (@unless OR dock)", "a port and a dock", False),
        ("title:(NOT @unless)", "a port", False),
        ("dock NOT @unless", "port and dock", True),
        ("dock NOT @unless", "dock", False),
        ("NOT (NOT port OR NOT ferry)", "port and ferry", True),
        ("NOT (NOT port OR ferry)", "port and ferry", False),
    ],
)
def test_a_rule_that_hangs_on_what_must_not_fail(
    query: str, text: str, expected: bool, options: Options
) -> None:
    assert _assert_alike(query, article(text, lang="en"), options) is expected


@pytest.mark.parametrize(
    "query",
    ["ン", "@strokes", "ATLEAST/1 (ン OR マ)", "ATLEAST/2 ン", "ン NEAR/2 マ", "ン NEAR/S x"],
)
@pytest.mark.parametrize("text", ["㍇ x y", "㍇x", "x ㍇ マ"])
def test_a_character_that_holds_several_words_is_shown_once(query: str, text: str) -> None:
    _assert_alike(query, article(text))
    _assert_alike(query, article("ferry", title=text))


def test_no_place_is_shown_twice() -> None:
    assert evidence_of("ン", article("㍇ x")) == {"ン": ["㍇"]}


@pytest.mark.parametrize("kernel", [False, True])
@pytest.mark.parametrize("query", ["port NEAR/9 of", '"of port" ONEAR/3 "of port"'])
def test_two_common_words_of_a_book_do_not_cost_their_product(kernel: bool, query: str) -> None:
    told = article("port of " * 60_000)
    found = RuleSet.of([rule(query)], kernel=kernel).find(told)
    assert len(found.decided) == 1


def test_a_phrase_is_not_completed_by_what_is_no_text() -> None:
    for query in ('"the port strike"', '"port strike of the"'):
        for text in ("port strike", "strike of the", "port strike of"):
            assert not _assert_alike(query, article(text))
            assert not _assert_alike(query, article("", title=text))
