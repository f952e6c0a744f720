"""How each side reads a text into words, and whether a rule holds on such a reading.

Written apart from both engines: a difference between them counts as explained only if the
readings alone bring it about. Lucene's words are those of Unicode's rules (UAX #29) in
lower case; ours come from the engine's analyser.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.match.corpus import Text
from bench.match.query import All, AnyOf, Near, Node, Not, Phrase, Prefix, Title, Word
from services.engine.analysis import analyse

_GAP = 1_000
"""Between paragraphs and fields: nothing reaches across."""

_LETTER = r"[^\W\d_]"
_MARK = "[\u0300-\u036f\u00ad\u200d\u200c\ufe0f]"
# Unicode's MidLetter, MidNum, MidNumLet and ExtendNumLet, as far as news has them.
# What may be shown as a picture is a word by itself, the sign of copyright too.
_PICTURE = "[©®‼⁉™ℹ\u2194-\u21aa\u231a-\u23ff\u25aa-\u27bf\U0001f000-\U0001faff]"
_LUCENE_WORD = re.compile(
    rf"{_PICTURE}|(?:\w{_MARK}*|(?<={_LETTER})[:·.'’‘․](?={_LETTER})|(?<=\d)[,;.'’‘․](?=\d))+"
)


@dataclass(slots=True)
class Reading:
    """Where each word stands. `overlaps`: both words of a proximity may be one and the same."""

    overlaps: bool
    places: dict[str, list[int]] = field(default_factory=dict)
    title_end: int = 0

    def add(self, words: Iterable[tuple[str, int]]) -> None:
        for word, place in words:
            self.places.setdefault(word, []).append(place)


def our_reading(text: Text) -> Reading:
    """As our engine reads it: no phrase goes past a paragraph."""
    reading = Reading(overlaps=False)
    offset = 0
    for part in (text.title, text.body):
        read = analyse(part)
        reading.add(
            (word.folded, offset + number + _GAP * paragraph)
            for number, (word, paragraph) in enumerate(
                zip(read.words, read.paragraphs, strict=True)
            )
        )
        offset += len(read.words) + _GAP * (1 + max(read.paragraphs, default=0))
        reading.title_end = reading.title_end or offset
    return reading


def lucene_reading(text: Text) -> Reading:
    """As Lucene's StandardAnalyzer reads it: a body is one run of words."""
    reading = Reading(overlaps=True)
    offset = 0
    for part in (text.title, text.body):
        words = lucene_words(part)
        reading.add((word, offset + number) for number, word in enumerate(words))
        offset += len(words) + _GAP
        reading.title_end = reading.title_end or offset
    return reading


def lucene_words(text: str) -> list[str]:
    """The words that hold a letter or digit, and pictures."""
    found = (match.group() for match in _LUCENE_WORD.finditer(text))
    return [word.lower() for word in found if word.strip("_")]


def our_words(text: str) -> list[str]:
    """The words of a piece of a rule."""
    return [word.folded for word in analyse(text).words]


@dataclass(frozen=True, slots=True)
class Reader:
    """Evaluates rules on one reading."""

    reading: Reading
    is_ours: bool

    def holds(self, node: Node) -> bool:
        """Whether the rule matches."""
        match node:
            case All(children):
                return all(map(self.holds, children))
            case AnyOf(children):
                return any(map(self.holds, children))
            case Not(child):
                return not self.holds(child)
            case _:
                return self._finds(node)

    def _finds(self, leaf: Word | Title | Prefix | Phrase | Near) -> bool:
        match leaf:
            case Prefix(letters):
                [start] = self._words(letters)
                return any(word.startswith(start) for word in self.reading.places)
            case Near(one, other, within):
                return self._are_near(self._ends(one), self._ends(other), within)
            case Title(word):
                return any(place < self.reading.title_end for place in self._starts([word]))
            case Word(word):
                return bool(self._starts([word]))
            case Phrase(words):
                return bool(self._starts(words))

    def _words(self, text: str) -> Sequence[str]:
        return our_words(text) if self.is_ours else lucene_words(text)

    def _starts(self, words: Sequence[str]) -> list[int]:
        """Where these words follow one another."""
        places = self.reading.places
        parts = [part for word in words for part in self._words(word)]
        first, *rest = [places.get(part, ()) for part in parts]
        later = [set(each) for each in rest]
        return [
            place
            for place in first
            if all(place + number in each for number, each in enumerate(later, 1))
        ]

    def _ends(self, word: str) -> list[tuple[int, int]]:
        length = len(self._words(word))
        return [(start, start + length - 1) for start in self._starts([word])]

    def _are_near(
        self, ones: list[tuple[int, int]], others: list[tuple[int, int]], within: int
    ) -> bool:
        return any(
            0 <= max(one[0], other[0]) - min(one[1], other[1]) - 1 <= within
            or (self.reading.overlaps and one[0] <= other[1] and other[0] <= one[1])
            for one in ones
            for other in others
        )
