"""Reads the numbers of operators: `NEAR/5`, `ONEAR/S`, `ATLEAST/3`."""

import re

from services.engine.errors import RuleError
from services.engine.query import Link, Unit
from services.engine.tokens import Token

_DEFAULT_WITHIN = 4
# No text has a million words, and int() refuses numbers of thousands of digits.
_NUMBER = re.compile(r"[0-9]{1,6}")


def link_of(operator: Token, query: str) -> Link:
    """How near NEAR, NEAR/n, NEAR/S, NEAR/P or their ONEAR forms ask for."""
    name, slash, size = operator.text.partition("/")
    ordered = name == "ONEAR"
    if not slash:
        return Link(_DEFAULT_WITHIN, ordered)
    if size in set(Unit):
        return Link(Unit(size), ordered)
    if not _NUMBER.fullmatch(size):
        message = f"{name} needs a number, S or P, as in {name}/5, {name}/S or {name}/P"
        raise RuleError(message, operator.start, query)
    return Link(int(size), ordered)


def count_of(operator: Token, query: str) -> int:
    """How often ATLEAST/n asks for."""
    size = operator.text.partition("/")[2]
    if not _NUMBER.fullmatch(size) or int(size) == 0:
        message = "ATLEAST needs a number from 1, as in ATLEAST/3"
        raise RuleError(message, operator.start, query)
    return int(size)
