"""For every rule and article: the proof can be checked by pointing, and all ways agree."""

import unicodedata
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.article import Article
from schemas.matches import Clause
from schemas.rule import WatchRule
from services.engine.analysis import analyse
from services.engine.characters import APOSTROPHES, IGNORABLE
from services.engine.document import Document
from services.engine.errors import RuleError
from services.engine.evaluate import Evaluation
from services.engine.explain import explain
from services.engine.lint import lint
from services.engine.options import Options
from services.engine.parse import parse
from services.engine.places import Ways, places_of
from services.engine.printing import written
from services.engine.query import Node, Term, walk
from services.engine.ruleset import RuleSet
from services.engine.words import cut
from tests.engine.newsroom import article

_SETTINGS = settings(derandomize=True, max_examples=150, deadline=None, database=None)
_LISTS = {"ports": ["karvala", '"port lind"', "lind*", "@far"], "far": ["港口", "أحمد", "이란"]}

# Words in every script: as a rule might write them, and as an article might.
_WORDS = (
    *(("karvala", "Karvala"), ("kar?ala", "karvala’s"), ("port", "PORT"), ("lind*", "Linden")),
    *(('"port lind"', "Port Lind"), ("exact:US", "the U.S."), ("US", "us"), ("U.S.-led", "US led")),
    *(("O'Neill", "o neill"), ("2000", "2,000"), ("3.5", "3.5"), ("Erdogan", "Erdoğan")),
    *(("strasse", "STRAẞE"), ("ışık", "IŞIK"), ("Łódź", "lodz"), ("Αθήνα", "ΑΘΗΝΑ"), ("й", "и")),
    *(
        ("港口", "在港口"),
        ("港", "港"),
        ("이란", "이란이"),
        ("이란", "사랑이란"),
        ("부산", "부산항"),
    ),
    *(("กรุงเทพ", "กรุงเทพมหานคร"), ("سوريا", "وسوريا"), ("أحمد", "احمد"), ("مدرسة", "مدرسه")),
    *(("می\u200cخواهم", "می خواهم"), ('צה"ל', "צה״ל"), ("शांति", "शांति"), ("ﬁn", "fin")),
    *(("ﷺ", "ﷺ"), ("عليه", "ﷺ"), ("@ports", "lindo"), ("m2", "m²"), ("e\u0301te", "étés")),
    *(("dock", "docks"), ("harbour", "har\u00adbour"), ("x", "🚢"), ("y", "\u200fy —")),
)
_GAPS = (" ", ". ", ", ", "\n", "\n\n", "。", " “", "” ", "-", "… ")
_OPERATORS = (" AND ", " OR ", " ", " NEAR/2 ", " ONEAR/S ", " NEAR/P ", " NOT NEAR/1 ", " -")
_PREFIXES = ("", "", "", "", "title:", "body:", "lead:", "ATLEAST/2 ", "NOT ")
_OPTIONS = st.builds(
    Options,
    st.sampled_from([frozenset(), frozenset(), frozenset({"en"}), frozenset({"ar"})]),
    st.booleans(),
    st.booleans(),
)
_Words = Sequence[tuple[str, str]]
_TOPICS = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4)
"""What a rule and an article are both about, so that they often meet."""


def _is_rule(query: str) -> bool:
    try:
        parse(query, _LISTS)
    except RuleError:
        return False
    return True


def _rules(words: _Words) -> st.SearchStrategy[str]:
    terms = st.sampled_from([rule for rule, _ in words])
    leaves = st.tuples(st.sampled_from(_PREFIXES), terms).map("".join)
    return st.recursive(
        leaves,
        lambda rules: st.tuples(rules, st.sampled_from(_OPERATORS), rules).map(
            lambda parts: f"({''.join(parts)})"
        ),
        max_leaves=5,
    ).filter(_is_rule)


def _articles(words: _Words) -> st.SearchStrategy[Article]:
    pieces = st.tuples(st.sampled_from([text for _, text in words]), st.sampled_from(_GAPS))
    texts = st.lists(pieces, max_size=8).map(lambda pairs: "".join(map("".join, pairs)))
    return st.builds(
        lambda title, body, summary: article(body, title=title, summary=summary, lang="en"),
        *(texts, texts, texts),
    )


_PAIRS = _TOPICS.flatmap(lambda words: st.tuples(_rules(words), _articles(words)))
_TRIPLES = _TOPICS.flatmap(lambda words: st.tuples(_rules(words), _rules(words), _articles(words)))


def _evidence(query: str, told: Article, options: Options) -> tuple[Clause, ...] | None:
    stored = WatchRule(
        rule_id="r",
        version=1,
        name="r",
        query=query,
        languages=tuple(options.languages),
        stem=options.stem,
        clitics=options.clitics,
    )
    result = RuleSet.of([stored], _LISTS).match(told)
    assert result.failures == ()
    return result.matches[0].evidence if result.matches else None


def _terms(node: Node) -> list[Term]:
    return [one for one in walk(node) if isinstance(one, Term)]


@_SETTINGS
@given(_PAIRS, _OPTIONS)
def test_each_hit_cut_out_of_the_text_is_an_occurrence_of_its_clause(
    pair: tuple[str, Article], options: Options
) -> None:
    query, told = pair
    ways = Ways(options.clitics, "en" if options.stem else None)
    for clause in _evidence(query, told, options) or ():
        assert clause.clause in query
        for hit in clause.hits:
            alone = analyse(getattr(told, hit.field)[hit.start : hit.end])
            terms = _terms(parse(f"x OR ({clause.clause})", _LISTS).root)
            assert any(places_of(term, alone, ways) for term in terms), clause


@_SETTINGS
@given(_PAIRS, _OPTIONS)
def test_all_ways_to_ask_give_one_answer(pair: tuple[str, Article], options: Options) -> None:
    query, told = pair
    matched = _evidence(query, told, options) is not None
    assert explain(parse(query, _LISTS), told, options).held is matched
    # as it is printed, as a saved list, and the denial of its denial
    again = written(parse(query, _LISTS).root)
    for other in (again, f"({query})", f"NOT (NOT ({query}))", f"({query}) OR ({query})"):
        assert (_evidence(other, told, options) is not None) is matched, other


@_SETTINGS
@given(_TRIPLES)
def test_and_or_and_not_are_those_of_logic(triple: tuple[str, str, Article]) -> None:
    one, other, told = triple

    def holds(query: str) -> bool:
        return Evaluation(parse(query, _LISTS), Document(told)).holds(parse(query, _LISTS).root)

    assert holds(f"({one}) AND ({other})") is (holds(one) and holds(other))
    assert holds(f"({one}) OR ({other})") is (holds(one) or holds(other))
    assert holds(f"({one}) NOT ({other})") is (holds(one) and not holds(other))


@_SETTINGS
@given(_rules(_WORDS), st.text(max_size=30))
def test_warnings_point_into_the_rule_and_no_other_error_is_raised(query: str, noise: str) -> None:
    for text in (query, query[: len(query) // 2] + noise + query[len(query) // 2 :]):
        try:
            warnings = lint(text, _LISTS)
        except RuleError as error:
            message, *lines, caret = str(error).split("\n")
            assert 0 <= error.offset <= len(text) and message == error.message
            assert caret.strip() == "^" and "\n".join(lines) in text
        else:
            assert all(0 <= warning.offset < len(text) for warning in warnings)


@_SETTINGS
@given(st.text(min_size=1, max_size=12))
def test_characters_are_composed_as_unicode_says(text: str) -> None:
    """Cutting before composing, for the offsets' sake, gives what composing first gives."""
    visible = "".join(c for c in text if c not in APOSTROPHES and not IGNORABLE.match(c))
    composed = unicodedata.normalize("NFKC", visible)
    if "'" not in composed and not set(composed) & APOSTROPHES:
        assert [w.exact for w in cut(visible)] == [w.exact for w in cut(composed)]
