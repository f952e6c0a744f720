"""Limits of a rule, and that nothing in rule or article costs more than its length.

Work is counted in lines of the engine that run, so that a slow machine fails no test: four
times the input may take four times the lines and a little more, not sixteen times.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from services.engine import glob, metadata, stemming, words
from services.engine.analysis import analyse
from services.engine.budget import MAX_CHARACTERS, MAX_NESTING, MAX_TERMS
from services.engine.errors import RuleError
from services.engine.lint import lint
from services.engine.options import Options
from services.engine.parse import parse
from services.engine.printing import written
from tests.engine.newsroom import article, does_match


def _error(query: str, lists: dict[str, list[str]] | None = None) -> RuleError:
    with pytest.raises(RuleError) as caught:
        parse(query, lists)
    return caught.value


def test_characters_are_counted_before_lists_are_expanded() -> None:
    parse("dock" + " " * (MAX_CHARACTERS - 4))
    assert "at most 20000 characters" in _error("dock" + " " * MAX_CHARACTERS).message
    parse("@long OR @long", {"long": ["dock" + " " * 15_000]})


def test_terms_are_counted_after_lists_are_expanded() -> None:
    half = {"half": [f"w{number}" for number in range(MAX_TERMS // 2)]}
    parse("@half OR @half", half)
    error = _error("@half OR dock OR @half", half)
    assert "at most 2000 terms" in error.message and error.offset == 17
    assert _error("@half @half dock", half).offset == 12


@pytest.mark.parametrize("term", ["a", '"a b c"', "exact:a", "title:a", "lang:en", "abc*"])
def test_each_kind_of_term_counts_once(term: str) -> None:
    parse(" ".join([term] * MAX_TERMS))
    assert "terms" in _error(" ".join([term] * (MAX_TERMS + 1))).message


def test_each_value_of_a_field_counts() -> None:
    values = " OR ".join(["a.b"] * MAX_TERMS)
    parse(f"source:({values})")
    assert "terms" in _error(f"source:({values} OR c.d)").message


@pytest.mark.parametrize(
    ("opening", "closing", "levels"),
    [
        ("(", ")", 1),
        ("+(", ")", 2),
        ("NOT (", ")", 2),
        ("-(", ")", 2),
        ("(-(", "))", 3),
    ],
)
def test_brackets_not_and_signs_are_levels(opening: str, closing: str, levels: int) -> None:
    times = MAX_NESTING // levels
    parse("b " + opening * times + "a" + closing * times)
    spare = MAX_NESTING - times * levels
    parse("b " + opening * times + "(" * spare + "a" + ")" * spare + closing * times)
    query = "b " + opening * times + "(" * (spare + 1) + "a" + ")" * (spare + 1) + closing * times
    error = _error(query)
    assert "more than 64 levels" in error.message
    assert error.offset == len("b " + opening * times + "(" * spare)


def test_fields_and_lists_are_levels() -> None:
    deep = "(" * (MAX_NESTING - 1) + "{}" + ")" * (MAX_NESTING - 1)
    parse(deep.format("title:a"))
    parse(deep.format("lang:en"))
    parse(deep.format("@dock"), {"dock": ["a"]})
    for inside in ("title:(a)", "title:@dock", "lang:(en)", "@bracket", "@above", "-title:a"):
        lists = {"dock": ["a"], "above": ["@dock"], "bracket": ["(a)"]}
        error = _error("b " + deep.format(inside), lists)
        assert "more than 64 levels" in error.message
        assert error.offset >= 2 + MAX_NESTING - 1


def test_lists_of_lists_are_levels() -> None:
    lists = {f"l{number}": [f"@l{number + 1}"] for number in range(MAX_NESTING - 1)}
    lists[f"l{MAX_NESTING - 1}"] = ["dock"]
    assert does_match("@l0", "dock", lists)
    assert "levels" in _error("(@l0)", lists).message
    # whether it has been read before does not matter
    assert _error("@l1 (((@l1)))", lists).offset == 7


def test_a_list_read_inside_a_field_is_read_anew_outside() -> None:
    lists = {"facts": ["lang:en", "dock"]}
    parse("@facts", lists)
    assert _error("@facts title:@facts", lists).offset == 13


def test_lists_that_double_come_to_the_limit_without_being_written_out() -> None:
    lists = {f"l{number}": [f"@l{number + 1}"] * 2 for number in range(40)}
    lists["l40"] = ["dock"]
    assert "terms" in _error("@l0", lists).message
    parse("@l30", lists)
    assert _lines_run(lambda: _error("@l0", lists)) < 60_000


def test_a_list_is_read_once_for_all_its_uses() -> None:
    lists = {"long": ["dock" + " " * 10_000]}
    once = _lines_run(lambda: parse("@long", lists))
    often = _lines_run(lambda: parse("@long " * 100, lists))
    assert often < 3 * once


def _lines_run(work: Callable[[], object]) -> int:
    """How many lines of the engine `work` runs, those of one comprehension each counted."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if "engine" not in frame.f_code.co_filename:
            return None
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def _read(query: str) -> None:
    try:
        lint(query)
        parse(written(parse(query).root))
    except RuleError as error:
        str(error)


@pytest.mark.parametrize(
    "piece",
    [
        *("(", ")", '"', "“", "«", "-", "- ", "+", "|", "*", "?", "@", "/", ":", "'", ".", ","),
        *("a ", "-a ", "a|", "a:", '"a" ', '"a b"', "a NEAR/1 ", "NOT ", "a OR ", "(a) ", "(a"),
        *("title:", "title:a ", "source:(a ", "exact:a ", "ATLEAST/2 a ", "a*", "abc* ", "@a "),
        *("\u200f", "a\u200f", "\u0301", "a\u0301\u0316", "ـ", "\u200c", "港", "부", 'צ"', "1,000"),
        *("a and ", "'a ", "a's ", "U.S.", "a-b ", "ﷺ", "\n", "\U0001fffe", "NEAR/9", "a (a b) "),
    ],
)
def test_reading_a_rule_takes_time_like_its_length(piece: str) -> None:
    short, long = (
        _lines_run(lambda size=size: _read(piece * (size // len(piece))))  # type: ignore[misc]
        for size in (250, 1_000)
    )
    assert long < 5 * short + 500


@pytest.mark.parametrize(
    "piece",
    [
        *("a", ".", ",", "1", "1,", ",1", "1,000", "a.", "a. ", "'", "a's", '"', 'צ"', "-", "?"),
        *("a\u0301", "\u0301", "\u0301\u0316", "\u0316\u0301", "\u093c\u094d", "\u200b", "\u200c"),
        *("港", "부", "ที่", "ﷺ", "½", "İ", "🚢", " ", "\n", "\n\n", "\r", "a\n\n", "”", ".”", "。"),
        *("Mr. ", "a b. ", "... ", "a”", "ـ", "ی\u200c", "2,00,", "\u1112\u1161\u11ab", "ß"),
    ],
)
def test_analysing_a_text_takes_time_like_its_length(piece: str) -> None:
    def work(size: int) -> None:
        assert analyse(piece * (size // len(piece))).sentences is not None

    short, long = (
        _lines_run(lambda size=size: work(size))  # type: ignore[misc]
        for size in (250, 1_000)
    )
    assert long < 5 * short + 500


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0316" * 150_000,
        "क" + "\u093c\u094d" * 150_000,
        "a" + "\u200e" * 100_000 + "b",
        "." * 100_000,
        "," * 100_000,
        "1" * 300_000,
        "1," * 30_000,
        "1,000" * 20_000,
        '"' * 100_000,
        "a" * 300_000,
        "\n " * 100_000,
    ],
    ids=lambda text: ascii(text[:3]),
)
def test_a_long_text_of_one_thing_is_analysed(text: str) -> None:
    assert len(analyse(text).words) <= len(text)


def test_no_more_marks_than_a_language_writes_are_kept_on_a_letter() -> None:
    (word,) = analyse("क" + "\u093c\u094d" * 100).words
    assert len(word.exact) <= 31
    assert word.start == 0


@pytest.mark.parametrize("query", ["a" + "\u200e" * 19_998 + "b", "\u200e" * 20_000, '"' * 20_000])
def test_a_rule_of_one_thing_is_read_or_refused(query: str) -> None:
    _read(query)


@pytest.mark.parametrize(
    ("query", "piece"),
    [
        ('"' + "a " * 400 + '"', "a "),
        ('"' + "a " * 400 + 'b"', "a "),
        ('"' + "abc* " * 200 + '"', "abcd "),
        ('"' + "abc* " * 200 + '"', None),
        ("a NEAR/5 a NEAR/5 a", "a "),
        ("a NEAR/S b", "a "),
        ("a NOT NEAR/3 b", "a "),
        ("a NOT NEAR/3 a", "a "),
        ('a NOT NEAR/3 "' + "a " * 100 + '"', "a "),
        ('"' + "a " * 100 + '" NOT NEAR/3 "' + "a " * 99 + '"', "a "),
        ("ATLEAST/9999 (a OR b OR a)", "a b "),
        ("ATLEAST/9999 @many", "w1 w2 w3 "),
        ("@many NEAR/3 @many", None),
        ("@many NOT NEAR/3 @many", None),
        ("@many NEAR/S (@many OR b) NEAR/P @many", "w1 w2. W3 "),
        ("abc* abcd*", None),
    ],
)
def test_matching_takes_time_like_the_text(query: str, piece: str | None) -> None:
    """`None` is a text of words that all differ."""
    lists = {"many": [f"w{number}" for number in range(600)]}

    def work(size: int) -> None:
        text = " ".join(f"abc{n} w{n}" for n in range(size)) if piece is None else piece * size
        does_match(query, text, lists)

    does_match(query, "a", lists)
    short, long = (
        _lines_run(lambda size=size: work(size))  # type: ignore[misc]
        for size in (250, 1_000)
    )
    assert long < 5 * short + 500


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ('"' + "a " * 9_900 + '"', "a " * 50_000),
        ('"' + "a " * 9_900 + 'b"', "a " * 50_000),
        ("abc*" + "a" * 9_000 + "*b", "abc" + "a" * 100_000),
        ('a NOT NEAR/0 "' + "a " * 5_000 + '"', "a " * 50_000),
    ],
    ids=["phrase", "phrase that fails", "wildcards", "overlaps"],
)
def test_rules_that_repeat_themselves_meet_texts_that_do(query: str, text: str) -> None:
    does_match(query, text)


def test_nothing_longer_than_a_word_or_a_name_is_remembered() -> None:
    kept = (words._cached_cut, glob._cached_matches, metadata._cached_text, stemming._stem)

    def work(word: str) -> None:
        told = article(word, author=(word,), lang="en")
        does_match("dock*x OR author:dock OR docks", told, options=Options(stem=True))

    work("dock")
    before = [cache.cache_info().currsize for cache in kept]
    for number in range(3):
        work(f"dock{number}" * 300)
    assert [cache.cache_info().currsize for cache in kept] == before
