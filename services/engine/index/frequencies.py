"""How often words stand in articles: what makes one condition cheaper to hang a rule on.

Only speed depends on it, never what matches.
"""

import numpy as np

from services.engine.common_words import COMMON_WORDS
from services.engine.index.atoms import (
    AnyArticle,
    Atom,
    Clause,
    MetaFact,
    NearAtom,
    PhraseAtom,
    WordAtom,
)
from services.engine.index.columns import Column
from services.engine.query import MetaField, is_pattern

_REMEMBERED = 20_000.0  # articles; then all counts are halved, so that old news fades
_COMMON, _RARE = 0.3, 0.001
_SHARE_OF_META = {
    MetaField.LANG: 0.8,
    MetaField.SOURCE: 0.05,
    MetaField.CATEGORY: 0.05,
    MetaField.AUTHOR: 0.01,
    MetaField.URL: 0.02,
}
_BELIEF = 50.0
"""How many articles the guess about a word counts for."""


class Frequencies:
    """The number of articles that each word was seen in, by the word's number."""

    def __init__(self) -> None:
        self.counts = Column(np.float32)
        self.articles = 0.0

    def seen_an_article(self) -> None:
        """Count an article whose words were counted."""
        self.articles += 1
        if self.articles > _REMEMBERED:
            self.counts.room *= 0.5
            self.articles *= 0.5

    def of_word(self, word: str, number: int) -> float:
        """The share of articles that have the word."""
        guess = _COMMON if word in COMMON_WORDS else _RARE
        if is_pattern(word):
            guess = 0.02
        seen = float(self.counts.room[number]) if 0 <= number < self.counts.size else 0.0
        return (seen + _BELIEF * guess) / (self.articles + _BELIEF)


class Costs:
    """How often atoms and clauses are expected to hold, by the frequencies of their words."""

    def __init__(self, frequencies: Frequencies, numbers: dict[str, int]) -> None:
        self._frequencies = frequencies
        self._numbers = numbers

    def of_clause(self, clause: Clause) -> float:
        """The expected number of literals that hold; infinite where one is negated."""
        if any(literal.negated for literal in clause):
            return float("inf")
        return sum(self.of_atom(literal.atom) for literal in clause)

    def of_atom(self, atom: Atom) -> float:
        """The share of articles in which it holds, roughly."""
        match atom:
            case WordAtom(word):
                return self._of_word(word)
            case PhraseAtom(words):
                return 0.05 * min(map(self._of_word, words))
            case NearAtom(one, other):
                return 0.2 * min(self.of_atom(one), self.of_atom(other))
            case MetaFact(field):
                return _SHARE_OF_META[field]
            case AnyArticle():
                return 1.0
            case _:
                return 0.1

    def rarest_pair(self, words: tuple[str, ...]) -> int:
        """Where in a phrase the two adjacent words stand that are rarest together."""
        costs = list(map(self._of_word, words))
        pairs = range(len(words) - 1)
        return min(pairs, key=lambda n: min(costs[n], costs[n + 1]) + costs[n] * costs[n + 1])

    def _of_word(self, word: str) -> float:
        return self._frequencies.of_word(word, self._numbers.get(word, -1))
