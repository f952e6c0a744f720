"""The words of a text as they are compared between outlets, and what names a headline.

Decides what makes two words equal here: case, quotation marks and punctuation say nothing,
scripts that put no spaces between words count by character. Rules have a finer notion of
words (`services.engine`); copies are found across typesettings, so less must differ.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

# Han, kana, Thai, Lao, Khmer, Burmese: a character is as near to a word as it gets.
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_WORD = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
# A text longer than this is a document or a dump; its beginning tells what it is a copy of.
MOST_WORDS = 20_000
MOST_CHARACTERS = 400_000


def words_of(text: str) -> Hashes:
    """A 64-bit hash of each of the first 20,000 words of `text`."""
    words = _WORD.findall(text, 0, MOST_CHARACTERS)[:MOST_WORDS]
    return np.fromiter(map(_hash, words), np.uint64, len(words))


def places_of(text: str) -> Sequence[tuple[int, int]]:
    """`[start, end)` of each of the same words, in code points."""
    found = islice(_WORD.finditer(text, 0, MOST_CHARACTERS), MOST_WORDS)
    return [word.span() for word in found]


def numbers_of(title: str) -> tuple[str, ...]:
    """The numbers in a headline, in order: they tell the members of a series apart."""
    return tuple(_NUMBER.findall(title))


def title_words(title: str) -> tuple[str, ...]:
    """The words of a headline."""
    return tuple(word.casefold() for word in _WORD.findall(title))


@lru_cache(maxsize=100_000)
def _hash(word: str) -> int:
    """The same in every process: hashes are stored."""
    return int.from_bytes(blake2b(word.casefold().encode(), digest_size=8).digest(), "little")
