"""Every word that was met, in a rule or an article, by number.

A pattern (`troop*`) is a number of its own that some words stand for besides themselves.
What a piece of text is cut into is remembered, so that the kernel can look it up: the
analyser's own `cut` says it once. Memory is bounded: see `forget`.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from services.engine.glob import literal_prefix, matches
from services.engine.index.columns import Array, Column, Table, tabled
from services.engine.index.frequencies import Frequencies
from services.engine.query import is_pattern
from services.engine.words import cut

_STEM = 3  # letters that stand before a wildcard in any case
MAX_PIECES = 150_000
MAX_PIECE_WORDS = 1_000_000
MAX_WORDS_LEARNT = 300_000


class LexiconArrays(NamedTuple):
    """What the kernel reads. A token is a word's number and `[start, end)` in its piece."""

    word_rows: Array
    """A `Table` from hashes of lower-case ASCII words to their numbers."""
    piece_rows: Array
    """A `Table` from hashes of pieces that are cut in an uncommon way to places in `runs`."""
    runs: Array
    """Per piece its first token and how many there are."""
    run_words: Array
    run_starts: Array
    run_ends: Array
    extra_first: Array
    """Per word the first of its patterns, -1 for none."""
    extra_pattern: Array
    extra_next: Array
    counts: Array
    """Per word the number of articles it was seen in."""


class Lexicon:
    """Words by number. A number never comes to mean another word."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._asked_for = Column(np.bool_)
        self.frequencies = Frequencies()
        self._learnt = 0
        self._words = Table()
        self._patterns: dict[str, list[tuple[str, str]]] = {}
        self._by_stem: dict[str, list[str]] = {}
        self._extra_first = Column(np.int32)
        self._extra_pattern = Column(np.int32)
        self._extra_next = Column(np.int32)
        self.forget_pieces()

    def __len__(self) -> int:
        return len(self.numbers)

    def number(self, word: str) -> int:
        """The number of a folded word of an article, given now if it is new."""
        number = self.numbers.get(word)
        return self._add(word) if number is None else number

    def asked_for(self, word: str) -> int:
        """The number of a word or pattern of a rule, which is never forgotten."""
        number = self.number(word)
        self._asked_for.room[number] = True
        return number

    def words(self) -> list[str]:
        """For saving: the words of rules by number, empty for all others."""
        kept = [""] * self._asked_for.size
        for word, number in self.numbers.items():
            if self._asked_for.room[number]:
                kept[number] = word
        return kept

    def _add(self, word: str) -> int:
        number = self._enter(word)
        if is_simple(word):
            self._words.set(hash_of(word), number)
        return number

    def enter_all(self, words: Iterable[str]) -> None:
        """Enter what `words` gave, into a lexicon without any."""
        for word in words:
            if word:
                number = self._enter(word)
                self._asked_for.room[number] = True
            else:
                self._next_number()
        self._make_table()

    def _make_table(self) -> None:
        simple = [(hash_of(word), n) for word, n in self.numbers.items() if is_simple(word)]
        keys = np.array([key for key, _ in simple], np.uint64)
        self._words = Table(tabled(keys, np.array([n for _, n in simple], np.int64)))

    def forget(self) -> None:
        """Know no piece of text any more, and no word that no rule asks for."""
        self.forget_pieces()
        for word in [w for w, n in self.numbers.items() if not self._asked_for.room[n]]:
            del self.numbers[word]
        self._by_stem = {}
        for word in self.numbers:
            if len(word) >= _STEM and not is_pattern(word):
                self._by_stem.setdefault(word[:_STEM], []).append(word)
        self._learnt = 0
        self._make_table()

    def _next_number(self) -> int:
        self._asked_for.append(False)
        self._extra_first.append(-1)
        return self.frequencies.counts.append(0)

    def _enter(self, word: str) -> int:
        number = self.numbers[word] = self._next_number()
        self._learnt += 1
        if is_pattern(word):
            self._enter_pattern(word, number)
        elif len(word) >= _STEM:
            self._by_stem.setdefault(word[:_STEM], []).append(word)
            for prefix, pattern in self._patterns.get(word[:_STEM], ()):
                if word.startswith(prefix) and matches(pattern, word):
                    self._stands_for(number, self.numbers[pattern])
        return number

    def _enter_pattern(self, pattern: str, number: int) -> None:
        prefix = literal_prefix(pattern)
        self._patterns.setdefault(prefix[:_STEM], []).append((prefix, pattern))
        for word in self._by_stem.get(prefix[:_STEM], ()):
            if word.startswith(prefix) and matches(pattern, word):
                self._stands_for(self.numbers[word], number)

    def _stands_for(self, word: int, pattern: int) -> None:
        self._extra_pattern.append(pattern)
        place = self._extra_next.append(int(self._extra_first.room[word]))
        self._extra_first.room[word] = place

    def patterns_of(self, number: int) -> list[int]:
        """The patterns that a word is of the form of."""
        found = []
        place = int(self._extra_first.room[number])
        while place >= 0:
            found.append(int(self._extra_pattern.room[place]))
            place = int(self._extra_next.room[place])
        return found

    # --- pieces of text

    def learn_word(self, word: str) -> None:
        """Know an ASCII word of letters and digits from now on."""
        self.number(word.lower())

    def learn_piece(self, piece: str) -> None:
        """Know how a piece of text is cut from now on."""
        first = self._run_words.size
        for word in cut(piece):
            self._run_words.append(self.number(word.folded))
            self._run_starts.append(word.start)
            self._run_ends.append(word.end)
        place = self._runs.append((first, self._run_words.size - first))
        self._pieces.set(hash_of(piece), place)

    def forget_pieces(self) -> None:
        """Know no piece of text any more; words keep their numbers."""
        self._pieces = Table()
        self._runs = Column(np.int32, width=2)
        self._run_words = Column(np.int32)
        self._run_starts = Column(np.int32)
        self._run_ends = Column(np.int32)

    @property
    def is_full(self) -> bool:
        """Whether what was learnt from articles is to be forgotten."""
        return (
            self._learnt > MAX_WORDS_LEARNT + int(self._asked_for.values.sum())
            or self._pieces.size > MAX_PIECES
            or self._run_words.size > MAX_PIECE_WORDS
        )

    def arrays(self) -> LexiconArrays:
        """For the kernel; valid until something is learnt."""
        return LexiconArrays(
            self._words.rows,
            self._pieces.rows,
            self._runs.room,
            self._run_words.room,
            self._run_starts.room,
            self._run_ends.room,
            self._extra_first.values,
            self._extra_pattern.room,
            self._extra_next.room,
            self.frequencies.counts.room,
        )


def is_simple(word: str) -> bool:
    """Whether the kernel can read the word by itself."""
    return word.isascii() and word.isalnum()


# Another one in each process, as Python's own: whoever knew it could write a text that hides
# another piece of text.
SEED = hash("wirewatch") & 0xFFFF_FFFF_FFFF_FFFF
_PRIME = 0x0000_0100_0000_01B3
_MASK64 = 0xFFFF_FFFF_FFFF_FFFF


def hash_of(text: str) -> int:
    """A 64-bit hash of the code points, the same as the kernel's."""
    value = SEED
    for char in text:
        value = ((value ^ ord(char)) * _PRIME) & _MASK64
    value ^= value >> 29
    value = (value * 0xBF58_476D_1CE4_E5B9) & _MASK64
    return value ^ (value >> 32)
