"""The tables of the page about rules: what matches, what is refused, what is warned about."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.engine.errors import RuleError
from services.engine.lint import lint
from services.engine.parse import parse
from tests.engine.newsroom import does_match

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()


def _rows(first: str) -> Iterator[tuple[str, ...]]:
    """The rows of all tables whose first column has this name, without their markup."""
    is_inside = False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            is_inside = False
        elif is_inside and not line.startswith("| ---"):
            yield tuple(re.fullmatch(r"([`*]?)(.*)\1", cell)[2] for cell in cells)  # type: ignore[index]
        elif cells[0] == first:
            is_inside = True


MATCHES = list(_rows("rule"))
REFUSED = list(_rows("refused"))
WARNINGS = list(_rows("warned about"))


def test_the_tables_have_rows() -> None:
    assert len(MATCHES) > 30 and len(REFUSED) > 15 and len(WARNINGS) > 8


@pytest.mark.parametrize(("query", "text", "other"), MATCHES)
def test_a_rule_of_the_page_finds_what_it_says(query: str, text: str, other: str) -> None:
    assert does_match(query, text)
    assert not does_match(query, other)


@pytest.mark.parametrize(("query", "column", "message"), REFUSED)
def test_a_mistake_of_the_page_is_refused_so(query: str, column: str, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(query)
    assert caught.value.offset == int(column) - 1
    assert message in caught.value.message


@pytest.mark.parametrize(("query", "message"), WARNINGS)
def test_a_warning_of_the_page_is_given(query: str, message: str) -> None:
    assert any(message in warning.message for warning in lint(query))


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("1234567", "1234,567", False),
        ("1.000.000", "1.000.000", True),
        ("Ali", "ʿAli", False),
        ("ซี", "ในซีเรีย", True),
        ("ซ", "ในซีเรีย", False),
        ("go NEAR/S said", "“Go.” he said.", True),
        ("go NEAR/S said", "They don't go. He said.", False),
        ("„a b” «c d» »e f« “g h“x”", "a b, c d, e f, g h x", True),
        ("z -a NEAR/3 b", "z a", True),
        ("a|-b", "b", True),
        ("a NEAR/99999999 b", "a b", True),
        ('"rain snow" NEAR/S ice', "It was rain. Snow fell on ice.", False),
        ('ATLEAST/2 "a a"', "a a a a", True),
        ('ATLEAST/3 "a a"', "a a a a", False),
        ("exact:US", "the US's and", True),
    ],
)
def test_what_might_be_read_in_two_ways_is_read_in_one(
    query: str, text: str, expected: bool
) -> None:
    assert does_match(query, text) is expected
