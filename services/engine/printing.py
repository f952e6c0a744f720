"""Writes a query back as rule text: one spelling for each meaning.

`parse(written(query.root))` is an equal query; `bracketed` shows how a rule was read.
Decides brackets and quotes only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never

from services.engine.characters import is_cut, is_hangul, joins_before
from services.engine.query import (
    And,
    AtLeast,
    InField,
    Link,
    Meta,
    Near,
    Node,
    Not,
    NotNear,
    Or,
    SavedList,
    Term,
    children_of,
)

_OPERATORS = frozenset({"AND", "OR", "NOT", "NEAR", "ONEAR", "ATLEAST"})
# An opening quote and those that close it (see `tokens`): one pair fits every value.
_QUOTES = (('"', '"', '"＂”'), ("«", "»", "»"), ("「", "」", "」"), ("“", "”", '”"＂'))


def written(node: Node) -> str:
    """`node` as rule text that is read as `node`, with no more brackets than it takes.

    It nests no deeper than what `node` was read from, and may be longer.
    """
    return _Writer(_takes_brackets).of(node)


def bracketed(node: Node) -> str:
    """`node` as rule text, with brackets around everything that binds several things."""
    return _Writer(lambda _, child: isinstance(child, _COMPOUND)).of(node)


_COMPOUND = Or | And | Not | Near | NotNear


def _takes_brackets(parent: Node, child: Node) -> bool:
    match parent:
        case Or():
            return isinstance(child, Or)
        case And():
            return isinstance(child, Or | And)
        case Not():
            return isinstance(child, Or | And | Not)
        case _:
            return isinstance(child, _COMPOUND)


@dataclass(frozen=True, slots=True)
class _Writer:
    takes_brackets: Callable[[Node, Node], bool]

    def of(self, node: Node) -> str:
        match node:
            case Or():
                return " OR ".join(self._below(node))
            case And():
                return " AND ".join(self._below(node))
            case Not():
                return self._denial(node)
            case Near() | NotNear():
                return self._proximity(node)
            case _:
                return self._primary(node)

    def _below(self, node: Node) -> list[str]:
        return [self._inside(node, child) for child in children_of(node)]

    def _inside(self, parent: Node, child: Node) -> str:
        text = self.of(child)
        return f"({text})" if self.takes_brackets(parent, child) else text

    def _denial(self, node: Not) -> str:
        # A sign denies a denial without the level that brackets would cost.
        if isinstance(node.child, Not) and not isinstance(node.child.child, Not):
            return f"NOT -{self._inside(node.child, node.child.child)}"
        return f"NOT {self._inside(node, node.child)}"

    def _proximity(self, node: Near | NotNear) -> str:
        first, *others = self._below(node)
        if isinstance(node, NotNear):
            return f"{first} NOT {_link(node.link)} {others[0]}"
        pairs = zip(map(_link, node.links), others, strict=True)
        return " ".join([first, *(part for pair in pairs for part in pair)])

    def _primary(self, node: Term | SavedList | AtLeast | InField | Meta) -> str:
        match node:
            case Term():
                return _term(node)
            case SavedList():
                return f"@{node.name}"
            case AtLeast():
                return f"ATLEAST/{node.count} {self._inside(node, node.operand)}"
            case InField():
                return f"{node.name}:{self._inside(node, node.child)}"
            case Meta():
                return _metadata(node)
            case _:
                assert_never(node)


def _link(link: Link) -> str:
    return f"{'ONEAR' if link.ordered else 'NEAR'}/{link.within}"


def _term(term: Term) -> str:
    text = term.words[0]
    for before, word in pairwise(term.words):
        text += word if _may_touch(before, word) else f" {word}"
    is_plain = text.replace("*", "").replace("?", "").isalnum() and text not in _OPERATORS
    return ("exact:" if term.exact else "") + (text if is_plain else f'"{text}"')


def _may_touch(before: str, word: str) -> bool:
    """Whether two words stay two without white space between them."""
    return _is_single(before) and _is_single(word) and not joins_before(word[0])


def _is_single(word: str) -> bool:
    return is_cut(word[0]) or is_hangul(word[0])


def _metadata(node: Meta) -> str:
    values = list(map(_value, node.values))
    return f"{node.name}:{values[0] if len(values) == 1 else '(' + ' OR '.join(values) + ')'}"


def _value(value: str) -> str:
    if value != "OR" and not any(c.isspace() or c in '()|（）｜"“”„«»「」＂' for c in value):
        return value
    for opening, closing, closers in _QUOTES:
        if not any(char in closers for char in value):
            return f"{opening}{value}{closing}"
    return f'"{value}"'
