"""What an article meets in a segment, found by NumPy or by the compiled kernel.

Both give the same slots and the same proof. The kernel pays from some thousand rules on:
loading it takes memory and, the very first time on a machine, seconds of compiling.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from schemas.article import Article
from schemas.matches import ArticleField
from services.engine.document import Document
from services.engine.index import reference
from services.engine.index.columns import Array
from services.engine.index.lexicon import Lexicon
from services.engine.index.reading import Reading, read
from services.engine.index.segment import Segment

Row = tuple[int, int, ArticleField, int, int]
"""An occurrence: which of the slots, which of its literals, field, start, end."""


class Found(Protocol):
    """What was found for one article; valid until the next is looked at."""

    decided: Array
    """The slots of the rules that match, in order."""
    undecided: Array
    """The slots of the rules that may, and are to be evaluated."""
    candidates: int
    """How many rules were looked at."""

    def holds(self, atom: int) -> bool:
        """Whether an atom holds."""

    def proof(self, slots: Array) -> tuple[Array, ArticleField]:
        """A row for each occurrence of what made the rules match, and what the text is.

        The columns: which of `slots`, which literal of it, 0 for the title or 1 for the text
        behind it, start, end.
        """


class Finder(Protocol):
    """Finds rules in one segment."""

    def find(self, article: Article, generation: int) -> Found:
        """What the article meets of the rules as they were at `generation`."""


class NumpyFinder:
    """The reference."""

    def __init__(self, lexicon: Lexicon, segment: Segment) -> None:
        self._lexicon = lexicon
        self._segment = segment

    def find(self, article: Article, generation: int) -> "NumpyFound":
        if self._lexicon.is_full:
            self._lexicon.forget()
        reading = read(Document(article), self._lexicon)
        facts = self._segment.facts.of(article)
        atoms = reference.find_atoms(reading, self._lexicon, self._segment, facts, generation)
        return NumpyFound(self._segment, reading, atoms, generation)


class NumpyFound:
    """What the reference found."""

    def __init__(
        self,
        segment: Segment,
        reading: Reading,
        atoms: reference.Occurrences,
        generation: int,
    ) -> None:
        self._segment = segment
        self._reading = reading
        self._atoms = atoms
        found = reference.find_rules(atoms, segment, generation)
        self.decided, self.undecided, self.candidates = found

    def holds(self, atom: int) -> bool:
        return atom in self._atoms

    def proof(self, slots: Array) -> tuple[Array, ArticleField]:
        reading = self._reading
        rows = [
            (n, k, int(first >= reading.title_end), reading.starts[first], reading.ends[last])
            for n, slot in enumerate(slots.tolist())
            for k, literal in enumerate(self._segment.program(slot))
            if not literal & 1
            for first, last in self._atoms.get(literal >> 2, ())
        ]
        return np.array(rows, np.int32).reshape(-1, 5), reading.second_field


def kernel_is_there() -> bool:
    """Whether the compiler that the kernel needs is installed."""
    return find_spec("numba") is not None


def open_kernel(lexicon: Lexicon, segment: Segment) -> Finder:
    """The compiled finder; may have to compile at its first article, see `warm`."""
    from services.engine.index.compiled import KernelFinder  # noqa: PLC0415 - loads numba

    return KernelFinder(lexicon, segment)


def literals_that_hold(found: Found, program: Sequence[int]) -> list[int]:
    """Which literals of a program hold, by their place in it."""
    return [
        k for k, literal in enumerate(program) if found.holds(literal >> 2) != bool(literal & 1)
    ]
