"""Wildcards of a word: `*` any number of letters, digits or marks, `?` exactly one.

All possible places in the pattern are followed at once, one bit each, so that the time
grows with the word and nothing else (a backtracking expression can take years).
"""

from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

_CACHED_LENGTH = 64


def literal_prefix(pattern: str) -> str:
    """What every matching word begins with."""
    return "".join(takewhile(lambda char: char not in "*?", pattern))


def matches(pattern: str, word: str) -> bool:
    """Whether the whole of the folded `word` is of the form `pattern`."""
    is_short = len(word) <= _CACHED_LENGTH
    return _cached_matches(pattern, word) if is_short else _matches(pattern, word)


def _matches(pattern: str, word: str) -> bool:
    steps = _steps_of(pattern)
    reached = 1
    for char in word:
        # A word may hold a decimal point; that is neither letter, digit nor mark.
        by_wildcard, stays = (0, 0) if char == "." else (steps.any_one, steps.stars)
        moves = steps.literals.get(char, 0) | by_wildcard
        reached = (reached & moves) << 1 | (reached & stays)
        if not reached:
            return False
    return reached >> steps.length & 1 == 1


# What is longer than a word is not seen again, and would fill the memory.
_cached_matches = lru_cache(maxsize=65536)(_matches)


class _Steps(NamedTuple):
    """Bit *n* of a number is the place behind *n* characters of the pattern, stars left out."""

    literals: dict[str, int]
    """From which places a character leads one further."""
    any_one: int
    """From which places any character does."""
    stars: int
    """At which places any characters may pass."""
    length: int


@lru_cache(maxsize=4096)
def _steps_of(pattern: str) -> _Steps:
    literals: dict[str, int] = {}
    any_one = stars = place = 0
    for char in pattern:
        if char == "*":
            stars |= 1 << place
            continue
        if char == "?":
            any_one |= 1 << place
        else:
            literals[char] = literals.get(char, 0) | 1 << place
        place += 1
    return _Steps(literals, any_one, stars, place)
