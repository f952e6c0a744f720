"""Where a report says what a story has said before.

Shingles are sampled, about every eighth word, so what lies between two shared ones counts as shared
only if no other kept shingle stands between them. What lies before the first and behind the last
does not: rather an alert too many than one too few.
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from schemas.matches import RuleMatch
from services.engine.common_words import COMMON_WORDS
from services.notifier.stories.report import Report
from services.notifier.stories.shingles import WIDTH
from services.notifier.stories.words import Hashes, places_of, words_of

Span = tuple[int, int]
"""`[start, end)` in code points of the report's text."""
# Two kept shingles further apart than this say little of what is between them.
_FURTHEST_WORDS = 48
_NEWS_WORDS = 80
# So many telling words of a headline say where in a text its news stands.
_HEADLINE_WORDS = 2
_COMMON = words_of(" ".join(sorted(COMMON_WORDS)))


def shared_spans(report: Report, mask: npt.NDArray[np.bool_]) -> Sequence[Span]:
    """The parts of the report's text that are made of the shingles in `mask`."""
    places = places_of(report.text)
    return [(places[first][0], places[last][1]) for first, last in _shared(report, mask)]


def unshared_words(report: Report, mask: npt.NDArray[np.bool_]) -> Hashes:
    """The words of the report outside these parts, as far as they stand together.

    What stands between two parts is hardly news where it is shorter than a few sentences.
    """
    own = np.ones(len(report.words), np.bool_)
    for first, last in _shared(report, mask):
        own[first : last + 1] = False
    edges = np.flatnonzero(np.diff(np.concatenate(([False], own, [False]))))
    long = [(a, b) for a, b in edges.reshape(-1, 2).tolist() if b - a >= _NEWS_WORDS]
    return np.concatenate([report.words[a:b] for a, b in long] or [report.words[:0]])


def is_headline_elsewhere(report: Report, mask: npt.NDArray[np.bool_]) -> bool:
    """Whether all that the text says of its headline stands where nothing is shared.

    What is shared is then rather a box below both than the news: an author's biography, an
    invitation to a newsletter. Words between a shared and an unshared shingle count for neither.
    """
    order = np.argsort(report.shingles.words, kind="stable")
    shared = mask[order]
    if shared.all():
        return False
    following = np.searchsorted(report.shingles.words[order], np.arange(len(report.words)), "right")
    before = shared[np.maximum(following - 1, 0)]
    after = shared[np.minimum(following, len(shared) - 1)]
    headline = np.setdiff1d(words_of(" ".join(report.trace.title)), _COMMON)
    elsewhere = np.intersect1d(headline, report.words[~before & ~after])
    inside = np.intersect1d(headline, report.words[before & after])
    return len(elsewhere) >= _HEADLINE_WORDS and not len(inside)


def is_headline_alone(report: Report, titles: Collection[Sequence[str]]) -> bool:
    """Whether neither the text nor these headlines have a word of the report's headline.

    Of 4,000 articles 14 have no word of their headline. Such a text is rather what all pages of a
    site say instead of theirs: an invitation to subscribe, a player that does not start.
    """
    headline = set(report.trace.title) - COMMON_WORDS
    if len(headline) < _HEADLINE_WORDS or any(headline & set(title) for title in titles):
        return False
    return not len(np.intersect1d(words_of(" ".join(headline)), report.words))


def _shared(report: Report, mask: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    order = np.argsort(report.shingles.words, kind="stable")
    return _stretches(report.shingles.words[order].tolist(), mask[order].tolist())


def is_inside(match: RuleMatch, report: Report, spans: Sequence[Span]) -> bool:
    """Whether everything that proves the match lies in these parts of the report's text.

    A match proven by nothing that stands in a text (by absence, by metadata) does not.
    """
    hits = [hit for clause in match.evidence for hit in clause.hits]
    return bool(hits) and all(
        hit.field is report.field
        and any(start <= hit.start and hit.end <= end for start, end in spans)
        for hit in hits
    )


def _stretches(places: Sequence[int], shared: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """The first and the last word of each stretch of shared shingles."""
    first: int | None = None
    last = 0
    for place, is_shared in zip(places, shared, strict=True):
        if first is not None and not (is_shared and place - last <= _FURTHEST_WORDS):
            yield first, last + WIDTH - 1
            first = None
        if is_shared:
            first, last = place if first is None else first, place
    if first is not None:
        yield first, last + WIDTH - 1
