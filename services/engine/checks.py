"""What a rule must not be although each of its parts is well written.

Decides which operands NEAR and ATLEAST can take and refuses rules that cannot fail.
"""

from typing import assert_never

from services.engine.errors import RuleError
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
)


def has_occurrences(node: Node) -> bool:
    """Whether places in a text can be listed for it: what NEAR can take."""
    match node:
        case Term():
            return True
        case SavedList():
            return all(map(has_occurrences, node.items))
        case Or():
            return all(map(has_occurrences, node.children))
        case _:
            return False


def can_be_counted(node: Node) -> bool:
    """What ATLEAST can take: the same, optionally inside one field."""
    return has_occurrences(node.child if isinstance(node, InField) else node)


def check_operand(node: Node, operator: str, query: str, start: int) -> None:
    """Refuse an operand, which begins at `start`, that a proximity cannot take."""
    if not has_occurrences(node):
        name = operator.partition("/")[0]
        message = f"{name} stands between words, phrases and ORs of these only"
        raise RuleError(message, start, query)


def check_query(query: Query) -> Query:
    """`query` itself; refused if it is true of an article without text and metadata."""
    if holds_on_nothing(query.root):
        raise RuleError(
            "this rule would match every article; name something that must be there",
            query.root.span.start,
            query.text,
        )
    return query


def holds_on_nothing(node: Node) -> bool:
    """Whether the rule is true of an article without text and metadata."""
    match node:
        case Term() | Meta() | Near() | NotNear() | AtLeast():
            return False
        case SavedList():
            return any(map(holds_on_nothing, node.items))
        case InField():
            return holds_on_nothing(node.child)
        case Not():
            return not holds_on_nothing(node.child)
        case And():
            return all(map(holds_on_nothing, node.children))
        case Or():
            return any(map(holds_on_nothing, node.children))
        case _:
            assert_never(node)
