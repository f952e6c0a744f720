"""The analyser: a text becomes words with their places, paragraphs and sentences.

Decides which words an article has and where. Rule text goes through the same `cut`
(see `terms`), so what is written alike is read alike.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from services.engine.characters import without_placeholders
from services.engine.sentences import paragraph_spans, sentence_spans
from services.engine.stemming import stem
from services.engine.words import Word, cut

# Punctuation that joins nothing separates like white space: shorter pieces are known from
# before more often. A comma before a digit may be part of a number.
BREAKS = r"\s()\[\]{};:!?“”„«»…—–，。、！？；：（）《》「」『』【】"
_CHUNK = re.compile(rf"[^,{BREAKS}]+(?:[,，](?=\d)[^,{BREAKS}]+)*")


class Layer:
    """The words of a text in one form (folded, exact, stems), with where each stands."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words

    @cached_property
    def places(self) -> Mapping[str, Sequence[int]]:
        """The numbers of the words that are equal, in order."""
        places: dict[str, list[int]] = {}
        for number, word in enumerate(self.words):
            places.setdefault(word, []).append(number)
        return places

    @cached_property
    def vocabulary(self) -> Sequence[str]:
        """The distinct words, sorted."""
        return sorted(self.places)

    def starting_with(self, prefix: str) -> Sequence[str]:
        """The distinct words that begin with `prefix`."""
        first = bisect_left(self.vocabulary, prefix)
        last = bisect_left(self.vocabulary, prefix + "\U0010ffff", first)
        return self.vocabulary[first:last]


@dataclass(frozen=True)
class Text:
    """An analysed text. Words are numbered from 0 through all paragraphs."""

    source: str
    words: tuple[Word, ...]
    paragraphs: tuple[int, ...]
    """The number of the paragraph of each word."""
    _stems: dict[str, Layer] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def folded(self) -> Layer:
        """The words as they are compared."""
        return Layer([word.folded for word in self.words])

    @cached_property
    def exact(self) -> Layer:
        """The words with case and marks kept."""
        return Layer([word.exact for word in self.words])

    def stems(self, language: str) -> Layer:
        """The stems of the words in a language that has a stemmer."""
        found = self._stems.get(language)
        if found is None:
            layer = Layer([stem(word.exact.casefold(), language) for word in self.words])
            found = self._stems[language] = layer
        return found

    @cached_property
    def sentences(self) -> Sequence[int]:
        """The number of the sentence of each word."""
        starts = [
            sentence[0]
            for paragraph in paragraph_spans(self.source)
            for sentence in sentence_spans(self.source, *paragraph)
        ]
        return [bisect_right(starts, word.start) for word in self.words]


def analyse(text: str) -> Text:
    """The words of `text` with their places; offsets are code points of `text`."""
    words: list[Word] = []
    paragraphs: list[int] = []
    plain = without_placeholders(text)
    for number, (start, end) in enumerate(paragraph_spans(text)):
        for chunk in _CHUNK.finditer(plain, start, end):
            offset = chunk.start()
            for folded, exact, first, last, inner in cut(chunk.group()):
                words.append(Word(folded, exact, offset + first, offset + last, inner))
                paragraphs.append(number)
    return Text(text, tuple(words), tuple(paragraphs))
