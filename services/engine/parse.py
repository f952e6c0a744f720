"""Reads a watch rule: text becomes a Query, or a RuleError says what is wrong where.

Decides precedence and what may stand where. Characters are `tokens`' business, the words
of a term `terms`', values of metadata `metadata`'s, whether a whole rule makes sense
`checks`'.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from services.engine.budget import (
    MAX_CHARACTERS,
    MAX_NESTING,
    MAX_TERMS,
    ListRead,
    Lists,
    Place,
)
from services.engine.checks import can_be_counted, check_operand, check_query
from services.engine.cursor import Cursor
from services.engine.errors import RuleError, shortened
from services.engine.operators import check_number_is_attached, count_of, link_of
from services.engine.query import (
    And,
    AtLeast,
    InField,
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
from services.engine.terms import TermReader
from services.engine.tokens import Kind, Token
from services.engine.values import read_metadata

__all__ = ["Lists", "parse"]

_BINARY = frozenset({Kind.AND, Kind.OR, Kind.NEAR})
_ENDS = frozenset({Kind.END, Kind.CLOSE, Kind.OR})


def parse(text: str, lists: Lists | None = None) -> Query:
    """The rule that `text` expresses; `lists` are the saved lists that it may name."""
    return check_query(Query(_Parser(text, Place(lists or {})).whole(), text))


class _Parser:
    def __init__(self, text: str, place: Place) -> None:
        if len(text) > MAX_CHARACTERS:
            message = f"a rule has at most {MAX_CHARACTERS} characters"
            raise RuleError(message, MAX_CHARACTERS, text)
        self._place = place
        self._cursor = Cursor(text)
        self._terms = TermReader(text)

    def whole(self) -> Node:
        if self._cursor.at(Kind.END):
            self._cursor.fail("the rule is empty; write a word to watch for", 0)
        node = self._or()
        if self._cursor.at(Kind.CLOSE):
            self._cursor.fail("this bracket was never opened", self._cursor.start)
        return node

    # --- from the loosest operator to the tightest

    def _or(self) -> Node:
        start = self._cursor.start
        children = [self._and()]
        while self._cursor.at(Kind.OR):
            operator = self._cursor.take()
            if not self._cursor.is_single(_ENDS):
                self._need_right_side(operator)
            children.append(self._and())
        return children[0] if len(children) == 1 else Or(tuple(children), self._cursor.since(start))

    def _and(self) -> Node:
        if self._cursor.is_single(_ENDS):  # most of a long rule, and quicker said than parsed
            return self._word()
        start = self._cursor.start
        children = [self._not()]
        while not self._cursor.at(*_ENDS):
            if self._cursor.at(Kind.AND):
                self._need_right_side(self._cursor.take())
            children.append(self._not())
        if len(children) == 1:
            return children[0]
        return And(tuple(children), self._cursor.since(start))

    def _not(self) -> Node:
        if not self._cursor.at(Kind.NOT, Kind.PLUS, Kind.MINUS):
            return self._near()
        if self._cursor.at_not_near():
            self._cursor.fail("NOT NEAR has nothing on its left side", self._cursor.start)
        sign = self._cursor.take()
        self._need_right_side(sign)
        if sign.kind is Kind.NOT and self._cursor.at(Kind.NOT):
            self._cursor.fail(
                "NOT stands twice; leave both out, or use brackets", self._cursor.start
            )
        with_sign = self._deeper(sign.start)
        child = self._not()
        self._place = with_sign
        return child if sign.kind is Kind.PLUS else Not(child, self._cursor.since(sign.start))

    def _near(self) -> Node:
        start = self._cursor.start
        first = self._primary()
        if self._cursor.at_not_near():
            return self._not_near(start, first)
        if not self._cursor.at(Kind.NEAR):
            return first
        check_operand(first, self._cursor.now.text, self._cursor.text, start)
        operands, links = [first], []
        while self._cursor.at(Kind.NEAR):
            operator, operand = self._operator_and_operand()
            links.append(link_of(operator, self._cursor.text))
            operands.append(operand)
            if self._cursor.at_not_near():
                self._cursor.fail("NOT NEAR cannot stand in a chain; use AND", self._cursor.start)
        return Near(tuple(operands), tuple(links), self._cursor.since(start))

    def _not_near(self, start: int, wanted: Node) -> Node:
        self._cursor.take()
        check_operand(wanted, self._cursor.now.text, self._cursor.text, start)
        operator, unwanted = self._operator_and_operand()
        if self._cursor.at(Kind.NEAR) or self._cursor.at_not_near():
            self._cursor.fail("NOT NEAR cannot stand in a chain; use AND", self._cursor.start)
        return NotNear(
            wanted, unwanted, link_of(operator, self._cursor.text), self._cursor.since(start)
        )

    def _operator_and_operand(self) -> tuple[Token, Node]:
        operator = self._cursor.take()
        self._need_right_side(operator)
        start = self._cursor.start
        if self._cursor.at(Kind.NOT, Kind.MINUS):
            self._cursor.fail(
                f"{operator.name} cannot take NOT; write NOT NEAR between the words",
                start,
            )
        if self._cursor.at(Kind.PLUS):
            self._cursor.take()
        operand = self._primary()
        check_operand(operand, operator.text, self._cursor.text, start)
        return operator, operand

    def _need_right_side(self, operator: Token) -> None:
        now = self._cursor.now
        if now.kind in {Kind.END, Kind.CLOSE}:
            self._cursor.fail(f"{operator.name} has nothing on its right side", operator.start)
        if now.kind in _BINARY:
            self._cursor.fail(
                f"{now.name} follows {operator.name}; leave one out",
                now.start,
            )

    # --- the smallest parts

    def _primary(self) -> Node:
        reader = _READERS.get(self._cursor.now.kind)
        return reader(self) if reader else self._no_term_here(self._cursor.now)

    def _no_term_here(self, token: Token) -> NoReturn:
        if token.kind is Kind.CLOSE:
            self._cursor.fail("this bracket was never opened", token.start)
        if token.kind in _BINARY:
            self._cursor.fail(f"{token.name} has nothing on its left side", token.start)
        self._cursor.fail("a word, a phrase or a bracket belongs here", token.start)

    def _deeper(self, offset: int) -> Place:
        """Go one level down; returns the place to come back to."""
        before = self._place
        self._place = self._checked(before.deeper(), offset)
        return before

    def _checked(self, place: Place | None, offset: int) -> Place:
        if place is None:
            self._cursor.fail(f"nested more than {MAX_NESTING} levels deep", offset)
        return place

    def _group(self) -> Node:
        opened = self._cursor.take()
        if self._cursor.at(Kind.CLOSE):
            self._cursor.fail("there is nothing in these brackets", opened.start)
        if self._cursor.at(Kind.END):
            self._cursor.fail("this bracket is never closed", opened.start)
        outside = self._deeper(opened.start)
        node = self._or()
        self._place = outside
        if self._cursor.at(Kind.END):
            self._cursor.fail("this bracket is never closed", opened.start)
        self._cursor.take()
        return node

    def _field(self) -> Node:
        token = self._cursor.take()
        if self._place.in_field:
            self._cursor.fail("a field cannot stand inside a field", token.start)
        outside = self._deeper(token.start)
        self._place = replace(self._place, in_field=True)
        if self._cursor.at(Kind.AND, Kind.OR, Kind.NOT, Kind.NEAR):
            self._cursor.fail(f"{token.text}: needs a word, a phrase or a bracket", token.start)
        child = self._primary()
        self._place = outside
        return InField(TextField(token.text), child, self._cursor.since(token.start))

    def _exact(self) -> Node:
        token = self._cursor.take()
        if not self._cursor.at(Kind.WORD, Kind.PHRASE):
            self._cursor.fail("exact: takes one word or a quoted phrase", token.start)
        return self._term(self._cursor.take(), token.start, exact=True)

    def _word(self) -> Node:
        token = self._cursor.take()
        return self._term(token, token.start)

    def _term(self, token: Token, start: int, *, exact: bool = False) -> Term:
        if token.kind is Kind.PHRASE and not token.text.strip():
            self._cursor.fail("there is nothing in these quotes", token.start)
        self._spend(start)
        check_number_is_attached(self._cursor.before, token, self._cursor.text)
        return self._terms.read(token.text, token.inside, self._cursor.since(start), exact=exact)

    def _spend(self, offset: int, terms: int = 1) -> None:
        self._place.budget.terms -= terms
        if self._place.budget.terms < 0:
            self._cursor.fail(f"a rule has at most {MAX_TERMS} terms, its lists included", offset)

    def _at_least(self) -> Node:
        token = self._cursor.take()
        count = count_of(token, self._cursor.text)
        self._need_right_side(token)
        start = self._cursor.start
        operand = self._primary()
        if not can_be_counted(operand):
            self._cursor.fail(f"{token.name} counts words, phrases and ORs of these only", start)
        return AtLeast(count, operand, self._cursor.since(token.start))

    def _metadata(self) -> Node:
        if self._place.in_field:
            self._cursor.fail("a field cannot stand inside a field", self._cursor.start)
        outside = self._deeper(self._cursor.start)
        node = read_metadata(self._cursor, self._spend, self._deeper)
        self._place = outside
        return node

    def _list(self) -> Node:
        token = self._cursor.take()
        name, start = token.text, token.start
        if name not in self._place.saved:
            self._cursor.fail(
                f'there is no saved list "{shortened(name)}"; '
                "to search for the text, put it in quotes",
                start,
            )
        if name in self._place.names:
            self._cursor.fail(f'the saved list "{name}" uses itself', start)
        known = self._place.budget.lists
        key = (name, self._place.in_field)
        if key in known:
            self._spend(start, known[key].terms)
            self._checked(self._place.deeper(known[key].levels), start)
        else:
            known[key] = self._read_list(name, start)
        return SavedList(name, known[key].items, self._cursor.since(start))

    def _read_list(self, name: str, start: int) -> ListRead:
        budget = self._place.budget
        terms, deepest = budget.terms, budget.deepest
        outside = self._deeper(start)
        budget.deepest = self._place.depth
        self._place = replace(self._place, names=(*outside.names, name))
        items = tuple(self._item(name, text, start) for text in self._place.saved[name])
        self._place = outside
        if not items:
            self._cursor.fail(f'the saved list "{name}" is empty', start)
        levels = budget.deepest - outside.depth
        budget.deepest = max(budget.deepest, deepest)
        return ListRead(items, terms - budget.terms, levels)

    def _item(self, name: str, text: str, start: int) -> Node:
        try:
            return _Parser(text, self._place).whole()
        except RuleError as error:
            message = f'in the saved list "{name}", at "{shortened(text)}": {error.message}'
            raise RuleError(message, start, self._cursor.text) from error


# The smallest parts, by the token that begins them.
_READERS: dict[Kind, Callable[[_Parser], Node]] = {
    Kind.OPEN: _Parser._group,
    Kind.FIELD: _Parser._field,
    Kind.META: _Parser._metadata,
    Kind.EXACT: _Parser._exact,
    Kind.ATLEAST: _Parser._at_least,
    Kind.LIST: _Parser._list,
    Kind.WORD: _Parser._word,
    Kind.PHRASE: _Parser._word,
}
