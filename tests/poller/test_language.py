"""A text's language is what it says where that is true, else what it looks like."""

from pathlib import Path

import pytest

from services.poller.language import iso_639_1, language_of

SENTENCES = Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()
TEXTS = dict(line.split("\t") for line in SENTENCES)


@pytest.mark.parametrize("lang", TEXTS)
def test_a_language_is_told_from_one_sentence(lang: str) -> None:
    assert language_of(TEXTS[lang]) == lang


@pytest.mark.parametrize("lang", TEXTS)
def test_a_true_declaration_stands(lang: str) -> None:
    assert language_of(TEXTS[lang], lang) == lang


@pytest.mark.parametrize("lang", sorted(TEXTS.keys() - {"en"}))
def test_pages_that_claim_to_be_english_and_are_not_are_corrected(lang: str) -> None:
    assert language_of(TEXTS[lang] * 3, "en") == lang


def test_a_country_taken_for_a_language_is_corrected() -> None:
    assert language_of(TEXTS["en"] * 2, "uk") == "en"


@pytest.mark.parametrize(
    ("lang", "declared"),
    [("da", "no"), ("id", "ms"), ("cs", "sk")],
)
def test_between_languages_that_are_written_alike_the_declaration_decides(
    lang: str, declared: str
) -> None:
    assert language_of(TEXTS[lang], declared) == declared


@pytest.mark.parametrize("declared", [None, "en", "fr"])
@pytest.mark.parametrize("text", ["", "Ports reopen", "Lyonnaise des eaux: profit", "42 – 17, 3:0"])
def test_of_a_few_words_only_the_declaration_is_known(text: str, declared: str | None) -> None:
    assert language_of(text, declared) == declared


@pytest.mark.parametrize(
    "text", ["3.14 159 265 " * 40, "☃ ★ … " * 50, "\ud800 " * 90, "xqzt" * 9_000]
)
def test_what_is_no_language_is_none_and_breaks_nothing(text: str) -> None:
    assert language_of(text) is None
    assert language_of(text, "en") == "en"


@pytest.mark.parametrize(
    ("declared", "code"),
    [("en-GB", "en"), ("EN_us", "en"), ("eng", "en"), ("nb-NO", "no"), ("x-klingon", None)],
)
def test_declarations_are_read_in_every_spelling(declared: str, code: str | None) -> None:
    assert iso_639_1(declared) == code
