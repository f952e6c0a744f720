"""Mistakes in rules: refused, at the right place, with a way out."""

import pytest

from services.engine.budget import MAX_NESTING, MAX_TERMS
from services.engine.errors import RuleError
from services.engine.parse import parse

_LISTS = {
    "ports": ["Karvala", "lind OR"],
    "fields": ["title:karvala"],
    "loop": ["port", "@loop"],
    "empty": [],
}


def _error(query: str) -> RuleError:
    with pytest.raises(RuleError) as caught:
        parse(query, _LISTS)
    return caught.value


@pytest.mark.parametrize(
    ("query", "offset", "message"),
    [
        ("", 0, "empty"),
        (" \n", 0, "empty"),
        ('port "strike', 5, "quote is never closed"),
        ("port “strike", 5, "quote is never closed"),
        ("port (strike", 5, "bracket is never closed"),
        ("port (", 5, "bracket is never closed"),
        ("(port))", 6, "never opened"),
        ("port ()", 5, "nothing in these brackets"),
        ('port " "', 5, "nothing in these quotes"),
        ("port AND", 5, "nothing on its right"),
        ("(port OR) strike", 6, "nothing on its right"),
        ("AND port", 0, "nothing on its left"),
        ("port AND AND strike", 9, "follows"),
        ("port OR AND strike", 8, "follows"),
        ("port || strike", 6, "follows"),
        ("port NOT", 5, "nothing on its right"),
        ("port NOT NOT strike", 9, "twice"),
        ("port - strike", 5, "lone -"),
        ("port –", 5, "lone –"),
        ("port --strike", 5, "lone -"),
        ("port -AND strike", 5, "lone -"),
        ("port NEAR/ strike", 5, "needs a number"),
        ("port NEAR/five strike", 5, "needs a number"),
        ("port NEAR/-1 strike", 5, "needs a number"),
        ("port ONEAR/s strike", 5, "needs a number"),
        ("port NEAR /5 strike", 10, "directly behind"),
        ("NEAR/3 port", 0, "nothing on its left"),
        ("port NOT NEAR/3", 9, "nothing on its right"),
        ("port NEAR/3 -strike", 12, "cannot take NOT"),
        ("port NEAR/3 (a AND b)", 12, "words, phrases and ORs"),
        ("(a AND b) NEAR/3 port", 0, "words, phrases and ORs"),
        ("title:a NEAR/3 b", 0, "words, phrases and ORs"),
        ("lang:en NEAR/3 b", 0, "words, phrases and ORs"),
        ("a NEAR/3 b NOT NEAR/3 c", 11, "chain"),
        ("a NOT NEAR/3 b NEAR/3 c", 15, "chain"),
        ("ATLEAST port", 0, "ATLEAST/3"),
        ("ATLEAST/0 port", 0, "ATLEAST/3"),
        ("ATLEAST/2 (a b)", 10, "counts words"),
        ("ATLEAST/2 lang:en", 10, "counts words"),
        ("port heading:strike", 5, 'no field "heading"'),
        ("https://example.org", 0, "in quotes"),
        ("title: port", 0, "value directly after"),
        ("title:", 0, "value directly after"),
        ("(title:) port", 1, "value directly after"),
        ("title:AND port", 0, "needs a word"),
        ("title:(port body:strike)", 12, "inside a field"),
        ("title:@fields", 6, "inside a field"),
        ("body:lang:en", 5, "inside a field"),
        ("exact:(a b)", 0, "one word or a quoted phrase"),
        ("exact:port*", 0, "no wildcards"),
        ("lang:xx", 5, "no language code"),
        ("lang:en|de", 5, "no language code"),
        ("source:(a b)", 10, "separated by OR"),
        ("source:(a OR)", 10, "nothing on its right"),
        ("source:(OR a)", 8, "belongs here"),
        ("source:()", 7, "nothing in these brackets"),
        ("source:(a", 7, "never closed"),
        ('source:""', 7, "needs a value"),
        ("source:coast*", 7, "no wildcards"),
        ("url:abc", 4, "at least 4"),
        ("author:!!", 7, "no letter or digit"),
        ("@nowhere", 0, "no saved list"),
        ("port @loop", 5, "uses itself"),
        ("port @ports", 5, '"lind OR": OR has nothing on its right side'),
        ("@empty", 0, "is empty"),
        ("port && strike", 5, "AND"),
        ("port ! strike", 5, "NOT"),
        ("port ... strike", 5, "no letter or digit"),
        ('port "a st* b"', 8, "at least 3 letters"),
        ("ab?", 0, "at least 3 letters"),
        ("port*a*b*c*d*", 0, "at most 4 wildcards"),
        ("港*", 0, "no wildcard beside"),
        ("부산*", 0, "no wildcard beside"),
        ("abc*港", 0, "no wildcard beside"),
        ("NOT port", 0, "every article"),
        ("a OR -b", 0, "every article"),
    ],
)
def test_a_mistake_is_refused_at_its_place(query: str, offset: int, message: str) -> None:
    error = _error(query)
    assert message in error.message
    assert error.offset == offset
    assert error.query == query


def test_an_error_shows_the_line_concerned_with_a_caret() -> None:
    assert str(_error("port AND\n\t(strike")) == "this bracket is never closed\n\t(strike\n\t^"


def test_the_caret_stands_right_under_wide_characters() -> None:
    assert str(_error("港 (")).endswith("\n港 (\n   ^")


@pytest.mark.parametrize("opening", ["(", "NOT (", "+(", "-(", "(title:b OR "])
def test_nesting_is_limited(opening: str) -> None:
    query = "a " + opening * 70 + "b" + ")" * 70
    assert "levels deep" in _error(query).message


def test_the_limit_of_nesting_itself_is_allowed() -> None:
    parse("(" * MAX_NESTING + "port" + ")" * MAX_NESTING)
    error = _error("(" * (MAX_NESTING + 1) + "port" + ")" * (MAX_NESTING + 1))
    assert "levels deep" in error.message and error.offset == MAX_NESTING


def test_terms_are_counted_with_their_lists() -> None:
    parse(" OR ".join(f"w{number}" for number in range(MAX_TERMS)))
    lists = {"many": [f"w{number}" for number in range(MAX_TERMS)]}
    with pytest.raises(RuleError, match="terms") as caught:
        parse("port OR @many", lists)
    assert caught.value.offset == 8


def test_a_rule_has_a_greatest_length() -> None:
    assert _error("a" * 20_001).offset == 20_000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("“coast wire”", '"coast wire"'),
        ("„coast wire“", '"coast wire"'),
        ("»coast wire«", '"coast wire"'),
        ("「coast wire」", '"coast wire"'),
        ("（port｜strike）", "(port OR strike)"),
        ("title：port", "title:port"),
        ("TITLE:port", "title:port"),
        ("port –strike", "port -strike"),
        ("port −(a OR b)", "port NOT (a OR b)"),
        ("(-a b)", "(NOT a) AND b"),
        ("a b OR c", "(a AND b) OR c"),
        ("a -b NEAR/3 c", "a AND NOT (b NEAR/3 c)"),
        ("a NEAR b", "a NEAR/4 b"),
        ("ATLEAST/2 title:a", "ATLEAST/2 title:(a)"),
        ("a-b", '"a b"'),
        ("12:30", '"12 30"'),
        ('ציון צה"ל', "ציון צהל"),
        ("a\nb\u3000c", "a b c"),
        ("a \u200f-b\u200e", "a -b"),
        ("\ufeffa OR\u200e b", "a OR b"),
        ("\u200f(\u200ea\u200f)", "a"),
    ],
)
def test_two_ways_to_write_one_rule(one: str, other: str) -> None:
    assert parse(one) == parse(other)
