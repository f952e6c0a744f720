"""Operators: what each means at its edges, how they bind, and how they may be written."""

import pytest

from services.engine.parse import parse
from tests.engine.newsroom import article, does_match

_LISTS = {
    "ports": ["Karvala", '"Port Lind"', "@north"],
    "north": ["Tvedby", "har*"],
    "pairs": ["dock AND crane", "ferry"],
}


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        # NEAR counts the words between, in either order
        ("a1 NEAR/0 b1", "a1 b1", True),
        ("a1 NEAR/0 b1", "b1 a1", True),
        ("a1 NEAR/0 b1", "a1 x b1", False),
        ("a1 NEAR/1 b1", "a1 — x, b1", True),
        ("a1 NEAR b1", "a1 x x x x b1", True),
        ("a1 NEAR b1", "a1 x x x x x b1", False),
        ("a1 ONEAR b1", "a1 x x x x b1", True),
        ("a1 ONEAR b1", "b1 a1", False),
        ("a1 ONEAR/0 b1", "b1 a1 b1", True),
        ("a1 NEAR/2 b1", "a1 U.S.A 2,000 b1", True),
        ("a1 NEAR/1 b1", "a1 US-led b1", False),
        ("a1 NEAR/999999999999 b1", "a1 " + "x " * 500 + "b1", True),
        ("a1 NEAR/007 b1", "a1 x x x x x x x b1", True),
        # between the nearest ends
        ('"a1 b1" NEAR/0 "c1 d1"', "a1 b1 c1 d1", True),
        ('"c1 d1" NEAR/1 "a1 b1"', "a1 b1 x c1 d1", True),
        ('"a1 b1" ONEAR/0 "c1 d1"', "c1 d1 a1 b1", False),
        # no occurrence is near itself, nor near one that it overlaps
        ("a1 NEAR/5 a1", "a1", False),
        ("a1 NEAR/5 a1", "a1 a1", True),
        ("abc1 NEAR/5 abc*", "abc1", False),
        ('a1 NEAR/5 "a1 b1"', "a1 b1", False),
        ('"a1 b1" NEAR/5 "b1 a1"', "a1 b1 a1", False),
        ('a1 NEAR/5 "a1 b1"', "a1 a1 b1", True),
        ('a1 NEAR/S "a1 b1"', "a1 b1", False),
        ('a1 NEAR/P "a1 b1"', "a1 b1", False),
        # ORs, wildcards, exact words and lists are operands
        ("(a1 OR b1) NEAR/0 (c1 OR d1)", "b1 c1", True),
        ("(a1 | (b1 OR c1)) NEAR/0 d1", "c1 d1", True),
        ("((a1)) NEAR/0 (b1)", "b1 a1", True),
        ("Harb* NEAR/0 exact:US", "harbour US", True),
        ("Harb* NEAR/0 exact:US", "harbour us", False),
        ("@ports NEAR/1 closed", "Port Lind is closed", True),
        ("(@north OR closed) NEAR/0 again", "Tvedby again", True),
        ("a1 NEAR/0 +b1", "a1 b1", True),
        # chains share the occurrence in the middle
        ("a1 NEAR/0 b1 NEAR/0 c1", "a1 b1 c1", True),
        ("a1 NEAR/0 b1 NEAR/0 c1", "a1 b1 x b1 c1", False),
        ("a1 NEAR/0 b1 ONEAR/2 c1", "b1 a1 x c1", True),
        ("a1 NEAR/0 b1 ONEAR/2 c1", "c1 a1 b1", False),
        ("a1 NEAR/0 b1 NEAR/0 a1", "a1 b1", True),
        ("a1 NEAR/S b1 NEAR/P c1", "A1 b1. C1", True),
        ("a1 NEAR/0 b1 NEAR/0 c1 NEAR/0 d1", "d1 c1 b1 a1", True),
        # NOT NEAR: some occurrence without
        ("a1 NOT NEAR/1 b1", "a1 x b1", False),
        ("a1 NOT NEAR/1 b1", "a1 x b1 x x a1", True),
        ("a1 NOT NEAR/1 b1", "c1", False),
        ("a1 NOT NEAR/1 b1", "a1", True),
        ("a1 NOT NEAR b1", "a1 x x x x b1", False),
        ("a1 NOT NEAR b1", "a1 x x x x x b1", True),
        ("a1 NOT ONEAR/1 b1", "b1 a1", True),
        ("a1 NOT ONEAR/1 b1", "a1 b1", False),
        ("a1 NOT NEAR/S b1", "A1. B1.", True),
        ("a1 NOT NEAR/P b1", "A1. B1.", False),
        ("a1 NOT NEAR/P b1", "a1\n\nb1", True),
        ("a1 NOT NEAR/9 (b1 OR c1)", "a1 c1", False),
        ("(a1 OR b1) NOT NEAR/0 c1", "a1 c1 x b1", True),
        ("a1\nNOT\nNEAR/0 b1", "a1 b1", False),
        # … where an overlapping one counts as near
        ('a1 NOT NEAR/0 "a1 b1"', "a1 b1", False),
        ('a1 NOT NEAR/0 "a1 b1"', "a1 b1 x a1", True),
        ('a1 NOT ONEAR/0 "x1 a1"', "x1 a1", False),
        ('a1 NOT NEAR/S "a1 b1"', "a1 b1", False),
        ("a1 NOT NEAR/9 a1", "a1", True),
        ("a1 NOT NEAR/9 a1", "a1 a1", False),
        ('"a1 b1" NOT NEAR/0 (a1 OR b1)', "a1 b1", False),
        # ATLEAST
        ("ATLEAST/2 a1", "a1 x a1", True),
        ("ATLEAST/3 a1", "a1 x a1", False),
        ("ATLEAST/1 a1", "a1", True),
        ("ATLEAST/99999999999 a1", "a1", False),
        ("ATLEAST/2 (a1 OR b1)", "a1 b1", True),
        ('ATLEAST/2 (a1 OR "a1 b1")', "a1 b1", False),
        ('ATLEAST/2 (a1 OR "a1 b1" OR b1)', "a1 b1", True),
        ('ATLEAST/2 "a1 a1"', "a1 a1 a1", False),
        ('ATLEAST/2 "a1 a1"', "a1 a1 a1 a1", True),
        ("ATLEAST/2 (abc1 OR abc*)", "abc1", False),
        ("ATLEAST/2 @ports", "Karvala and Tvedby", True),
        ("ATLEAST/2 exact:Dock", "Dock dock", False),
        ("ATLEAST/2 a1 OR b1", "b1", True),
        ("ATLEAST/2 a1 -b1", "a1 a1 b1", False),
        ("NOT ATLEAST/2 a1 AND a1", "a1", True),
        ("ATLEAST/2\na1", "a1 a1", True),
        # lists
        ("@ports", "a harbour", True),
        ("@pairs", "crane at the dock", True),
        ("@pairs", "crane", False),
        ("-@ports a1", "a1 harbour", False),
        ("body:@ports", "Port Lind", True),
        ("title:@ports", "Port Lind", False),
        ("@ports|a1", "a1", True),
        # exact
        ("exact:US", "the US", True),
        ("exact:US", "tell us", False),
        ("exact:US", "the U.S. said", True),
        ("exact:U.S.", "the US said", True),
        ("exact:Brandt", "Brandt's", True),
        ("exact:Málaga", "Málaga", True),
        ("exact:Málaga", "Ma\u0301laga", True),
        ("exact:Malaga", "Málaga", False),
        ("exact:Málaga", "Malaga", False),
        ("exact:MÁLAGA", "Málaga", False),
        ('exact:"Port Lind"', "Port Lind", True),
        ('exact:"Port Lind"', "port Lind", False),
        ("exact:US-led", "US-led", True),
        ("exact:US-led", "us-led", False),
        ("Exact:US", "the US", True),
        ("exact:北京", "在北京", True),
        ("exact:كتاب", "كِتاب", False),
    ],
)
def test_what_operators_mean(query: str, text: str, expected: bool) -> None:
    assert does_match(query, text, _LISTS) is expected


def test_at_least_counts_title_and_body_together_and_a_field_alone() -> None:
    told = article("A1 x.\n\nA1 y.", title="A1")
    assert does_match("ATLEAST/3 a1", told)
    assert not does_match("ATLEAST/4 a1", told)
    assert does_match("ATLEAST/2 body:a1 AND body:ATLEAST/2 a1", told)
    assert not does_match("ATLEAST/3 body:a1 OR body:ATLEAST/3 a1", told)
    assert not does_match("ATLEAST/2 (lead:(a1))", told)
    assert does_match("ATLEAST/3 body:(a1 OR y)", told)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # precedence
        ("a OR b c", "a OR (b AND c)"),
        ("a b OR c d", "(a AND b) OR (c AND d)"),
        ("a AND b OR c", "(a AND b) OR c"),
        ("NOT a b", "(NOT a) AND b"),
        ("c NOT a OR b", "(c AND (NOT a)) OR b"),
        ("c NOT a NEAR/2 b", "c AND (NOT (a NEAR/2 b))"),
        ("c -a NEAR/2 b", "c AND (NOT (a NEAR/2 b))"),
        ("+a NEAR/2 b", "a NEAR/2 b"),
        ("a NEAR/2 b c", "(a NEAR/2 b) AND c"),
        ("a b NEAR/2 c", "a AND (b NEAR/2 c)"),
        ("a NEAR/2 b OR c NEAR/3 d", "(a NEAR/2 b) OR (c NEAR/3 d)"),
        ("a NOT NEAR/2 b c", "(a NOT NEAR/2 b) AND c"),
        ("title:a b", "(title:a) AND b"),
        ("title:a OR b", "(title:a) OR b"),
        ("title:a -title:b", "(title:a) AND NOT (title:b)"),
        ("exact:a NEAR/2 b", "(exact:a) NEAR/2 b"),
        ("ATLEAST/2 a OR b", "(ATLEAST/2 a) OR b"),
        ("ATLEAST/2 a AND b", "(ATLEAST/2 a) AND b"),
        ("title:ATLEAST/2 a b", "title:(ATLEAST/2 a) AND b"),
        # spellings of operators
        ("a AND NOT b", "a -b"),
        ("a NOT b", "a -b"),
        ("a | b", "a OR b"),
        ("a|b", "a OR b"),
        ("a｜b", "a OR b"),
        ("（a｜b） c", "(a OR b) AND c"),
        ("ｂ", "b"),
        ("a AND\tb\r\nc\u3000d\u00a0e", "a b c d e"),
        ("  a  ", "a"),
        ("(a)(b)", "a b"),
        ('"a b"c', '"a b" AND c'),
        ('a"b c"', 'a AND "b c"'),
        ('"a""b"', "a b"),
        # signs: at the start, after white space, after a bracket
        ("-a b", "(NOT a) AND b"),
        ("b (-a)", "b AND (NOT a)"),
        ("b （-a）", "b AND (NOT a)"),
        ("b ‐a", "b -a"),
        ("b \u2011a", "b -a"),
        ("b –a", "b -a"),
        ("b —a", "b -a"),
        ("b −a", "b -a"),
        ("b －a", "b -a"),
        ("b ＋a", "b a"),
        ("b\n-a", "b -a"),
        ('b -"a c"', 'b AND NOT "a c"'),
        ("b -title:a", "b AND NOT title:a"),
        ("b -(a c)", "b AND NOT (a AND c)"),
        ("b -12", "b AND NOT 12"),
        ("b NOT -a", "b AND NOT (NOT a)"),
        # … and nowhere else
        ("b-a", '"b a"'),
        ("b+a", '"b a"'),
        ("b|-a", "b OR a"),
        ('"c"-a', "c a"),
        # lower case is no operator
        ("a and b", 'a AND "and" AND b'),
        ("a or b", 'a AND "or" AND b'),
        ("a not b", 'a AND "not" AND b'),
        ("a near b", 'a AND "near" AND b'),
        ("a And Or b", 'a AND "And" AND "Or" AND b'),
        ("a near/3 b", 'a AND "near 3" AND b'),
        ("ANDY NOTE ORB", '"andy" AND "note" AND "orb"'),
        ('"AND"', '"and"'),
        ("AND-a", '"and a"'),
        # fields
        ("TITLE:a", "title:a"),
        ("Title:a", "title:a"),
        ("title：a", "title:a"),
        ("12:30", '"12 30"'),
        ("f1:30", '"f1 30"'),
        ("a-title:b", '"a title b"'),
        ('"title:b"', '"title b"'),
        ("LANG:EN-gb", "lang:EN-gb"),
        ("source:a|b", "source:(“a|b”)"),
        ("source:(a|b)", "source:(a OR b)"),
        ("source:(a)", "source:a"),
        ("（source：a）", "source:a"),
        # inside quotes nothing but wildcards is special
        ('"a (b) | -c @d AND NOT title:e"', '"a b c d and not title e"'),
        ('"a « b"', '"a b"'),
        ('«a " b»', '"a b"'),
        ('"abc* def?"', '"abc* def?"'),
        # quotes
        ("“a b”", '"a b"'),
        ("„a b”", '"a b"'),
        ("„a b“", '"a b"'),
        ("«a b»", '"a b"'),
        ("»a b«", '"a b"'),
        ("「a b」", '"a b"'),
        ("＂a b＂", '"a b"'),
        ("”a b”", '"a b"'),
        ('“a b"', '"a b"'),
        ('"a b”', '"a b"'),
        # what nobody sees
        ('title:\u200f"a b"', 'title:"a b"'),
        ('\u200f"a b"\u200f', '"a b"'),
        ('"a"\u200f"b"', "a b"),
        ("a -\u200fb", "a -b"),
        ("a\u200e AND\u200e b", "a b"),
        ("(\u200ea\u200f)", "a"),
    ],
)
def test_how_a_rule_is_read(one: str, other: str) -> None:
    assert parse(one) == parse(other)


def test_a_mark_before_the_name_of_a_list_is_not_part_of_it() -> None:
    assert parse("@\u200fports", _LISTS) == parse("@ports", _LISTS)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("dock*", "dock", True),
        ("dock*", "dockyard", True),
        ("dock*", "dock2", True),
        ("dock*", "a-dock-b", True),
        ("dock*", "paddock", False),
        ("dock?", "docks", True),
        ("dock?", "dock", False),
        ("dock?", "dockyard", False),
        ("dock??", "docked", True),
        ("dock??", "docks", False),
        ("wom?n", "women", True),
        ("wom?n", "womn", False),
        ("organi?ation*", "organisations", True),
        ("har?our", "harbour", True),
        ("dock*ard*s", "dockyards", True),
        ("dock*ard*s", "dockyard", False),
        ("doc*r*r", "docr", False),
        ("DOCK*", "Dockers", True),
        ("Dóck*", "dockers", True),
        ("dock*", "Döckers", True),
        ("caf?", "CAFÉ", True),
        ("caf?", "cafe\u0301", True),
        ("straß*", "STRASSENBAHN", True),
        ("Æg*", "Aegina", True),
        ("200*", "2,000", True),
        ("200*", "200.5", False),
        ("3.5*", "3.55", True),
        ("dock*", "dock's", True),
        ("dock*s", "dock's", False),
        ("كتا*", "كِتابـات", True),
        ("हिन*", "हिन्दी", True),
        ('"dock* strike"', "dockers strike", True),
        ('"dock* strike"', "dockers’ strike", True),
        ('"dock* strike"', "dockers on strike", False),
        ('"the dock? str*"', "the docks struck", True),
        ('"iran?"', "Irani", True),
        ('"iran?"', "Iran?", False),
        ("anti-gov*-led", "anti government led", True),
        ("dock*|ferry", "dockers", True),
        ("-dock* ferry", "ferry dockers", False),
    ],
)
def test_wildcards_stand_for_letters_digits_and_marks(
    query: str, text: str, expected: bool
) -> None:
    assert does_match(query, text) is expected
