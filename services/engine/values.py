"""Reads the values of a metadata field: one, or a bracketed OR of several."""

from collections.abc import Callable

from services.engine.cursor import Cursor
from services.engine.metadata import check_value
from services.engine.query import Meta, MetaField
from services.engine.tokens import Kind

Told = Callable[[int], object]


def read_metadata(cursor: Cursor, spend: Told, deeper: Told) -> Meta:
    """The field at the cursor.

    `spend` is told where each value begins, `deeper` where a bracket is opened.
    """
    token = cursor.take()
    name = MetaField(token.text)
    if cursor.at(Kind.OPEN):
        deeper(cursor.start)
        values = _bracketed(cursor, name, spend)
    else:
        values = [_value(cursor, name, spend)]
    return Meta(name, tuple(values), cursor.since(token.start))


def _bracketed(cursor: Cursor, name: MetaField, spend: Told) -> list[str]:
    opened = cursor.take()
    if cursor.at(Kind.CLOSE):
        cursor.fail("there is nothing in these brackets", opened.start)
    values = [_value(cursor, name, spend)]
    while not cursor.at(Kind.CLOSE):
        operator = cursor.take()
        if operator.kind is not Kind.OR:
            cursor.fail(
                f"the values of {name}: are separated by OR; quote a value of several words",
                operator.start,
            )
        if cursor.at(Kind.CLOSE):
            cursor.fail(f"{operator.text} has nothing on its right side", operator.start)
        values.append(_value(cursor, name, spend))
    cursor.take()
    return values


def _value(cursor: Cursor, name: MetaField, spend: Told) -> str:
    if not cursor.at(Kind.VALUE):
        cursor.fail(f"a value for {name}: belongs here", cursor.start)
    token = cursor.take()
    spend(token.start)
    return check_value(name, token, cursor.text)
