"""Sampled shingles: what of a text is kept to find its copies.

News is reused by cutting and embedding, so the measure is *containment*: which share of
the shorter text's shingles stands in the longer one. A shingle is five words in a row; those whose
hash ends in three zero bits are kept, the same ones in every text. On 1,500 real articles that
finds .99 of the copies with a rewritten lead and of those cut to a quarter, where MinHash
(J >= .8) finds .53 and none (`make bench-stories`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.notifier.stories.words import Hashes

WIDTH = 5
_KEPT_OF = np.uint64(8)
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio (Knuth, TAOCP 6.4)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)  # SplitMix64's finaliser (Steele, Lea, Flood 2014)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class Shingles:
    """The kept shingles of a text: their hashes, ascending and different, and at which word
    each begins (the first time)."""

    hashes: Hashes
    words: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.hashes)


def shingles_of(words: Hashes) -> Shingles:
    """The kept shingles of a text."""
    count = len(words) - WIDTH + 1
    if count <= 0:
        return Shingles(np.empty(0, np.uint64), np.empty(0, np.int32))
    rolled = np.zeros(count, np.uint64)
    for place in range(WIDTH):
        rolled = rolled * _ODD + words[place : place + count]
    mixed = _mixed(rolled)
    kept = np.flatnonzero(mixed % _KEPT_OF == 0)
    hashes, first = np.unique(mixed[kept], return_index=True)
    return Shingles(hashes, kept[first].astype(np.int32))


def _mixed(values: Hashes) -> Hashes:
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed
