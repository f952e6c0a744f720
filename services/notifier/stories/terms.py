"""What a report is about: its telling words, weighed against the other reports of these days.

Two reports of one event, written apart, share few five-word shingles (a containment of .018 in the
median) but many rare words. A cosine of .25 groups them; it never suppresses anything.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.engine.common_words import COMMON_WORDS
from services.notifier.stories.words import Hashes, words_of

SAME_EVENT = 0.25
_KEPT = 48
_BUCKETS = 1 << 18
_COMMON = np.sort(words_of(" ".join(sorted(COMMON_WORDS))))


@dataclass(frozen=True, slots=True)
class Terms:
    """The weightiest words of a text, their hashes ascending, as a vector of length 1 at most."""

    hashes: Hashes
    weights: npt.NDArray[np.float32]


class Frequencies:
    """In how many of the reports of these days a word stands, roughly.

    Words share buckets, and when many reports have come all counts are halved: what matters
    is only which words are rare.
    """

    def __init__(self, half_after: int = 50_000) -> None:
        self._counts = np.zeros(_BUCKETS, np.float32)
        self._reports = 0.0
        self._half_after = half_after

    def count(self, words: Hashes) -> None:
        """A report with these words has come."""
        self._counts[_buckets(np.unique(words))] += 1
        self._reports += 1
        if self._reports > self._half_after:
            self._counts /= 2
            self._reports /= 2

    def rarity(self, hashes: Hashes) -> npt.NDArray[np.float32]:
        """The inverse document frequency of each word."""
        rarity = np.log((self._reports + 1) / (self._counts[_buckets(hashes)] + 0.5))
        clipped: npt.NDArray[np.float32] = np.maximum(rarity, 0.0).astype(np.float32)
        return clipped


def terms_of(words: Hashes, frequencies: Frequencies) -> Terms:
    """The telling words of a text."""
    hashes, counts = np.unique(words, return_counts=True)
    rare = ~np.isin(hashes, _COMMON, assume_unique=True)
    hashes, counts = hashes[rare], counts[rare]
    weights = (1 + np.log(counts)) * frequencies.rarity(hashes)
    norm = float(np.linalg.norm(weights)) or 1.0
    kept = np.sort(np.argsort(-weights, kind="stable")[:_KEPT])
    return Terms(hashes[kept], (weights[kept] / norm).astype(np.float32))


def likeness(one: Terms, other: Terms) -> float:
    """The cosine of two texts, as far as their kept words tell: 0 to 1."""
    _, mine, theirs = np.intersect1d(
        one.hashes, other.hashes, assume_unique=True, return_indices=True
    )
    return float(one.weights[mine] @ other.weights[theirs])


def _buckets(hashes: Hashes) -> npt.NDArray[np.int64]:
    return (hashes >> np.uint64(40)).astype(np.int64) % _BUCKETS
