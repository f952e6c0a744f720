"""Finding rules with NumPy alone: what the compiled kernel is measured against.

Slower, and the same result; used where the kernel is not there or not worth loading.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np

from services.engine.index.atoms import Scope
from services.engine.index.columns import Array
from services.engine.index.lexicon import Lexicon
from services.engine.index.reading import Reading
from services.engine.index.segment import (
    ANCHOR_DECIDES,
    BORN,
    DIED,
    EDGE,
    EXACT,
    FLAGS,
    GUARD,
    LENGTH,
    NEAR,
    NEXT_EDGE,
    NEXT_POST,
    OWNER,
    PAIR,
    POOL,
    POST,
    PROGRAM,
    SCOPE,
    SIBLING,
    SLOT,
    Arrays,
    Segment,
    pair_key,
)

Occurrences = Mapping[int, list[tuple[int, int]]]
"""By atom its occurrences, as first and last token, in order; none for what just holds."""


def find_atoms(
    reading: Reading, lexicon: Lexicon, segment: Segment, facts: list[int], generation: int
) -> Occurrences:
    """What holds of an article, with where."""
    arrays = segment.arrays()
    found: dict[int, list[tuple[int, int]]] = {}
    for atom, first, last in chain(
        _words(reading, lexicon, arrays), _phrases(reading, segment, arrays)
    ):
        found.setdefault(atom, []).append((first, last))
    terms = list(found)
    found |= {atom: [] for atom in facts}
    paragraphs = reading.paragraphs
    atoms, siblings = arrays.atoms, arrays.atoms[:, SIBLING]
    for near in (n for atom in terms for n in _chained(atoms[atom, NEAR], siblings)):
        one, other, within, ordered = arrays.pool[atoms[near, POOL] :][:4].tolist()
        if one in found and other in found:
            places = _near(found[one], found[other], within, bool(ordered), paragraphs)
            if places:
                found[near] = places
    for atom in terms:
        for edge in _chained(atoms[atom, EDGE], arrays.edges[:, NEXT_EDGE]):
            if arrays.edges[edge, BORN] <= generation < arrays.edges[edge, DIED]:
                found.setdefault(int(arrays.edges[edge, OWNER]), []).extend(found[atom])
    return found


def _chained(first: int, following: Array) -> Iterator[int]:
    place = int(first)
    while place >= 0:
        yield place
        place = int(following[place])


def _scopes(reading: Reading) -> Array:
    """Per token the scopes it belongs to, a bit each."""
    scopes = np.full(reading.size, 1 << Scope.ANY)
    scopes[: reading.title_end] |= 1 << Scope.TITLE
    if reading.has_body:
        scopes[reading.title_end :] |= 1 << Scope.BODY
    scopes[reading.title_end : reading.lead_end] |= 1 << Scope.LEAD
    return scopes


def _words(reading: Reading, lexicon: Lexicon, arrays: Arrays) -> Iterator[tuple[int, int, int]]:
    words, scopes = reading.words[: reading.size], _scopes(reading)
    distinct, which = np.unique(words, return_inverse=True)
    atoms_of = [
        [
            atom
            for symbol in (number, *lexicon.patterns_of(number))
            if symbol < len(arrays.word_first)
            for atom in _chained(arrays.word_first[symbol], arrays.atoms[:, SIBLING])
        ]
        for number in distinct.tolist()
    ]
    asked = np.array([bool(atoms) for atoms in atoms_of], np.bool_)
    for token in np.flatnonzero(asked[which]).tolist() if len(distinct) else ():
        for atom in atoms_of[which[token]]:
            if scopes[token] >> arrays.atoms[atom, SCOPE] & 1:
                yield atom, token, token


def _phrases(reading: Reading, segment: Segment, arrays: Arrays) -> Iterator[tuple[int, int, int]]:
    words, paragraphs = reading.words[: reading.size], reading.paragraphs[: reading.size]
    scopes = _scopes(reading)
    asked = np.sort(arrays.pairs[arrays.pairs[:, 1] > 0, 0])
    keys = words[:-1].astype(np.int64) << 32 | words[1:]
    if not len(asked) or not len(keys):
        return
    places = np.minimum(np.searchsorted(asked, keys), len(asked) - 1)
    for i in np.flatnonzero(asked[places] == keys).tolist():
        first = segment.pairs.get(pair_key(int(words[i]), int(words[i + 1])))
        for atom in _chained(first, arrays.atoms[:, SIBLING]):
            row = arrays.atoms[atom].tolist()
            start = i - row[PAIR]
            last = start + row[LENGTH] - 1
            if start < 0 or last >= reading.size or paragraphs[start] != paragraphs[last]:
                continue
            wanted = arrays.pool[row[POOL] :][: row[LENGTH]]
            if scopes[i] >> row[SCOPE] & 1 and (words[start : last + 1] == wanted).all():
                yield atom, start, last


def _near(
    ones: list[tuple[int, int]],
    others: list[tuple[int, int]],
    within: int,
    ordered: bool,
    paragraphs: Array,
) -> list[tuple[int, int]]:
    """The occurrences of both that are near one of the other."""
    a, b = np.array(ones), np.array(others)
    near_a, near_b = _reach_on(a, b, within, paragraphs), _reach_back(b, a, within, paragraphs)
    if not ordered:
        near_a |= _reach_back(a, b, within, paragraphs)
        near_b |= _reach_on(b, a, within, paragraphs)
    kept = [ones[i] for i in np.flatnonzero(near_a)] + [others[i] for i in np.flatnonzero(near_b)]
    return sorted(set(kept))


# Occurrences of a word or phrase are in order and of one length: the nearest one decides, and
# two very common words do not cost their product.


def _reach_on(places: Array, partners: Array, within: int, paragraphs: Array) -> Array:
    """Which places have a partner near behind them."""
    nearest = np.searchsorted(partners[:, 0], places[:, 1], side="right")
    partner = partners[np.minimum(nearest, len(partners) - 1), 0]
    near = (nearest < len(partners)) & (partner - places[:, 1] - 1 <= within)
    result: Array = near & (paragraphs[partner] == paragraphs[places[:, 1]])
    return result


def _reach_back(places: Array, partners: Array, within: int, paragraphs: Array) -> Array:
    """Which places have a partner near before them."""
    nearest = np.searchsorted(partners[:, 1], places[:, 0], side="left") - 1
    partner = partners[np.maximum(nearest, 0), 1]
    near = (nearest >= 0) & (places[:, 0] - partner - 1 <= within)
    result: Array = near & (paragraphs[partner] == paragraphs[places[:, 0]])
    return result


def find_rules(found: Occurrences, segment: Segment, generation: int) -> tuple[Array, Array, int]:
    """The slots of the rules that match, and of those to be evaluated; how many were tried."""
    arrays = segment.arrays()
    holds = np.zeros(segment.atoms, np.bool_)
    holds[list(found)] = True
    slots, guards = _hanging_on(list(found), arrays)
    slots = np.unique(slots[(guards < 0) | holds[guards]])
    rules = arrays.rules[slots]
    slots = slots[(rules[:, BORN] <= generation) & (generation < rules[:, DIED])]
    tried = len(slots)
    decided = (arrays.rules[slots, FLAGS] & ANCHOR_DECIDES) > 0
    decided[~decided] = _meet(slots[~decided], holds, arrays)
    slots = slots[decided]
    exact = (arrays.rules[slots, FLAGS] & EXACT) > 0
    return slots[exact], slots[~exact], tried


def _hanging_on(atoms: list[int], arrays: Arrays) -> tuple[Array, Array]:
    """The rules that hang on any of the atoms, and the guard of each."""
    places = []
    at = arrays.atoms[atoms, POST]
    while len(at := at[at >= 0]):
        places.append(at)
        at = arrays.posts[at, NEXT_POST]
    where = np.concatenate(places) if places else np.zeros(0, np.int32)
    return arrays.posts[where, SLOT], arrays.posts[where, GUARD]


def _meet(slots: Array, holds: Array, arrays: Arrays) -> Array:
    """Whether every clause of each rule has a literal that holds."""
    if not len(slots):
        return np.zeros(0, np.bool_)
    begins, ends = arrays.rules[slots, PROGRAM], arrays.rules[slots + 1, PROGRAM]
    lengths = ends - begins
    starts = np.cumsum(lengths) - lengths
    places = np.repeat(begins - starts, lengths) + np.arange(lengths.sum())
    literals = arrays.literals[places]
    held = holds[literals >> 2] != (literals & 1).astype(np.bool_)
    last = (literals & 2).astype(np.bool_)
    clauses = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    every = np.logical_or.reduceat(held, clauses)
    first_clauses = np.searchsorted(clauses, starts)
    result: Array = np.logical_and.reduceat(every, first_clauses)
    return result
