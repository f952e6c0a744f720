"""What a rule may spend: characters, terms and levels of nesting.

Decides the limits and where the reader of a rule stands against them. A saved list is read
once for each rule and charged each time it is used, so that lists of lists that double
come to the limit of terms without being written out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.engine.query import Node

Lists = Mapping[str, Sequence[str]]

MAX_CHARACTERS = 20_000
MAX_TERMS = 2_000
MAX_NESTING = 64


@dataclass(frozen=True, slots=True)
class ListRead:
    """A saved list that has been read, and what each use of it costs."""

    items: tuple[Node, ...]
    terms: int
    levels: int


@dataclass(slots=True)
class Budget:
    """What is left for a whole rule, its lists included; `deepest` is the level reached."""

    terms: int = MAX_TERMS
    deepest: int = 0
    lists: dict[tuple[str, bool], ListRead] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reader stands: what is left to spend and what it is inside of."""

    saved: Lists
    budget: Budget = field(default_factory=Budget)
    depth: int = 0
    names: tuple[str, ...] = ()
    in_field: bool = False

    def deeper(self, levels: int = 1) -> "Place | None":
        """The place so many levels below; None if that is too deep."""
        depth = self.depth + levels
        self.budget.deepest = max(self.budget.deepest, depth)
        return replace(self, depth=depth) if depth <= MAX_NESTING else None
