"""Where words begin and end, and which spellings are the same word."""

import pytest

from services.engine.analysis import analyse


def _words(text: str) -> list[str]:
    return [word.folded for word in analyse(text).words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Harbour STRIKE", ["harbour", "strike"]),
        ("Brandt's and Brandt’s", ["brandt", "and", "brandt"]),
        ("rock'n'roll", ["rock", "n", "roll"]),
        ("dockers' wages", ["dockers", "wages"]),
        ("the U.S.'s port", ["the", "us", "port"]),
        ("l'Isle d’Or", ["l", "isle", "d", "or"]),
        ("well-known", ["well", "known"]),
        ("U.S. or U.S.A or U.S.-led", ["us", "or", "usa", "or", "us", "led"]),
        ("J.R.Smith met A. B. Low", ["jr", "smith", "met", "a", "b", "low"]),
        ("www.example.org", ["www", "example", "org"]),
        ("2,000 1,00,000 12,34,567", ["2000", "100000", "1234567"]),
        ("3,5 20,15 2015,2016", ["3", "5", "20", "15", "2015", "2016"]),
        ("1,2,000", ["1", "2000"]),
        ("２，０００ ports，ships", ["2000", "ports", "ships"]),
        ("€2,000bn at 3.5", ["2000bn", "at", "3.5"]),
        ("@some_user #tag", ["some", "user", "tag"]),
        ("--- … !", []),
        ("", []),
    ],
)
def test_latin_text_is_cut_into_words(text: str, words: list[str]) -> None:
    assert _words(text) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Çağlar", "caglar"),
        ("e\u0301te\u0301", "été"),
        ("ÆRØ", "aero"),
        ("Łomża", "lomza"),
        ("STRASSE", "Straße"),
        ("ISPARTA", "ısparta"),
        ("İzmir", "izmir"),
        ("ﬁnance", "finance"),
        ("Ｔｏｋｙｏ", "tokyo"),
        ("Αθήνα", "ΑΘΗΝΑ"),
        ("Ёлкин", "елкин"),
        ("Da\u00admas\u200bcus", "Damascus"),
        ("٢٠١٥", "2015"),
        ("๒๐๑๕", "2015"),
        ("إِسْكَنْدَرِيَّة", "اسكندريه"),
        ("بـــاب", "باب"),
        ("کتابی", "كتابي"),
        ("יְרוּשָׁלַיִם", "ירושלים"),
        ("ﻻ", "لا"),
        ("ｶﾞ", "ガ"),
        ("한", "\u1112\u1161\u11ab"),
    ],
)
def test_spellings_of_one_word_are_equal(one: str, other: str) -> None:
    assert _words(one) == _words(other) != []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("مسؤول", "مسوول"),
        ("قائد", "قايد"),
        ("हमल", "हमला"),
        ("か", "が"),
    ],
)
def test_letters_that_tell_words_apart_stay_apart(one: str, other: str) -> None:
    assert _words(one) != _words(other)


def test_the_non_joiner_separates_arabic_letters_only() -> None:
    assert _words("می\u200cرود ab\u200ccd ۱۲\u200c۳") == ["مي", "رود", "abcd", "123"]


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    assert _words("5G网络ที่นี่") == ["5g", "网", "络", "ที่", "นี่"]


def test_a_hangul_character_knows_whether_a_word_starts_there() -> None:
    words = analyse("부산항 K팝").words
    assert [(word.folded, word.inner) for word in words] == [
        ("부", False),
        ("산", True),
        ("항", True),
        ("k", False),
        ("팝", True),
    ]


def test_offsets_are_code_points_of_the_original_even_after_emoji_and_ligatures() -> None:
    text = "🚢🚢 ﬁnal e\u0301tat — “U.S. port’s” 2,000"
    assert [text[word.start : word.end] for word in analyse(text).words] == [
        "ﬁnal",
        "e\u0301tat",
        "U.S.",
        "port",
        "2,000",
    ]


def test_characters_that_stand_for_wildcards_are_never_part_of_an_article_word() -> None:
    assert _words("har\U0001fffebour\U0001ffff") == ["har", "bour"]


def test_exact_forms_keep_case_and_marks() -> None:
    assert [word.exact for word in analyse("Élysée U.S. us").words] == ["Élysée", "US", "us"]


def test_a_blank_line_ends_a_paragraph_and_a_single_break_does_not() -> None:
    text = analyse("one\ntwo\r\nthree\r\n \r\nfour\n\n\n\nfive")
    assert list(text.paragraphs) == [0, 0, 0, 1, 2]


def test_a_very_long_text_without_spaces_is_analysed() -> None:
    assert len(_words("港" * 20_000)) == 20_000
    assert _words("a" * 100_000) == ["a" * 100_000]
