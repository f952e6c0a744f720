"""Room for one article's findings in a segment, used again for the next article."""

from typing import NamedTuple

import numpy as np

from services.engine.index.columns import Array

_OCCURRENCES = 4096
_LAST_MARK = 2**31 - 2


class ScratchArrays(NamedTuple):
    """What is found. An entry counts only where its mark is the article's."""

    marks: Array
    """Per atom the article for which it held last; `head` and `tail` likewise."""
    head: Array
    """Per atom its first occurrence, -1 for none."""
    tail: Array
    true: Array
    """The atoms that hold."""
    first: Array
    """Per occurrence its first token, its last, and the next occurrence of the atom."""
    last: Array
    next: Array
    kept: Array
    seen: Array
    """Per slot the article for which it was looked at last."""
    decided: Array
    undecided: Array


class Scratch:
    """The arrays, as large as their segment asks for."""

    def __init__(self) -> None:
        self.mark = 0
        self._atoms = self._slots = -1
        self._occurrences = _OCCURRENCES
        self.counts: Array = np.zeros(4, np.int64)

    def for_article(self, atoms: int, slots: int) -> ScratchArrays:
        """The arrays for the next article."""
        if atoms > self._atoms or slots > self._slots or self.mark >= _LAST_MARK:
            self._make(atoms, slots)
        self.mark += 1
        return self._arrays

    def with_more_occurrences(self) -> ScratchArrays:
        """Larger arrays, for the same article from the start."""
        self._occurrences *= 4
        self._make(self._atoms, self._slots)
        self.mark += 1
        return self._arrays

    def _make(self, atoms: int, slots: int) -> None:
        # With room to spare, so that not every new rule makes all arrays anew.
        self._atoms = atoms + atoms // 8 + 64
        self._slots = slots + slots // 8 + 64
        self.mark = 0
        sizes = dict.fromkeys(("marks", "head", "tail", "true"), self._atoms)
        sizes |= dict.fromkeys(("first", "last", "next", "kept"), self._occurrences)
        sizes |= dict.fromkeys(("seen", "decided", "undecided"), self._slots)
        self._arrays = ScratchArrays(
            **{name: np.zeros(size, np.int32) for name, size in sizes.items()}
        )
