"""Paragraphs and sentences of a text as it was published.

Decides where they begin and end, on the original characters: the analyser and the
context of an alert must agree on it.
"""

import re
from collections.abc import Iterator
from unicodedata import normalize

from services.engine.characters import (
    APOSTROPHES,
    IGNORABLE,
    category,
    is_initial,
    is_word_character,
)

# Marks of direction stand behind full stops, and pages put zero-width spaces in empty lines.
_UNSEEN = IGNORABLE.pattern[1:-1]
_BLANK_LINE = re.compile(rf"(?:\n|\r(?!\n))[\s{_UNSEEN}]*(?:\n|\r(?!\n))[\s{_UNSEEN}]*")

# Possessive quantifiers: a table of contents has thousands of points in a row.
# “ and ‘ close a quotation in German, « does in Danish; before white space they do.
_END = re.compile(
    "(?P<mark>[.!?…؟۔।。！？]++)"
    f"(?P<closers>[\"'”’»)\\]}}›」』】）〉》＂＇{_UNSEEN}]*+)"
    f"(?P<maybe_closers>[\"'”’»)\\]}}›」』】）〉》＂＇“‘«{_UNSEEN}]*+)"
)
_NEED_NO_SPACE = "。！？"
_TITLE = re.compile("Mrs?|Ms|Dr|Prof|Gen|Col|Maj|Lt|Sgt|Capt|Gov|Sen|Rep|St")
_SEEN = re.compile(rf"[^\s{_UNSEEN}]")
# Longer than any title or initials; looking further costs time.
_WINDOW = 32


def has_text(text: str) -> bool:
    """Whether there is anything to be seen in it."""
    return _SEEN.search(text) is not None


def paragraph_spans(text: str) -> list[tuple[int, int]]:
    """`[start, end)` of each paragraph, without white space around it."""
    spans = []
    start = 0
    for blank in [*_BLANK_LINE.finditer(text), None]:
        end = blank.start() if blank else len(text)
        spans.append(_trimmed(text, start, end))
        start = blank.end() if blank else end
    return [(first, last) for first, last in spans if first < last]


def sentence_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """`[start, end)` of each sentence of the paragraph at `[start, end)`."""
    spans = []
    for sentence_end in _ends(text, start, end):
        spans.append(_trimmed(text, start, sentence_end))
        start = sentence_end
    return [(first, last) for first, last in spans if first < last]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and _is_blank(text[start]):
        start += 1
    while end > start and _is_blank(text[end - 1]):
        end -= 1
    return start, end


def _is_blank(char: str) -> bool:
    return char.isspace() or IGNORABLE.match(char) is not None


def _ends(text: str, start: int, end: int) -> Iterator[int]:
    for match in _END.finditer(text, start, end):
        if match.end() == end or text[match.end()].isspace():
            if not _goes_on(text, match, start, end):
                yield match.end()
        elif match["mark"][-1] in _NEED_NO_SPACE:
            yield match.end("closers")
    yield end


def _goes_on(text: str, match: re.Match[str], start: int, end: int) -> bool:
    """Whether a full stop does not end its sentence."""
    if match["mark"].strip("."):
        return False
    if match["mark"] == "." and _is_abbreviation(text, max(start, match.start() - _WINDOW), match):
        return True
    following = _SEEN.search(text, match.end(), end)
    char = following.group() if following else " "
    # Georgian letters are lower case to Unicode, but have no title case and begin sentences.
    return category(char) == "Ll" and char != char.title()


def _is_abbreviation(text: str, start: int, match: re.Match[str]) -> bool:
    first = match.start()
    while first > start and (is_word_character(text[first - 1]) or text[first - 1] == "."):
        first -= 1
    word = normalize("NFC", text[first : match.start()])
    if _are_initials(word):
        return not (word.islower() and _follows_apostrophe(text, first))
    return _TITLE.fullmatch(word) is not None


def _follows_apostrophe(text: str, place: int) -> bool:
    """As the t of "don't" and the s of "it's" do."""
    return place > 1 and text[place - 1] in APOSTROPHES and is_word_character(text[place - 2])


def _are_initials(word: str) -> bool:
    """`J`, `U.S`: single letters, the last without its point."""
    return word != "" and all(len(part) == 1 and is_initial(part) for part in word.split("."))
