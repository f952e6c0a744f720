"""Turns a rule into clauses over shared atoms.

Decides what of a rule the index can decide by itself. The rest (a proximity of lists, a
count, a bracket of ANDs inside an OR) is weakened to what an article needs in any case;
such a rule is then evaluated whenever an article has that. ORs are not split up.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from services.engine.characters import is_hangul
from services.engine.clitics import with_clitics
from services.engine.folding import fold
from services.engine.index.atoms import (
    SCOPES,
    AnyArticle,
    Atom,
    Clause,
    CompiledRule,
    ListAtom,
    Literal,
    MetaFact,
    NearAtom,
    PhraseAtom,
    StemFact,
    WordAtom,
)
from services.engine.options import Options
from services.engine.query import (
    And,
    AtLeast,
    InField,
    Meta,
    MetaField,
    Near,
    Node,
    Not,
    NotNear,
    Or,
    Query,
    SavedList,
    Span,
    Term,
    TextField,
    is_pattern,
)

Cost = Callable[[Clause], float]
"""How often a clause is expected to hold; only their order matters."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """Clauses that hold wherever a node does; `exact`: and only there."""

    clauses: tuple[Clause, ...] = ()
    exact: bool = False


_UNKNOWN = _Condition()


def compile_rule(query: Query, options: Options, cost: Cost) -> CompiledRule:
    """`query` as clauses; `cost` chooses among conditions that would all do."""
    condition = _Compiler(options, cost).holds(query.root, None, None)
    languages = tuple(Literal(MetaFact(MetaField.LANG, code)) for code in sorted(options.languages))
    clauses = (*condition.clauses, languages) if languages else condition.clauses
    if all(any(literal.negated for literal in clause) for clause in clauses):
        # No rule is true of nothing, so this should not be. It costs time, and no alert.
        clauses = (*clauses, (Literal(AnyArticle()),))
    return CompiledRule(clauses, condition.exact)


def members_of(saved: SavedList, scope: int, options: Options) -> frozenset[Atom] | None:
    """The atoms of which any makes the list hold; None where it takes more than that."""
    compiler = _Compiler(options, len)
    field = next(name for name, known in SCOPES.items() if known == scope)
    members: set[Atom] = set()
    for item in saved.items:
        condition = _simple(item, compiler, field)
        if condition is None:
            return None
        members |= {literal.atom for literal in condition}
    return frozenset(members)


def _simple(item: Node, compiler: "_Compiler", field: TextField | None) -> Clause | None:
    """The one clause that an item of a list is, if it is a term or an OR of terms."""
    match item:
        case Term():
            condition = compiler.holds(item, field, None)
            return condition.clauses[0] if condition.exact else None
        case Or(children) | SavedList(items=children):
            parts = [_simple(child, compiler, field) for child in children]
            known = [part for part in parts if part is not None]
            return _joined(known) if len(known) == len(parts) else None
        case _:
            return None


@dataclass(frozen=True, slots=True)
class _Compiler:
    options: Options
    cost: Cost

    # `written` is the span to be shown for what is below it; None: each node's own.

    def holds(self, node: Node, scope: TextField | None, written: Span | None) -> _Condition:  # noqa: PLR0911 - one for each kind of node
        match node:
            case Term():
                return self._term(node, scope, written or node.span)
            case And(children):
                return _all(self.holds(child, scope, written) for child in children)
            case Or(children):
                return self._any([self.holds(child, scope, written) for child in children])
            case Not(child):
                return self.fails(child, scope, written or node.span)
            case InField(name, child):
                own = node.span if _is_leaf(child) else None
                return self.holds(child, name, written or own)
            case SavedList():
                return self._list(node, scope, written or node.span)
            case Near():
                return self._near(node, scope, written or node.span)
            case NotNear():
                return _necessary(self.holds(node.wanted, scope, written or node.span))
            case AtLeast():
                condition = self.holds(node.operand, scope, written or node.span)
                return condition if node.count == 1 else _necessary(condition)
            case Meta():
                return _Condition((_metadata(node, written or node.span),), exact=True)
            case _:
                assert_never(node)

    def fails(self, node: Node, scope: TextField | None, written: Span) -> _Condition:
        """What holds wherever `node` does not."""
        match node:
            case And(children):
                return self._any([self.fails(child, scope, written) for child in children])
            case Or(children):
                return _all(self.fails(child, scope, written) for child in children)
            case Not(child):
                # Shown as a clause without words, which the literals of the child would have.
                return _necessary(self.holds(child, scope, written))
            case InField(name, child):
                return self.fails(child, name, written)
            case SavedList(items=items) if members_of(node, SCOPES[scope], self.options) is None:
                # An item may be a NOT: then the list asks for something where it fails.
                return _all(self.fails(item, scope, written) for item in items)
            case _:
                return _negated(self.holds(node, scope, written))

    def _any(self, conditions: Sequence[_Condition]) -> _Condition:
        if all(one.exact and len(one.clauses) == 1 for one in conditions):
            return _Condition((_joined(one.clauses[0] for one in conditions),), exact=True)
        best = [min(one.clauses, key=self.cost, default=None) for one in conditions]
        known = [clause for clause in best if clause is not None]
        return _Condition((_joined(known),)) if len(known) == len(best) else _UNKNOWN

    def _term(self, term: Term, scope: TextField | None, span: Span) -> _Condition:
        def literal(atom: Atom) -> Literal:
            return Literal(atom, False, span.start, span.end - span.start)

        where = SCOPES[scope]
        if term.exact:
            return _Condition(((literal(_atom(tuple(map(fold, term.words)), where)),),))
        if term.plain and not (self.options.stem or self.options.clitics):
            begins_anywhere = not is_hangul(term.words[0][0])
            return _Condition(((literal(_atom(term.words, where)),),), exact=begins_anywhere)
        each = [tuple(map(literal, self._word(term, n, where))) for n in range(len(term.words))]
        exact = len(each) == 1 and not (self._stems(term, 0) or is_hangul(term.words[0][0]))
        return _Condition(tuple(each), exact)

    def _word(self, term: Term, number: int, where: int) -> Iterable[Atom]:
        word = term.words[number]
        if self._stems(term, number):
            yield StemFact(word, term.marked[number], self.options.clitics)
        elif self.options.clitics and not is_pattern(word):
            yield from (WordAtom(one, where) for one in with_clitics(word))
        else:
            yield WordAtom(word, where)

    def _stems(self, term: Term, number: int) -> bool:
        return self.options.stem and not is_pattern(term.words[number])

    def _near(self, node: Near, scope: TextField | None, span: Span) -> _Condition:
        operands = [self.holds(operand, scope, span) for operand in node.operands]
        if len(operands) == 2 and all(_is_one_term(one) for one in operands):
            one, other = (operand.clauses[0][0].atom for operand in operands)
            within = node.links[0].within
            if (
                isinstance(within, int)
                and isinstance(one, WordAtom | PhraseAtom)
                and isinstance(other, WordAtom | PhraseAtom)
            ):
                atom = NearAtom(one, other, within, node.links[0].ordered)
                literal = Literal(atom, start=span.start, length=span.end - span.start)
                return _Condition(((literal,),), exact=True)
        return _necessary(_all(operands))

    def _list(self, node: SavedList, scope: TextField | None, span: Span) -> _Condition:
        if members_of(node, SCOPES[scope], self.options) is None:
            items = [self.holds(item, scope, span) for item in node.items]
            return _necessary(self._any(items))
        if self.options != Options():
            # The members differ from those that other rules mean by the same name.
            return self._any([self.holds(item, scope, span) for item in node.items])
        atom = ListAtom(node.name, SCOPES[scope])
        literal = Literal(atom, start=span.start, length=span.end - span.start)
        return _Condition(((literal,),), exact=True)


def _atom(words: tuple[str, ...], where: int) -> WordAtom | PhraseAtom:
    return WordAtom(words[0], where) if len(words) == 1 else PhraseAtom(words, where)


def _is_leaf(node: Node) -> bool:
    """Whether a field around `node` is shown with it (see `evaluate`)."""
    return isinstance(node, Term | AtLeast | SavedList)


def _is_one_term(condition: _Condition) -> bool:
    return condition.exact and len(condition.clauses) == 1 and len(condition.clauses[0]) == 1


def _metadata(node: Meta, span: Span) -> Clause:
    return tuple(
        Literal(MetaFact(node.name, value), start=span.start, length=span.end - span.start)
        for value in node.values
    )


def _all(conditions: Iterable[_Condition]) -> _Condition:
    known = list(conditions)
    clauses = tuple(clause for one in known for clause in one.clauses)
    return _Condition(clauses, all(one.exact for one in known))


def _necessary(condition: _Condition) -> _Condition:
    return replace(condition, exact=False)


def _negated(condition: _Condition) -> _Condition:
    """The negation of a leaf: one clause of positive literals, or nothing is known."""
    if not condition.exact or len(condition.clauses) != 1:
        return _UNKNOWN
    literals = condition.clauses[0]
    return _Condition(tuple((literal._replace(negated=True),) for literal in literals), exact=True)


def _joined(clauses: Iterable[Clause]) -> Clause:
    return tuple(literal for clause in clauses for literal in clause)
