"""Whether a rule holds for an article, and the proof.

Decides the meaning of every node. `lead` of an article without a body is its summary;
the field a node is looked for in comes from above (`scope`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from schemas.matches import ArticleField, Clause, Hit
from services.engine.checks import has_occurrences
from services.engine.document import Document, Found
from services.engine.metadata import article_language, has_value
from services.engine.options import DEFAULT_OPTIONS, Options
from services.engine.places import Place, count_apart, merged
from services.engine.proximity import alone, chain
from services.engine.query import (
    And,
    AtLeast,
    InField,
    Meta,
    Near,
    Node,
    Not,
    NotNear,
    Or,
    Query,
    SavedList,
    Term,
    TextField,
)

_Scope = TextField | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One rule on one article."""

    query: Query
    document: Document
    options: Options = DEFAULT_OPTIONS

    def proof(self) -> tuple[Clause, ...] | None:
        """The clauses that held; None if the article does not match."""
        if not self._is_wanted_language() or not self.holds(self.query.root):
            return None
        return tuple(self.clauses(self.query.root))

    def _is_wanted_language(self) -> bool:
        languages = self.options.languages
        return not languages or article_language(self.document.article) in languages

    def holds(self, node: Node, scope: _Scope = None) -> bool:  # noqa: PLR0911 - one for each kind of node
        """Whether `node` is true of the article."""
        match node:
            case Term():
                return bool(self.document.find(node, scope, self.options))
            case And():
                return all(self.holds(child, scope) for child in node.children)
            case Or():
                return any(self.holds(child, scope) for child in node.children)
            case SavedList():
                return any(self.holds(item, scope) for item in node.items)
            case Not():
                return not self.holds(node.child, scope)
            case InField():
                return self.holds(node.child, node.name)
            case Meta():
                return any(has_value(self.document.article, node.name, v) for v in node.values)
            case AtLeast():
                return self._count(node, scope) >= node.count
            case Near() | NotNear():
                return bool(self.found(node, scope))
            case _:
                assert_never(node)

    def found(self, node: Node, scope: _Scope = None) -> Found:
        """Where the occurrences that make `node` true stand."""
        match node:
            case Near():
                return self._found_near(node, scope)
            case NotNear():
                return self._found_alone(node, scope)
            case AtLeast():
                return self.found(node.operand, scope)
            case InField():
                return self.found(node.child, node.name)
            case _:
                return self.document.find(node, scope, self.options)

    def _count(self, node: AtLeast, scope: _Scope) -> int:
        return sum(map(count_apart, self.found(node, scope).values()))

    def _found_near(self, node: Near, scope: _Scope) -> Found:
        operands = [self.found(operand, scope) for operand in node.operands]
        found: dict[ArticleField, Sequence[Place]] = {}
        for field in operands[0]:
            places = [operand.get(field, ()) for operand in operands]
            links = chain(places, node.links, self.document.texts[field])
            if links is not None:
                found[field] = merged(links)
        return found

    def _found_alone(self, node: NotNear, scope: _Scope) -> Found:
        unwanted = self.found(node.unwanted, scope)
        found: dict[ArticleField, Sequence[Place]] = {}
        for field, wanted in self.found(node.wanted, scope).items():
            text = self.document.texts[field]
            places = alone(wanted, unwanted.get(field, ()), node.link, text)
            if places:
                found[field] = places
        return found

    def clauses(self, node: Node, scope: _Scope = None) -> Iterator[Clause]:
        """The proof of a node that holds; of an OR, the alternatives that held."""
        match node:
            case And():
                for child in node.children:
                    yield from self.clauses(child, scope)
            case Or():
                for child in node.children:
                    if self.holds(child, scope):
                        yield from self.clauses(child, scope)
            case InField() if not _is_leaf(node.child):
                yield from self.clauses(node.child, node.name)
            case SavedList() if not has_occurrences(node):
                yield Clause(clause=self.query.written(node), hits=self._hits_of_items(node, scope))
            case Not() | Meta():
                yield Clause(clause=self.query.written(node))
            case _:
                hits = self._hits(self.found(node, scope))
                yield Clause(clause=self.query.written(node), hits=hits)

    def _hits_of_items(self, node: SavedList, scope: _Scope) -> tuple[Hit, ...]:
        held = [item for item in node.items if self.holds(item, scope)]
        return in_order(
            hit for item in held for clause in self.clauses(item, scope) for hit in clause.hits
        )

    def _hits(self, found: Mapping[ArticleField, Sequence[Place]]) -> tuple[Hit, ...]:
        return in_order(
            self._hit(field, place) for field, places in found.items() for place in places
        )

    def _hit(self, field: ArticleField, place: Place) -> Hit:
        words = self.document.texts[field].words
        return Hit(field=field, start=words[place[0]].start, end=words[place[1]].end)


def in_order(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """Each place once, in the order of the text: one character may hold several words."""
    given = tuple(hits)
    if len(given) < 2:
        return given
    distinct = {(hit.field is not ArticleField.TITLE, hit.start, hit.end): hit for hit in given}
    return tuple(distinct[key] for key in sorted(distinct))


def _is_leaf(node: Node) -> bool:
    return isinstance(node, Term | AtLeast) or (
        isinstance(node, SavedList) and has_occurrences(node)
    )
