"""Sentences and the context that an alert shows."""

import pytest

from services.engine.context import neighbours, sentence_around
from services.engine.sentences import paragraph_spans, sentence_spans


def _sentences(text: str) -> list[str]:
    return [
        text[start:end]
        for paragraph in paragraph_spans(text)
        for start, end in sentence_spans(text, *paragraph)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Low spoke",
        "Gen. Brandt and Sen. Low met",
        "the U.S. Navy left",
        "J. R. Low wrote",
        "about 3.5 metres",
        "he waited... then left",
        "see p. nine",
        "visit example.org today",
    ],
)
def test_a_full_stop_that_ends_no_sentence(text: str) -> None:
    assert _sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It rained. It stopped.", ["It rained.", "It stopped."]),
        ("“It rained.” He left.", ["“It rained.”", "He left."]),
        ("(It rained.) He left!", ["(It rained.)", "He left!"]),
        ("Really?! yes.", ["Really?!", "yes."]),
        ("„Nein.“ Er ging…", ["„Nein.“", "Er ging…"]),
        ("他来了。她走了！", ["他来了。", "她走了！"]),
        ("他说：“来了。”她走了。", ["他说：“来了。”", "她走了。"]),
        ("वह आया। वह गया।", ["वह आया।", "वह गया।"]),
        ("هل جاء؟ نعم.", ["هل جاء؟", "نعم."]),
        ("one\n\ntwo", ["one", "two"]),
        ("ის მოვიდა. ის წავიდა.", ["ის მოვიდა.", "ის წავიდა."]),
    ],
)
def test_sentences_end_with_their_marks_and_closing_quotes(text: str, sentences: list[str]) -> None:
    assert _sentences(text) == sentences


_TEXT = "First one. Second word here. Third.\n\nOther paragraph. Last."


def _around(word: str) -> str:
    start = _TEXT.index(word)
    first, last = sentence_around(_TEXT, start, start + len(word))
    return _TEXT[first:last]


def test_the_sentence_around_a_word() -> None:
    assert _around("word") == "Second word here."
    assert _around("First") == "First one."
    assert _around("Other") == "Other paragraph."


def test_a_phrase_over_a_sentence_end_gets_both_sentences() -> None:
    assert _around("one. Second") == "First one. Second word here."


def test_neighbours_stay_inside_the_paragraph() -> None:
    def shown(word: str) -> list[str | None]:
        start = _TEXT.index(word)
        spans = neighbours(_TEXT, start, start + len(word))
        return [_TEXT[span[0] : span[1]] if span else None for span in spans]

    assert shown("word") == ["First one.", "Third."]
    assert shown("Third") == ["Second word here.", None]
    assert shown("Other") == [None, "Last."]


def test_a_place_before_the_first_paragraph_gets_its_first_sentence() -> None:
    assert sentence_around("\n\nOne. Two.\n\nThree.", 0, 0) == (2, 6)


@pytest.mark.parametrize(("text", "start", "end"), [("", 0, 0), ("   ", 1, 2), ("word", 0, 4)])
def test_context_of_odd_places_is_still_a_place_in_the_text(
    text: str, start: int, end: int
) -> None:
    first, last = sentence_around(text, start, end)
    assert 0 <= first <= start <= end <= last <= len(text)
    assert neighbours(text, start, end) == (None, None)
