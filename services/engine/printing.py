"""Writes a query back as rule text: fully bracketed, one spelling for each meaning.

`parse(written(query.root))` is an equal query; that is how a rule "as it was read" is
shown. Decides brackets and quotes only.
"""

from itertools import pairwise
from typing import assert_never

from services.engine.characters import is_cut, is_hangul
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
)

_OPERATORS = frozenset({"AND", "OR", "NOT", "NEAR", "ONEAR", "ATLEAST"})
# An opening quote and those that close it (see `tokens`): one pair fits every value.
_QUOTES = (('"', '"', '"＂”'), ("«", "»", "»"), ("「", "」", "」"), ("“", "”", '”"＂'))


def written(node: Node) -> str:
    """`node` as rule text."""
    match node:
        case Or():
            return " OR ".join(map(_within_brackets, node.children))
        case And():
            return " AND ".join(map(_within_brackets, node.children))
        case Not():
            return f"NOT {_within_brackets(node.child)}"
        case Near() | NotNear():
            return _proximity(node)
        case _:
            return _primary(node)


def _within_brackets(node: Node) -> str:
    is_compound = isinstance(node, Or | And | Not | Near | NotNear)
    return f"({written(node)})" if is_compound else written(node)


def _proximity(node: Near | NotNear) -> str:
    if isinstance(node, NotNear):
        wanted, unwanted = map(_within_brackets, (node.wanted, node.unwanted))
        return f"{wanted} NOT {_link(node.link)} {unwanted}"
    first, *others = map(_within_brackets, node.operands)
    pairs = zip(map(_link, node.links), others, strict=True)
    return " ".join([first, *(part for pair in pairs for part in pair)])


def _link(link: Link) -> str:
    return f"{'ONEAR' if link.ordered else 'NEAR'}/{link.within}"


def _primary(node: Term | SavedList | AtLeast | InField | Meta) -> str:
    match node:
        case Term():
            return _term(node)
        case SavedList():
            return f"@{node.name}"
        case AtLeast():
            return f"ATLEAST/{node.count} {_within_brackets(node.operand)}"
        case InField():
            return f"{node.name}:{_within_brackets(node.child)}"
        case Meta():
            return _metadata(node)
        case _:
            assert_never(node)


def _term(term: Term) -> str:
    text = term.words[0]
    for before, word in pairwise(term.words):
        text += word if _is_single(before) and _is_single(word) else f" {word}"
    is_plain = text.replace("*", "").replace("?", "").isalnum() and text not in _OPERATORS
    return ("exact:" if term.exact else "") + (text if is_plain else f'"{text}"')


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
