"""Paragraphs and sentences of a text as it was published.

Decides where they begin and end, on the original characters: the analyser and the
context of an alert must agree on it.
"""

import re
from collections.abc import Iterator
from unicodedata import normalize

from services.engine.characters import APOSTROPHES, category, is_initial, is_word_character

_BLANK_LINE = re.compile(r"(?:\n|\r(?!\n))\s*(?:\n|\r(?!\n))\s*")

# Possessive quantifiers: a table of contents has thousands of points in a row.
# “ and ‘ close a quotation in German, « does in Danish; before white space they do.
_END = re.compile(
    "(?P<mark>[.!?…؟۔।。！？]++)"
    "(?P<closers>[\"'”’»)\\]}›」』】）〉》＂＇]*+)(?P<maybe_closers>[\"'”’»)\\]}›」』】）〉》＂＇“‘«]*+)"
)
_NEED_NO_SPACE = "。！？"
_TITLE = re.compile("Mrs?|Ms|Dr|Prof|Gen|Col|Maj|Lt|Sgt|Capt|Gov|Sen|Rep|St")
_NO_SPACE = re.compile(r"\S")
# Longer than any title or initials; looking further costs time.
_WINDOW = 32


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
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


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
    following = _NO_SPACE.search(text, match.end(), end)
    char = following.group() if following else " "
    # Georgian letters are lower case to Unicode, but have no title case and begin sentences.
    return category(char) == "Ll" and char != char.title()


def _is_abbreviation(text: str, start: int, match: re.Match[str]) -> bool:
    first = match.start()
    while first > start and (is_word_character(text[first - 1]) or text[first - 1] == "."):
        first -= 1
    word = normalize("NFC", text[first : match.start()])
    # The t of "don't" and the s of "it's" stand behind a letter and its apostrophe.
    is_rest = word.islower() and first > 1 and text[first - 1] in APOSTROPHES
    is_rest = is_rest and is_word_character(text[first - 2])
    return _TITLE.fullmatch(word) is not None or (_are_initials(word) and not is_rest)


def _are_initials(word: str) -> bool:
    """`J`, `U.S`: single letters, the last without its point."""
    return word != "" and all(len(part) == 1 and is_initial(part) for part in word.split("."))
