"""Cuts a piece of text without white space into words.

Decides where words begin and end (section 2 of the rule language): joins of initials,
numbers and gershayim, possessives, scripts written without spaces. What makes two words
equal is `folding`'s business; paragraphs and sentences are not known here.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from unicodedata import is_normalized, normalize

from services.engine.characters import (
    APOSTROPHES,
    GERSHAYIM,
    IGNORABLE,
    ZWNJ,
    is_arabic,
    is_cut,
    is_hangul,
    is_hebrew_letter,
    is_initial,
    is_letter,
    is_mark,
    is_word_character,
    joins_before,
)
from services.engine.folding import fold


class Word(NamedTuple):
    """A word, with `[start, end)` in the text that was cut.

    `folded` is what is compared, `exact` the same with case and marks. `inner` tells a
    Hangul character at which no term may begin.
    """

    folded: str
    exact: str
    start: int
    end: int
    inner: bool = False


class _Char(NamedTuple):
    """A character in NFKC and the place in the original that it came from."""

    char: str
    start: int
    end: int


# More marks on one letter than any language writes; Unicode's Stream-Safe Text Format
# draws the same line (UAX #15). Putting marks in their order costs their square.
_MAX_MARKS = 30
# The bounds keep thousands of groups from costing their square; no number is as long.
_GROUPED_NUMBER = re.compile(
    r"(?<!\d)(?:\d{1,3}(?:,\d{3}){1,20}|\d{1,2}(?:,\d{2}){1,20},\d{3})(?!\d)"
)
_CACHED_LENGTH = 64


def cut(chunk: str) -> tuple[Word, ...]:
    """The words of a text without white space, in order."""
    return _cached_cut(chunk) if len(chunk) <= _CACHED_LENGTH else _cut(chunk)


def _cut(chunk: str) -> tuple[Word, ...]:
    if chunk.isascii() and chunk.isalnum():
        return (Word(chunk.lower(), chunk, 0, len(chunk)),)
    chars = _normalised(chunk)
    runs = _joined_initials(chars, list(_runs(chars)))
    return tuple(
        word for run in _without_possessives(chars, runs) for word in _words_of(chars, run)
    )


# News repeats its words; a chunk longer than a word is not seen again.
_cached_cut = lru_cache(maxsize=65536)(_cut)


def _normalised(chunk: str) -> list[_Char]:
    """The characters in NFKC, ignorable ones removed, apostrophes all alike."""
    if chunk.isascii() or _is_plain(chunk):
        return [
            _Char("'" if char in APOSTROPHES else char, place, place + 1)
            for place, char in enumerate(chunk)
        ]
    return [char for cluster in _clusters(_visible(chunk)) for char in _composed(cluster)]


def _is_plain(chunk: str) -> bool:
    """Whether the characters may be taken as they are."""
    # Marks are counted first: is_normalized() puts them in order to tell.
    return not (_has_many_marks(chunk) or IGNORABLE.search(chunk)) and is_normalized("NFKC", chunk)


def _has_many_marks(chunk: str) -> bool:
    return len(chunk) > _MAX_MARKS and sum(map(is_mark, chunk)) > _MAX_MARKS


def _visible(chunk: str) -> Iterator[_Char]:
    before, marks = " ", 0
    for place, char in enumerate(chunk):
        if char == ZWNJ and is_arabic(before) and (is_letter(before) or is_mark(before)):
            yield _Char(" ", place, place + 1)
        elif char in APOSTROPHES:
            # Before NFKC, which takes the acute accent apart into a space and a mark.
            yield _Char("'", place, place + 1)
        elif IGNORABLE.match(char) or (marks == _MAX_MARKS and is_mark(char)):
            continue
        else:
            yield _Char(char, place, place + 1)
        before = char
        marks = marks + 1 if is_mark(char) else 0


def _clusters(chars: Iterator[_Char]) -> Iterator[list[_Char]]:
    """Characters with the marks after them: what NFKC may combine, and no more."""
    cluster: list[_Char] = []
    for char in chars:
        if cluster and not joins_before(char.char):
            yield cluster
            cluster = []
        cluster.append(char)
    if cluster:
        yield cluster


def _composed(cluster: list[_Char]) -> Iterator[_Char]:
    start, end = cluster[0].start, cluster[-1].end
    text = normalize("NFKC", "".join(char.char for char in cluster))
    for char in text:
        yield _Char("'" if char in APOSTROPHES else char, start, end)


def _runs(chars: list[_Char]) -> Iterator[tuple[int, int]]:
    """Maximal runs of word characters, with the points, commas and gershayim they hold."""
    text = "".join(char.char for char in chars)
    inside = {place for match in _GROUPED_NUMBER.finditer(text) for place in range(*match.span())}
    start: int | None = None
    for place, char in enumerate(text):
        if is_word_character(char) or place in inside or _is_held(text, place):
            start = place if start is None else start
        elif start is not None:
            yield start, place
            start = None
    if start is not None:
        yield start, len(text)


def _is_held(text: str, place: int) -> bool:
    """A point between digits, or gershayim between Hebrew letters."""
    if not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    if text[place] == ".":
        return before.isdecimal() and after.isdecimal()
    return (
        text[place] in GERSHAYIM
        and is_hebrew_letter(_letter_before(text, place))
        and (is_hebrew_letter(after))
    )


def _letter_before(text: str, place: int) -> str:
    while place > 1 and is_mark(text[place - 1]):
        place -= 1
    return text[place - 1]


class _Run(NamedTuple):
    """Word characters that make up a word before scripts are cut; `places` in order."""

    places: tuple[int, ...]
    end: int


def _joined_initials(chars: list[_Char], runs: list[tuple[int, int]]) -> Iterator[_Run]:
    """Single letters joined by points become one run, `U.S.A` and `U.S.` alike."""
    index = 0
    while index < len(runs):
        last = index
        while last + 1 < len(runs) and _are_joined(chars, runs[last], runs[last + 1]):
            last += 1
        places = tuple(place for run in runs[index : last + 1] for place in range(*run))
        end = runs[last][1]
        if last > index and end < len(chars) and chars[end].char == ".":
            end += 1
        yield _Run(places, end)
        index = last + 1


def _are_joined(chars: list[_Char], one: tuple[int, int], other: tuple[int, int]) -> bool:
    return (
        other[0] == one[1] + 1
        and chars[one[1]].char == "."
        and _is_initial(chars, one)
        and _is_initial(chars, other)
    )


def _is_initial(chars: list[_Char], run: tuple[int, int]) -> bool:
    first, *rest = (chars[place].char for place in range(*run))
    return is_initial(first) and all(map(is_mark, rest))


def _without_possessives(chars: list[_Char], runs: Iterator[_Run]) -> Iterator[_Run]:
    before = -1
    for run in runs:
        start = run.places[0]
        is_possessive = (
            len(run.places) == 1
            and chars[start].char in "sS"
            and 0 < before == start - 1
            and chars[before].char == "'"
        )
        before = run.end
        if not is_possessive:
            yield run


def _words_of(chars: list[_Char], run: _Run) -> Iterator[Word]:
    """The words of a run: cut by character where the script asks for it."""
    part: list[int] = []
    letter = ""
    for place in run.places:
        char = chars[place].char
        if part and _starts_word(letter, char):
            yield from _word(chars, part, chars[part[-1]].end, part[0] > run.places[0])
            part = []
        part.append(place)
        letter = letter if is_mark(char) else char
    yield from _word(chars, part, chars[run.end - 1].end, part[0] > run.places[0])


def _starts_word(letter: str, char: str) -> bool:
    """Whether `char` begins a word behind `letter` and its marks."""
    return not is_mark(char) and (_is_single(char) or _is_single(letter))


def _is_single(char: str) -> bool:
    return char != "" and (is_cut(char) or is_hangul(char))


def _word(chars: list[_Char], places: list[int], end: int, inside: bool) -> Iterator[Word]:
    text = "".join(chars[place].char for place in places)
    exact = "".join(char for char in text if char not in GERSHAYIM and char != ",")
    folded = fold(exact)
    if folded and any(char.isalnum() or not is_mark(char) for char in folded):
        yield Word(folded, exact, chars[places[0]].start, end, inside and is_hangul(text[0]))
