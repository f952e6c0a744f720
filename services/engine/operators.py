"""Reads the numbers of operators: `NEAR/5`, `ONEAR/S`, `ATLEAST/3`."""

import re

from services.engine.errors import RuleError
from services.engine.query import Link, Unit
from services.engine.tokens import Kind, Token

_DEFAULT_WITHIN = 4
_NUMBER = re.compile(r"0*([0-9]+)")
# No text has so many words, and int() refuses numbers of thousands of digits.
_LARGEST = 999_999


def link_of(operator: Token, query: str) -> Link:
    """How near NEAR, NEAR/n, NEAR/S, NEAR/P or their ONEAR forms ask for."""
    name, slash, size = operator.text.partition("/")
    ordered = name == "ONEAR"
    if not slash:
        return Link(_DEFAULT_WITHIN, ordered)
    if size in set(Unit):
        return Link(Unit(size), ordered)
    number = _number_of(size)
    if number is None:
        message = f"{name} needs a number, S or P, as in {name}/5, {name}/S or {name}/P"
        raise RuleError(message, operator.start, query)
    return Link(number, ordered)


def count_of(operator: Token, query: str) -> int:
    """How often ATLEAST/n asks for."""
    size = operator.text.partition("/")[2]
    number = _number_of(size)
    if not number:
        message = "ATLEAST needs a number from 1, as in ATLEAST/3"
        raise RuleError(message, operator.start, query)
    return number


def check_number_is_attached(before: Token | None, word: Token, query: str) -> None:
    """Refuse `NEAR /5`: a number that stands behind its operator as a word."""
    if (
        before
        and before.kind in {Kind.NEAR, Kind.ATLEAST}
        and word.kind is Kind.WORD
        and word.text.startswith("/")
    ):
        message = "the number stands directly behind the operator, as in NEAR/5"
        raise RuleError(message, word.start, query)


def _number_of(size: str) -> int | None:
    number = _NUMBER.fullmatch(size)
    if number is None:
        return None
    return int(number[1]) if len(number[1]) <= len(str(_LARGEST)) else _LARGEST
