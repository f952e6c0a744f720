"""The syntax tree of a watch rule.

Holds shapes only: reading is `parse`, writing `printing`, meaning `evaluate`. Spans
point into the text the node was read from and take no part in equality.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, assert_never


class Span(NamedTuple):
    """`[start, end)` in code points."""

    start: int = 0
    end: int = 0


class TextField(StrEnum):
    """A part of the text that a rule may name."""

    TITLE = "title"
    LEAD = "lead"
    BODY = "body"


class MetaField(StrEnum):
    """A fact about the article that a rule may ask for."""

    SOURCE = "source"
    AUTHOR = "author"
    CATEGORY = "category"
    URL = "url"
    LANG = "lang"


class Unit(StrEnum):
    """What a proximity may be measured in besides words."""

    SENTENCE = "S"
    PARAGRAPH = "P"


@dataclass(frozen=True, slots=True)
class Term:
    """Words, adjacent and in order; a word with `*` or `?` in it is a pattern.

    The words are folded, unless `exact`: then they keep case and marks.
    """

    words: tuple[str, ...]
    exact: bool = False
    span: Span = field(default=Span(), compare=False)
    marked: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The words case-folded, with the marks that folding drops: what a stemmer sees."""
    plain: bool = field(init=False, compare=False, repr=False)
    """Whether each word must stand in the text exactly as it stands here."""

    def __post_init__(self) -> None:
        plain = not self.exact and not is_pattern("".join(self.words))
        object.__setattr__(self, "plain", plain)
        if self.marked is not self.words and self.marked in ((), self.words):
            object.__setattr__(self, "marked", self.words)


@dataclass(frozen=True, slots=True)
class SavedList:
    """A saved list: any of its expressions. Spans inside `items` belong to the list."""

    name: str
    items: tuple["Node", ...]
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True, slots=True)
class Link:
    """How near: at most `within` words between, or in one sentence or paragraph."""

    within: int | Unit
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """A chain: one occurrence of each operand, each near the one before it."""

    operands: tuple["Node", ...]
    links: tuple[Link, ...]
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True, slots=True)
class NotNear:
    """Some occurrence of `wanted` without an `unwanted` near it."""

    wanted: "Node"
    unwanted: "Node"
    link: Link
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The operand occurs at least `count` times."""

    count: int
    operand: "Node"
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True, slots=True)
class InField:
    """The child, looked for in one field only."""

    name: TextField
    child: "Node"
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True, slots=True)
class Meta:
    """A metadata field has one of the values (as written; words for author, category)."""

    name: MetaField
    values: tuple[str, ...]
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The child does not hold."""

    child: "Node"
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """All children hold."""

    children: tuple["Node", ...]
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one child holds."""

    children: tuple["Node", ...]
    span: Span = field(default=Span(), compare=False)


Node = Term | SavedList | Near | NotNear | AtLeast | InField | Meta | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A rule as read: its tree, and the text that the spans point into."""

    root: Node
    text: str = field(default="", compare=False)

    def written(self, node: Node) -> str:
        """The part of the rule that `node` was read from."""
        return self.text[node.span.start : node.span.end]


def is_pattern(word: str) -> bool:
    """Whether a word of a term has wildcards. The analyser leaves neither in a word."""
    return "*" in word or "?" in word


def children_of(node: Node) -> tuple[Node, ...]:  # noqa: PLR0911 - one for each kind of node
    """The nodes directly below `node`."""
    match node:
        case Term() | Meta():
            return ()
        case SavedList():
            return node.items
        case Near():
            return node.operands
        case NotNear():
            return (node.wanted, node.unwanted)
        case AtLeast():
            return (node.operand,)
        case InField() | Not():
            return (node.child,)
        case And() | Or():
            return node.children
        case _:
            assert_never(node)


def walk(node: Node) -> Iterator[Node]:
    """`node` and all below it, parents first, in the order of the text."""
    yield node
    for child in children_of(node):
        yield from walk(child)
