"""What a report is about: its telling words, weighed against the other reports of these days.

Two reports of one event, written apart, share few five-word shingles (a containment of .018
in the median) but many rare words. A cosine of .25 groups them; it suppresses nothing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.engine.common_words import COMMON_WORDS
from services.notifier.stories.words import Hashes, words_of

SAME_EVENT = 0.25
_KEPT = 48
_BUCKETS = 1 << 18
_MOST = 255


@dataclass(frozen=True, slots=True)
class Bag:
    """The different words of a text, 32 bits of each hash, ascending, and how often each stands
    in it, at most 255 times."""

    words: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Terms:
    """The weightiest words of a text, ascending, as a vector of length 1 at most."""

    words: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.float32]


def bag_of(words: Hashes) -> Bag:
    """The different words of a text."""
    short, counts = np.unique((words >> np.uint64(32)).astype(np.uint32), return_counts=True)
    return Bag(short, np.minimum(counts, _MOST).astype(np.uint8))


_COMMON = bag_of(words_of(" ".join(sorted(COMMON_WORDS)))).words


class Frequencies:
    """In how many of the reports of these days a word stands, roughly.

    Words share buckets, and when many reports have come all counts are halved: what matters
    is only which words are rare.
    """

    def __init__(self, half_after: int = 50_000) -> None:
        self._counts = np.zeros(_BUCKETS, np.float32)
        self._reports = 0.0
        self._half_after = half_after

    def count(self, bag: Bag) -> None:
        """A report with these words has come."""
        self._counts[bag.words % _BUCKETS] += 1
        self._reports += 1
        if self._reports > self._half_after:
            self._counts /= 2
            self._reports /= 2

    def rarity(self, words: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
        """The inverse document frequency of each word."""
        rarity = np.log((self._reports + 1) / (self._counts[words % _BUCKETS] + 0.5))
        clipped: npt.NDArray[np.float32] = np.maximum(rarity, 0.0).astype(np.float32)
        return clipped


def terms_of(bag: Bag, frequencies: Frequencies) -> Terms:
    """The telling words of a text."""
    rare = ~_places_in(_COMMON, bag.words)[1]
    words, counts = bag.words[rare], bag.counts[rare]
    weights = (1 + np.log(counts.astype(np.float32))) * frequencies.rarity(words)
    norm = float(np.linalg.norm(weights)) or 1.0
    kept = np.sort(np.argsort(-weights, kind="stable")[:_KEPT])
    return Terms(words[kept], (weights[kept] / norm).astype(np.float32))


def likeness(one: Terms, other: Terms) -> float:
    """The cosine of two texts, as far as their kept words tell: 0 to 1."""
    if not len(other.words):
        return 0.0
    places, shared = _places_in(other.words, one.words)
    return float(one.weights[shared] @ other.weights[places[shared]])


def _places_in(
    ascending: npt.NDArray[np.uint32], words: npt.NDArray[np.uint32]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Where each word would stand, and whether it stands there.

    Looked up, not sorted together as `np.isin` and `np.intersect1d` do: that is what most of the
    time went into.
    """
    places = np.minimum(ascending.searchsorted(words), len(ascending) - 1)
    return places, ascending[places] == words
