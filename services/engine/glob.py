"""Wildcards of a word: `*` any number of letters, digits or marks, `?` exactly one.

All possible positions in the pattern are followed at once, so that no pattern takes
longer than its length times the word's (a backtracking expression can take years).
"""

from functools import lru_cache
from itertools import takewhile


def literal_prefix(pattern: str) -> str:
    """What every matching word begins with."""
    return "".join(takewhile(lambda char: char not in "*?", pattern))


@lru_cache(maxsize=65536)
def matches(pattern: str, word: str) -> bool:
    """Whether the whole of the folded `word` is of the form `pattern`."""
    states = _past_stars(pattern, {0})
    for char in word:
        states = _past_stars(pattern, _after(pattern, states, char))
        if not states:
            return False
    return len(pattern) in states


def _after(pattern: str, states: set[int], char: str) -> set[int]:
    following = set()
    for state in states:
        expected = pattern[state : state + 1]
        # A word may hold a decimal point; that is neither letter, digit nor mark.
        if expected == "*" and char != ".":
            following.add(state)
        elif expected == char or (expected == "?" and char != "."):
            following.add(state + 1)
    return following


def _past_stars(pattern: str, states: set[int]) -> set[int]:
    reached = set(states)
    for state in states:
        place = state
        while pattern[place : place + 1] == "*":
            place += 1
            reached.add(place)
    return reached
