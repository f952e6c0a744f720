"""Stems: words that match in another form, where a rule asks for it and the language has them."""

import pytest

from services.engine.options import Options
from services.engine.parse import parse
from services.engine.stemming import SNOWBALL, has_stemmer, stem
from tests.engine.newsroom import article, does_match, match_of, words_at

_STEM = Options(stem=True)
_STRIKE = article(
    "Striking dockers blocked the harbours of Karvala. Two unions called the strikes legal.",
    title="Workers striking",
    lang="en",
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("strike", True),
        ("docker harbour", True),
        ('"strike docker block"', True),
        ('"docker strike"', False),
        ("union NEAR/1 call", True),
        ("harbour NEAR/3 union", True),
        ("harbour NEAR/2 union", False),
        ("harbour NEAR/S union", False),
        ("ATLEAST/3 strike", True),
        ("ATLEAST/4 strike", False),
        ("title:(worker AND strike)", True),
        ("title:harbour", False),
        ("@words", True),
        ("@words NEAR/0 docker", True),
        ("docker NOT NEAR/0 strike", False),
        ("worker -strike", False),
        ("exact:strike", False),
        ('exact:"Striking dockers"', True),
        ("striker", False),
        ("unio?", False),
        ("haarbour OR stri*s", True),
        ('"strik* docker"', True),
        ("source:coast-wire", True),
        ("source:coast-wires", False),
    ],
)
def test_stems_are_compared_wherever_words_are(query: str, expected: bool) -> None:
    assert does_match(query, _STRIKE, {"words": ["strike", "lockout"]}, _STEM) is expected


def test_without_the_option_words_must_be_equal() -> None:
    assert not does_match("strike", article("Strikes.", lang="en"))
    assert not does_match("strike", article("Strikes.", lang="en"), options=Options(clitics=True))


@pytest.mark.parametrize(
    ("language", "rule", "text"),
    [
        ("en-GB", "universities", "The university."),
        ("de", "Haus", "In den Häusern."),
        ("fr", "iranien", "Les forces iraniennes."),
        ("ru", "город", "В городах."),
        ("ar", "سوري", "السوريين"),
        ("hi", "सेना", "सेनाओं ने"),
    ],
)
def test_the_language_of_the_article_decides_how(language: str, rule: str, text: str) -> None:
    assert does_match(rule, article(text, lang=language), options=_STEM)


@pytest.mark.parametrize("language", [None, "he", "sw", "zh", "nonsense"])
def test_where_no_stemmer_fits_words_must_be_equal(language: str | None) -> None:
    assert not does_match("strike", article("Strikes.", lang=language), options=_STEM)
    assert does_match("strikes", article("Strikes.", lang=language), options=_STEM)


def test_a_stemmer_sees_the_marks() -> None:
    told = article("Гер.", lang="ru")
    assert does_match("герой", told, options=_STEM)
    assert not does_match("герои", told, options=_STEM)


def test_equal_words_match_whatever_their_stems() -> None:
    assert stem("герой", "ru") != stem("герои", "ru")
    assert does_match("герои", article("Герой.", lang="ru"), options=_STEM)


@pytest.mark.parametrize("query", ["герой AND NOT герои", "NOT герои AND герой"])
def test_what_one_word_has_found_does_not_answer_for_another_with_other_marks(query: str) -> None:
    assert does_match(query, article("Гер.", lang="ru"), options=_STEM)


def test_particles_and_stems_may_both_be_asked_for() -> None:
    both = Options(stem=True, clitics=True)
    assert does_match("סוריה", article("וסוריה", lang="he"), options=both)
    assert does_match("سوريا", article("ولسوريا", lang="ar"), options=both)
    assert does_match("قوة", article("بالقوات", lang="ar"), options=both)
    assert not does_match("قوة", article("بالقوات", lang="ar"), options=_STEM)
    assert not does_match("قوة", article("بالقوات", lang="ar"), options=Options(clitics=True))
    assert does_match("union", article("Unions.", lang="en"), options=both)


def test_the_proof_points_at_the_form_that_stands_in_the_text() -> None:
    match = match_of("strike", _STRIKE, options=_STEM)
    assert match is not None
    assert words_at(match.evidence[0].hits, _STRIKE) == ["striking", "Striking", "strikes"]


def test_a_term_keeps_its_marks_beside_the_folded_words() -> None:
    term = parse('"Cafés de l’Été caf*"').root
    assert getattr(term, "words", None) == ("cafes", "de", "l", "ete", "caf*")
    assert getattr(term, "marked", None) == ("cafés", "de", "l", "été", "caf*")


def test_a_word_longer_than_words_are_costs_nothing() -> None:
    long = "ay" * 400_000
    assert stem(long, "en") == long


@pytest.mark.parametrize("language", sorted(SNOWBALL))
def test_every_stemmer_named_is_there(language: str) -> None:
    assert has_stemmer(language)
    assert stem("1", language) == "1"
