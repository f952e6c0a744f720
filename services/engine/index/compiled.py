"""Finding rules with the compiled kernel."""

import numpy as np

from schemas.article import Article
from schemas.matches import ArticleField
from services.engine.index import kernel
from services.engine.index.columns import Array
from services.engine.index.lexicon import Lexicon
from services.engine.index.reader import Reader
from services.engine.index.reading import Reading
from services.engine.index.scratch import Scratch, ScratchArrays
from services.engine.index.segment import Arrays, Segment

_ROWS = 4096


class KernelFinder:
    """Finds what `finding.NumpyFinder` finds."""

    def __init__(self, lexicon: Lexicon, segment: Segment) -> None:
        self._lexicon = lexicon
        self._segment = segment
        self._reader = Reader(lexicon)
        self._scratch = Scratch()
        self._rows: Array = np.zeros((_ROWS, 5), np.int32)

    def find(self, article: Article, generation: int) -> "KernelFound":
        reading = self._reader.read(article)
        facts = np.array(self._segment.facts.of(article), np.int32)
        arrays, lexicon = self._segment.arrays(), self._lexicon.arrays()
        scratch = self._scratch.for_article(self._segment.atoms, self._segment.slots)
        counts = self._scratch.counts
        while True:
            mark = self._scratch.mark
            kernel.find_atoms(reading, lexicon, arrays, facts, scratch, mark, generation, counts)
            if not counts[kernel.OVERFLOW]:
                break
            scratch = self._scratch.with_more_occurrences()
        matching, undecided = kernel.find_rules(
            arrays,
            scratch,
            mark,
            generation,
            counts,
            scratch.decided,
            scratch.undecided,
        )
        return KernelFound(
            self,
            reading,
            arrays,
            scratch,
            mark,
            np.sort(scratch.decided[:matching]),
            np.sort(scratch.undecided[:undecided]),
            int(counts[kernel.EVALUATED]),
        )

    def prove(self, found: "KernelFound", slots: Array) -> Array:
        """The rows of `kernel.prove`."""
        while True:
            count = kernel.prove(
                slots, found.arrays, found.scratch, found.mark, found.reading, self._rows
            )
            if count <= len(self._rows):
                rows: Array = self._rows[:count]
                return rows
            self._rows = np.zeros((2 * count, 5), np.int32)


class KernelFound:
    """What the kernel found."""

    def __init__(  # noqa: PLR0913, PLR0917 - what the kernel wrote
        self,
        finder: KernelFinder,
        reading: Reading,
        arrays: Arrays,
        scratch: ScratchArrays,
        mark: int,
        decided: Array,
        undecided: Array,
        candidates: int,
    ) -> None:
        self._finder = finder
        self.reading = reading
        self.arrays = arrays
        self.scratch = scratch
        self.mark = mark
        self.decided = decided
        self.undecided = undecided
        self.candidates = candidates

    def holds(self, atom: int) -> bool:
        return bool(self.scratch.marks[atom] == self.mark)

    def proof(self, slots: Array) -> tuple[Array, ArticleField]:
        return self._finder.prove(self, slots), self.reading.second_field
