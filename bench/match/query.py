"""Watch rules in a neutral form, printed in our language and in Lucene's.

Decides what a generated rule can say: only what both languages can. Words are lower case
and stand for themselves in both (see `generate`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    word: str


@dataclass(frozen=True, slots=True)
class Title:
    """A word that must stand in the title."""

    word: str


@dataclass(frozen=True, slots=True)
class Prefix:
    letters: str


@dataclass(frozen=True, slots=True)
class Phrase:
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Two words in either order, at most `within` words between."""

    one: str
    other: str
    within: int


@dataclass(frozen=True, slots=True)
class All:
    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Only as a child of All, beside a child that is none."""

    child: "Node"


Node = Word | Title | Prefix | Phrase | Near | All | AnyOf | Not


def ours(node: Node) -> str:
    """In Wirewatch's rule language."""
    match node:
        case Near(one, other, within):
            return f"({one} NEAR/{within} {other})"
        case All(children):
            return f"({' AND '.join(map(ours, children))})"
        case AnyOf(children):
            return f"({' OR '.join(map(ours, children))})"
        case Not(child):
            return f"NOT {ours(child)}"
        case _:
            return _leaf(node)


def lucene(node: Node) -> str:
    """In Lucene's classic syntax, brackets everywhere: without, OR and AND do not mix."""
    match node:
        case Near(one, other, within):
            return f'"{one} {other}"~{within}'
        case All(children):
            return f"({' AND '.join(map(lucene, children))})"
        case AnyOf(children):
            return f"({' OR '.join(map(lucene, children))})"
        case Not(child):
            return f"NOT {lucene(child)}"
        case _:
            return _leaf(node)


def _leaf(node: Word | Title | Prefix | Phrase) -> str:
    match node:
        case Word(word):
            return word
        case Title(word):
            return f"title:{word}"
        case Prefix(letters):
            return f"{letters}*"
        case Phrase(words):
            return f'"{" ".join(words)}"'


def edited(node: Node, edit: Callable[[str], str]) -> Node:
    """The rule with each of its words edited."""
    match node:
        case All(children) | AnyOf(children):
            return type(node)(tuple(edited(child, edit) for child in children))
        case Not(child):
            return Not(edited(child, edit))
        case Phrase(words):
            return Phrase(tuple(map(edit, words)))
        case Near(one, other, within):
            return Near(edit(one), edit(other), within)
        case Word(text) | Title(text) | Prefix(text):
            return type(node)(edit(text))


_KINDS = {kind.__name__: kind for kind in (Word, Title, Prefix, Phrase, Near, All, AnyOf, Not)}


def stored(node: Node) -> list[Any]:
    """For a JSON file: `["Near", "oil", "price", 5]`."""
    match node:
        case Phrase(words):
            return ["Phrase", *words]
        case Near(one, other, within):
            return ["Near", one, other, within]
        case All(children) | AnyOf(children):
            return [type(node).__name__, *map(stored, children)]
        case Not(child):
            return ["Not", stored(child)]
        case Word(text) | Title(text) | Prefix(text):
            return [type(node).__name__, text]


def restored(value: Sequence[Any]) -> Node:
    """The node that `stored` made `value` of."""
    kind, *rest = value
    match _KINDS[kind]:
        case many if many is All or many is AnyOf:
            return many(tuple(map(restored, rest)))
        case one if one is Phrase:
            return Phrase(tuple(rest))
        case one if one is Not:
            return Not(restored(rest[0]))
        case leaf:
            return leaf(*rest)
