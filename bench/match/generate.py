"""Rules like those of analysts, from the words of the articles.

Decides the mix: phrase 25 %, phrase AND word 20, 2 to 4 ANDed words 15, ORs AND ORs with or
without NOT 15, NEAR 10, title 5, prefix AND word 5, long OR of 10 to 40 items 5. Words are
drawn from random articles, so rules have the articles' own statistics; the 150 commonest
words stand inside phrases only. Selective rules, a few matches an article at 100,000 rules,
have no ORs, and a rare word in every phrase. The same articles and arguments give the same
rules, and more rules begin with the fewer.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import TypeVar
from unicodedata import is_normalized

from bench.match.corpus import Text
from bench.match.query import All, AnyOf, Near, Node, Not, Phrase, Prefix, Title, Word

T = TypeVar("T")

_WORD = re.compile(r"[^\W_]+")
_OPERATORS = {"and", "or", "not", "to", "near"}
_COMMONEST = 150
_RARE = 0.02  # of the articles
_TITLE_WORDS = 8


class Rules:
    """Rules without end. `common` is the chance that a word of a rule need not be rare."""

    def __init__(
        self,
        texts: Sequence[Text],
        *,
        common: float = 0.2,
        selective: bool = False,
        seed: int = 1,
    ) -> None:
        read = [words_of(f"{text.title} . {text.body}") for text in texts]
        self._texts = [words for words in read if len(words) > 20]
        self._frequency = Counter(word for words in self._texts for word in set(words))
        # By name too: which of equally common words are counted must not be chance.
        ranked = sorted(self._frequency, key=lambda word: (-self._frequency[word], word))
        self._stop = {*ranked[:_COMMONEST], *_OPERATORS}
        self._most = max(2.0, len(self._texts) * _RARE)
        self._common = 0.0 if selective else common
        self._is_selective = selective
        self._rng = random.Random(seed)
        mix: dict[Callable[[Sequence[str]], Node], int] = {
            self._phrase: 25,
            self._phrase_and_word: 20,
            self._words: 15,
            self._near_and_word: 10,
            self._title: 5,
            self._prefix: 5,
        }
        if not selective:
            mix |= {self._ors: 15, self._long_or: 5}
        self._kinds, self._chances = list(mix), list(accumulate(mix.values()))
        if not self._texts:
            raise ValueError("no article has more than 20 words to make rules of")

    def __iter__(self) -> Iterator[Node]:
        while True:
            yield self._rule()

    def updates(self, items: int = 50) -> Iterator[Node]:
        """The largest rules that are changed one by one: ORs of `items` words and phrases."""
        while True:
            yield self._any_of(items)

    def _rule(self) -> Node:
        [make] = self._rng.choices(self._kinds, cum_weights=self._chances)
        return make(self._text())

    def _phrase_and_word(self, text: Sequence[str]) -> Node:
        return All((self._phrase(text), self._word(text)))

    def _words(self, text: Sequence[str]) -> Node:
        return All(tuple(self._word(text) for _ in range(self._rng.randint(2, 4))))

    def _ors(self, text: Sequence[str]) -> Node:
        one, other = (self._any_of(self._rng.randint(2, 6), text) for _ in range(2))
        if self._rng.random() < 0.5:
            return All((one, other))
        return All((one, other, Not(self._any_of(self._rng.randint(1, 4)))))

    def _near_and_word(self, text: Sequence[str]) -> Node:
        near = self._near(text)
        return near if self._rng.random() < 0.5 else All((near, self._word(text)))

    def _title(self, text: Sequence[str]) -> Node:
        return All((Title(self._word(text[:_TITLE_WORDS]).word), self._word(text)))

    def _prefix(self, text: Sequence[str]) -> Node:
        word = self._word(text).word
        return All((Prefix(word[: max(3, len(word) - 3)]), self._item(text)))

    def _long_or(self, _: Sequence[str]) -> Node:
        return self._any_of(self._rng.randint(10, 40))

    def _any_of(self, items: int, text: Sequence[str] | None = None) -> Node:
        """Items of any texts; three in ten of this one, if one is given."""
        children = tuple(
            self._item(text if text and self._rng.random() < 0.3 else self._text())
            for _ in range(items)
        )
        return AnyOf(children) if len(children) > 1 else children[0]

    def _item(self, text: Sequence[str]) -> Node:
        return self._phrase(text) if self._rng.random() < 0.6 else self._word(text)

    def _word(self, text: Sequence[str]) -> Word:
        is_any = self._rng.random() < self._common
        for _ in range(80):
            word = self._one_of(text)
            if self._is_good(word) and (is_any or self._is_rare(word)):
                return Word(word)
        return Word("news")

    def _phrase(self, text: Sequence[str]) -> Node:
        length = self._one_of((2, 2, 2, 3, 3, 4))
        for _ in range(50):
            start = self._below(len(text) - length)
            words = text[start : start + length]
            if self._is_good(words[0]) and self._is_good(words[-1]) and self._may_be(words):
                return Phrase(tuple(words))
        return self._word(text)

    def _near(self, text: Sequence[str]) -> Node:
        for _ in range(50):
            start = self._below(len(text) - 12)
            one, other = text[start], text[start + self._rng.randint(2, 10)]
            if self._is_good(one) and self._is_good(other) and one != other:
                pair = (one, other) if self._rng.random() < 0.5 else (other, one)
                return Near(*pair, within=self._one_of((5, 8, 10)))
        return self._phrase(text)

    def _may_be(self, phrase: Sequence[str]) -> bool:
        return not self._is_selective or any(map(self._is_rare, phrase))

    def _is_rare(self, word: str) -> bool:
        return self._is_good(word) and self._frequency[word] <= self._most

    def _is_good(self, word: str) -> bool:
        return len(word) > 2 and word not in self._stop and not word.isdigit()

    def _text(self) -> Sequence[str]:
        return self._one_of(self._texts)

    def _one_of(self, items: Sequence[T]) -> T:
        return items[self._below(len(items))]

    def _below(self, limit: int) -> int:
        return int(self._rng.random() * limit)


def words_of(text: str) -> list[str]:
    """Lower-case words that mean the same to every analyser as they stand."""
    words = (word.lower() for word in _WORD.findall(text))
    return [word for word in words if is_normalized("NFKC", word)]
