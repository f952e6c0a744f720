"""What a stored text looks like."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.text import clean, clean_title, cut, join, paragraphs


@given(st.text())
def test_a_clean_text_stays_as_it_is(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\n" not in once


@given(st.text())
def test_every_text_can_be_sent(text: str) -> None:
    clean(text + "\ud800").encode("utf-8")


@given(st.text(alphabet="ab \n\r\t\u2028\u2029\x0b"))
def test_paragraphs_survive_being_joined_and_split(text: str) -> None:
    once = paragraphs(text)
    assert paragraphs(join(once)) == once


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a\x00b\x07c", "abc"),
        ("a\x85b", "a b"),
        ("so\u00adft", "soft"),
        ("سو\u061cريا", "سوريا"),
        ("Dama\u200bscus\ufeff", "Damascus"),
        ("نیرو\u200cهای", "نیرو\u200cهای"),
        ("👩\u200d🚒", "👩\u200d🚒"),
        ("I ❤️ Syria", "I ❤️ Syria"),
        ("\u2066abc\u2069 \u202edef\u202c", "abc def"),
        ("a\u00a0\u3000b", "a b"),
        ("e\u0301", "é"),
    ],
)
def test_what_cannot_be_seen_goes_and_what_words_need_stays(text: str, wanted: str) -> None:
    assert clean(text) == wanted


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("AT&amp;T &#8211; results", "AT&T – results"),
        ("W<b>or</b>d<br>by word", "Word by word"),
        ("a<!-- x -->b", "a b"),
        ("if 3<5 and 7>6", "if 3<5 and 7>6"),
        ("I <3 Syria", "I <3 Syria"),
        ("R&D at Q&A;", "R&D at Q&A;"),
    ],
)
def test_titles_lose_markup_and_nothing_else(title: str, wanted: str) -> None:
    assert clean_title(title) == wanted


def test_a_single_line_break_is_white_space() -> None:
    assert paragraphs("one\r\ntwo\n \t\nthree\n\n\n\nfour") == ("one two", "three", "four")


def test_a_text_is_cut_between_words() -> None:
    assert cut("one two three", 9) == "one two"
    assert cut("one two", 7) == "one two"
    assert cut("x" * 500, 200) == "x" * 200
