"""Whether the queries of the rules can be read, and whether YAML ate their quotes.

The language itself is the engine's; here its errors get the place in the file.
"""

import re
from collections.abc import Iterable

from services.config.items import Entry
from services.config.problem import Problem
from services.config.yaml_lines import Scalar
from services.engine.errors import RuleError
from services.engine.parse import parse

_SIGNS_OF_THE_LANGUAGE = re.compile(r"\b(?:AND|OR|NOT|O?NEAR)\b|[\"“„«|():*?@+-]")


def query_problems(rules: Iterable[Entry]) -> list[Problem]:
    """A problem for each query that does not parse, a warning for each that lost its quotes."""
    return [problem for rule in rules for problem in _problems_of(rule)]


def lost_its_quotes(scalar: Scalar) -> bool:
    """Whether a query is a phrase whose quotes YAML takes for its own.

    `query: "Iranian ground forces"` reaches the language as three words anywhere.
    """
    words = scalar.text.split()
    return (
        scalar.sign in {"'", '"'}
        and len(words) > 1
        and not _SIGNS_OF_THE_LANGUAGE.search(scalar.text)
    )


def _problems_of(rule: Entry) -> list[Problem]:
    query = rule.text_at("query")
    if query is None:
        return []
    try:
        parse(query)
    except RuleError as error:
        return [rule.problem(str(error).replace("\n", "\n    "), ("query",))]
    scalar = rule.located.scalar_at(("query",))
    if scalar and lost_its_quotes(scalar):
        return [rule.problem(_quotes_message(scalar), ("query",), "warning")]
    return []


def _quotes_message(scalar: Scalar) -> str:
    count = len(scalar.text.split())
    return (
        f"YAML takes these quotes for its own, so the query is {count} words anywhere in "
        "the article; for the phrase write '\"…\"', for the words leave the quotes out"
    )
