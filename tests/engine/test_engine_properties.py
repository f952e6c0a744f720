"""What must hold for every text and every rule."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.matches import ArticleField
from services.engine.analysis import analyse
from services.engine.context import neighbours, sentence_around
from services.engine.document import Document
from services.engine.errors import RuleError
from services.engine.folding import fold
from services.engine.options import Options
from services.engine.parse import parse
from services.engine.places import Ways, places_of
from services.engine.printing import bracketed, written
from services.engine.query import (
    And,
    AtLeast,
    InField,
    Link,
    Meta,
    MetaField,
    Near,
    Node,
    Not,
    NotNear,
    Or,
    Query,
    Term,
    TextField,
    Unit,
)
from services.engine.ruleset import RuleSet
from services.engine.stemming import SNOWBALL, stem
from services.engine.words import cut
from tests.engine.newsroom import article, rule

_SETTINGS = settings(derandomize=True, max_examples=400, deadline=None, database=None)

_LETTERS = (
    "abcłéßİıжقیםד港あ한๏ี्ा0٣,，.'’`\"״-–+*?!@#_:()|/&“”„«»「」＂（"
    "\u00ad\u200c\u200b\u0301\u061c½㍿ﷺ🚢\U0001fffe \n\r\t"
)
_TEXT = st.text(st.one_of(st.sampled_from(_LETTERS), st.characters()), max_size=60)
_OPERATORS = ["AND ", "OR ", "NOT ", "NEAR/2 ", "ONEAR/S ", "NOT NEAR ", "ATLEAST/2 ", "NEAR/"]
_FIELDS = ["title:", "exact:", "source:", "author:", "lang:en ", "url:/ab/ ", "@ports "]
_SIGNS = ["(", ") ", "-", "+", '"', "“", "” ", "|", "\n"]
_WORDS = ["port ", "doc* ", "港口 ", "부산 ", "a-b ", "U.S. ", "²ﬁ "]
_PIECES = st.sampled_from([*_OPERATORS, *_FIELDS, *_SIGNS, *_WORDS])
_RULES = st.one_of(_TEXT, st.lists(st.one_of(_PIECES, _TEXT), max_size=14).map("".join))
_LEVELS = (
    *("(a OR {})", "(b {})", "(NOT {})", "NOT -{}", "-({})", "+{}", "c {}", "c OR {}"),
    *("d NEAR/2 e OR {}", "(f | {}) g", "{} -h"),
)
_LISTS = {"ports": ["karvala", '"port lind"', "lind*"]}

_TERMS = st.sampled_from(
    [
        Term(("port",)),
        Term(("port", "lind")),
        Term(("har*r",)),
        Term(("us", "bac*")),
        Term(("AND",), exact=True),
        Term(("São", "Tomé"), exact=True),
        Term(("港", "口")),
        Term(("부", "산")),
        Term(("k", "팝")),
        Term(("3.5",)),
        Term(("or",)),
    ]
)
_COUNTABLE: st.SearchStrategy[Node] = st.one_of(
    _TERMS, st.lists(_TERMS, min_size=2, max_size=3).map(lambda terms: Or(tuple(terms)))
)
_LINKS = st.builds(Link, st.one_of(st.integers(0, 99), st.sampled_from(Unit)), st.booleans())
_CHAINS = st.lists(st.tuples(_LINKS, _COUNTABLE), min_size=1, max_size=3).flatmap(
    lambda pairs: st.builds(
        lambda first: Near(
            (first, *(operand for _, operand in pairs)), tuple(link for link, _ in pairs)
        ),
        _COUNTABLE,
    )
)
_METADATA = st.sampled_from(
    [
        Meta(MetaField.SOURCE, ("coast wire", "example.org")),
        Meta(MetaField.LANG, ("en",)),
        Meta(MetaField.URL, ("a|b?c=(d) e",)),
        Meta(MetaField.AUTHOR, ("OR",)),
        Meta(MetaField.CATEGORY, ('say "x”',)),
    ]
)
_IN_TEXT: st.SearchStrategy[Node] = st.one_of(
    _TERMS,
    _CHAINS,
    st.builds(NotNear, _COUNTABLE, _COUNTABLE, _LINKS),
    st.builds(AtLeast, st.integers(1, 9), _COUNTABLE),
)


def _combined(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(nodes, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, nodes))


_NODES = st.recursive(
    st.one_of(
        _IN_TEXT,
        _METADATA,
        st.builds(InField, st.sampled_from(TextField), st.recursive(_IN_TEXT, _combined)),
        st.builds(
            AtLeast, st.integers(1, 9), st.builds(InField, st.sampled_from(TextField), _COUNTABLE)
        ),
    ),
    _combined,
    max_leaves=8,
)
# Whatever the rest is, a rule that asks for a word can fail.
_ROOTS = _NODES.map(lambda node: And((Term(("karvala",)), node)))


def _query_or_none(text: str) -> Query | None:
    try:
        return parse(text, _LISTS)
    except RuleError as error:
        assert 0 <= error.offset <= len(text)
        assert error.query == text
        assert str(error).startswith(error.message)
        return None


@_SETTINGS
@given(_RULES)
def test_a_text_is_a_rule_or_a_rule_error(text: str) -> None:
    _query_or_none(text)


@_SETTINGS
@given(_RULES)
def test_a_rule_written_back_is_the_same_rule(text: str) -> None:
    query = _query_or_none(text)
    if query is not None:
        assert parse(written(query.root), _LISTS) == query


@_SETTINGS
@given(_ROOTS)
def test_every_tree_can_be_written_and_read(root: Node) -> None:
    assert parse(written(root)).root == root
    assert parse(bracketed(root)).root == root


@_SETTINGS
@given(st.lists(st.sampled_from(_LEVELS), min_size=20, max_size=90))
def test_a_rule_of_any_depth_can_be_written_and_read(levels: list[str]) -> None:
    text = "{}"
    for level in levels:
        text = text.replace("{}", level)
    query = _query_or_none(f"karvala ({text.replace('{}', 'port')})")
    if query is not None:
        assert parse(written(query.root), _LISTS) == query


@_SETTINGS
@given(_TEXT)
def test_offsets_slice_to_the_words_they_claim(text: str) -> None:
    for word in analyse(text).words:
        inside = analyse(text[word.start : word.end]).words
        assert word.folded in [one.folded for one in inside]
        assert word.exact in [one.exact for one in inside]


@_SETTINGS
@given(_TEXT)
def test_breaking_at_punctuation_first_changes_no_word(text: str) -> None:
    plain = text.replace("\U0001fffe", " ").replace("\U0001ffff", " ")
    whole = [word.folded for chunk in plain.split() for word in cut(chunk)]
    assert [word.folded for word in analyse(text).words] == whole


@_SETTINGS
@given(_TEXT)
def test_words_stand_in_order(text: str) -> None:
    words = analyse(text).words
    assert all(0 <= word.start < word.end <= len(text) for word in words)
    assert all(one.start <= other.start and one.end <= other.end for one, other in pairwise(words))


@_SETTINGS
@given(_TEXT)
def test_folding_is_settled_after_one_time(text: str) -> None:
    for word in analyse(text).words:
        assert [again.folded for again in analyse(word.folded).words] == [word.folded]


@_SETTINGS
@given(_TERMS, st.text(st.sampled_from("port lind us harour 3.5 港口"), max_size=40), st.booleans())
def test_skipping_absent_words_early_finds_the_same(term: Term, body: str, clitics: bool) -> None:
    document = Document(article(body))
    options = Options(clitics=clitics)
    found = document.find(term, TextField.BODY, options).get(ArticleField.BODY, ())
    assert tuple(found) == places_of(term, analyse(body), Ways(clitics))


@_SETTINGS
@given(_TEXT, st.sampled_from(sorted(SNOWBALL)))
def test_every_word_has_a_stem_in_every_language(text: str, language: str) -> None:
    for word in analyse(text).words:
        assert stem(word.exact.casefold(), language) == fold(stem(word.exact.casefold(), language))


@_SETTINGS
@given(_RULES, _TEXT, _TEXT)
def test_matching_never_breaks_and_points_into_the_text(query: str, title: str, body: str) -> None:
    if _query_or_none(query) is None:
        return
    told = article(body, title=title)
    result = RuleSet.of([rule(query)], _LISTS).match(told)
    assert result.failures == ()
    for clause in (clause for match in result.matches for clause in match.evidence):
        assert clause.clause in query
        assert all(0 <= hit.start < hit.end <= len(getattr(told, hit.field)) for hit in clause.hits)


@_SETTINGS
@given(st.text(st.sampled_from("aB.!?。” \n“U"), max_size=40), st.data())
def test_context_is_a_place_around_the_words(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    first, last = sentence_around(text, start, end)
    assert first <= max(start, first) and end <= last <= len(text)
    before, after = neighbours(text, start, end)
    assert before is None or before[1] <= first
    assert after is None or last <= after[0]
