"""The smallest things a stored rule asks for, and rules as clauses of them.

Atoms are shared by all rules of a segment: a word, a phrase or a proximity in a part of the
text, a saved list, a fact about the article. Holds shapes only.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from services.engine.query import MetaField, TextField


class Scope(IntEnum):
    """The part of the text in which an atom is looked for."""

    ANY = 0
    TITLE = 1
    BODY = 2
    LEAD = 3


# Numbers, not members: their hash is much cheaper, and atoms are hashed a lot.
SCOPES: dict[TextField | None, int] = {
    None: Scope.ANY.value,
    TextField.TITLE: Scope.TITLE.value,
    TextField.BODY: Scope.BODY.value,
    TextField.LEAD: Scope.LEAD.value,
}


@dataclass(frozen=True, slots=True)
class WordAtom:
    """A folded word, or with `*` or `?` in it any word of that form."""

    word: str
    scope: int


@dataclass(frozen=True, slots=True)
class PhraseAtom:
    """Two or more folded words, adjacent and in order, in one paragraph."""

    words: tuple[str, ...]
    scope: int


@dataclass(frozen=True, slots=True)
class NearAtom:
    """Two words or phrases with at most `within` words between them, in one paragraph."""

    one: "WordAtom | PhraseAtom"
    other: "WordAtom | PhraseAtom"
    within: int
    ordered: bool


@dataclass(frozen=True, slots=True)
class ListAtom:
    """Any member of a saved list."""

    name: str
    scope: int


@dataclass(frozen=True, slots=True)
class MetaFact:
    """The article has this value in a metadata field."""

    field: MetaField
    value: str


@dataclass(frozen=True, slots=True)
class StemFact:
    """Some word of the article is this one, or has its stem in the article's language.

    `marked` is the word with its marks; `clitics`: or either of these behind particles.
    """

    word: str
    marked: str
    clitics: bool


@dataclass(frozen=True, slots=True)
class AnyArticle:
    """Holds of every article: what a rule hangs on that has nothing else to hang on."""


Fact = MetaFact | StemFact | AnyArticle
Atom = WordAtom | PhraseAtom | NearAtom | ListAtom | Fact


class Literal(NamedTuple):
    """An atom that must (not) hold; `start` and `length` are what it was written as.

    A length of 0 is for what the rule does not write, such as its languages.
    """

    atom: Atom
    negated: bool = False
    start: int = 0
    length: int = 0


Clause = tuple[Literal, ...]
"""Literals of which at least one must hold."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule as clauses that must all hold.

    Where `exact` is false they are necessary only: what meets them is to be evaluated.
    """

    clauses: tuple[Clause, ...]
    exact: bool
