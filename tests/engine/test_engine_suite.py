"""The tests that rules carry, run by the engine of the stream."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.folder import RuleTest
from services.engine.errors import RuleError
from services.engine.ruleset import MatchResult, RuleFailure, RuleSet
from services.engine.suite import Outcome, article_of, explain_rule, run_tests
from tests.engine.newsroom import article, rule
from tests.engine.random_rules import LISTS, RULES, TEXTS

_LISTS = {"ports": ("Karvala", '"Port Lind"')}


def _outcomes(query: str, *tests: RuleTest) -> list[Outcome]:
    return list(run_tests([rule(query, "one")], {"one": tests}, _LISTS))


def test_a_test_is_green_when_the_rule_does_what_it_expects() -> None:
    outcomes = _outcomes(
        "@ports AND strike",
        RuleTest(title="Strike in Port Lind", match=True),
        RuleTest(body="A strike in Lind.", match=False),
        RuleTest(body="Karvala is quiet.", match=True),
        RuleTest(body="Karvala on strike.", match=False),
    )
    assert [outcome.green for outcome in outcomes] == [True, True, False, False]
    assert [outcome.number for outcome in outcomes] == [1, 2, 3, 4]


def test_a_red_test_is_explained_and_a_green_one_is_not() -> None:
    green, red = _outcomes(
        "@ports AND strike",
        RuleTest(title="Strike in Karvala", match=True),
        RuleTest(title="Karvala", match=True),
    )
    assert green.explanation is None
    assert red.explanation is not None
    assert [(p.clause, p.held) for p in red.explanation.parts] == [
        ("@ports", True),
        ("strike", False),
    ]


@pytest.mark.parametrize(
    ("query", "test"),
    [
        ("title:strike", RuleTest(title="strike", match=True)),
        ("body:strike", RuleTest(body="strike", match=True)),
        ("lead:strike", RuleTest(summary="strike", match=True)),
        ("strike", RuleTest(body="calm", summary="strike", match=False)),
        ("source:coast", RuleTest(source="coast", match=True)),
        ("source:example.org", RuleTest(url="https://www.example.org/a", match=True)),
        ("source:coast", RuleTest(title="x", match=False)),
        ("url:org/live", RuleTest(url="https://example.org/live/1", match=True)),
        ('author:"A. Writer"', RuleTest(author="By A. Writer", match=True)),
        ("author:low", RuleTest(author=("High", "Low"), match=True)),
        ("category:world", RuleTest(category="World", match=True)),
        ("lang:en", RuleTest(lang="en-GB", match=True)),
    ],
)
def test_a_test_may_say_everything_that_a_rule_may_ask_for(query: str, test: RuleTest) -> None:
    assert [outcome.green for outcome in _outcomes(query, test)] == [True]


def test_the_options_of_the_rule_count() -> None:
    stemming = rule("drones", "one").model_copy(update={"stem": True, "languages": ("en",)})
    tests = (
        RuleTest(body="A drone fell.", lang="en", match=True),
        RuleTest(body="A drone fell.", lang="de", match=False),
    )
    assert all(o.green for o in run_tests([stemming], {"one": tests}, {}))


def test_a_rule_that_breaks_is_red_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = MatchResult((), (RuleFailure("one", ZeroDivisionError()),))
    monkeypatch.setattr(RuleSet, "match", lambda _, __: broken)
    (outcome,) = _outcomes("lang:en", RuleTest(lang="en", match=False))
    assert not outcome.green
    assert isinstance(outcome.error, ZeroDivisionError)


def test_a_rule_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(RuleError, match='rule "one"'):
        _outcomes("(strike")


@settings(derandomize=True, max_examples=400, deadline=None, database=None)
@given(RULES, TEXTS, TEXTS, st.sampled_from([(), ("en",), ("de",)]), st.booleans())
def test_the_explanation_says_what_the_stream_does(
    query: str, title: str, body: str, languages: tuple[str, ...], stem: bool
) -> None:
    # Whatever the rest is, a rule that asks for a word can fail.
    asked = rule(f"(alpha OR bravo OR delta) {query}", "one").model_copy(
        update={"languages": languages, "stem": stem}
    )
    told = article(body, title=title, lang="en")
    result = RuleSet.of([asked], LISTS).match(told)
    assert not result.failures
    explanation = explain_rule(asked, told, LISTS)
    assert explanation.held is bool(result.matches)
    hits = [hit for leaf in explanation.leaves() for hit in leaf.hits]
    texts = {"title": title, "body": body, "summary": told.summary}
    assert all(texts[hit.field.value][hit.start : hit.end].strip() for hit in hits)


def test_the_article_of_a_test_is_empty_where_the_test_is_silent() -> None:
    told = article_of(RuleTest(match=True))
    assert (told.title, told.body, told.summary, told.url, told.lang) == ("", "", "", None, None)
    assert (told.source, told.author, told.category) == ("", (), ())
