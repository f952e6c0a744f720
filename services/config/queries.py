"""Whether rules and saved lists can be read, and whether YAML ate the quotes of a query.

The language itself is the engine's; here its errors get the place in the file. A mistake
in a list is told at the list, not again at every rule that uses it.
"""

import re
from collections.abc import Iterable

from schemas.folder import ListSpec
from services.config.items import Entry, Listing
from services.config.problem import Problem
from services.config.readable_lists import Readable
from services.config.yaml_lines import Scalar
from services.engine.errors import RuleError
from services.engine.options import Options

_SIGNS_OF_THE_LANGUAGE = re.compile(r"\b(?:AND|OR|NOT|O?NEAR)\b|[\"“„«|():*?@+-]")


def query_problems(rules: Iterable[Entry], lists: Listing[ListSpec]) -> list[Problem]:
    """What keeps queries and lists from being read; a warning for a query without its quotes."""
    readable = Readable(lists)
    return readable.problems + [p for rule in rules for p in _problems_of(rule, readable)]


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


def _problems_of(rule: Entry, lists: Readable) -> list[Problem]:
    problems = _of_languages(rule)
    query = rule.text_at("query")
    if query is None:
        return problems
    trouble = lists.trouble_with(query)
    if trouble:
        return [*problems, rule.problem(trouble, ("query",))]
    scalar = rule.located.scalar_at(("query",))
    if scalar and lost_its_quotes(scalar):
        problems.append(rule.problem(_quotes_message(scalar), ("query",), "warning"))
    return problems


def _of_languages(rule: Entry) -> list[Problem]:
    written = rule.value_at("languages")
    problems = []
    for number, code in enumerate(written if isinstance(written, list) else ()):
        try:
            Options(frozenset({code} if isinstance(code, str) else ()))
        except RuleError as error:
            problems.append(rule.problem(error.message, ("languages", number)))
    return problems


def _quotes_message(scalar: Scalar) -> str:
    count = len(scalar.text.split())
    return (
        f"YAML takes these quotes for its own, so the query is {count} words anywhere in "
        "the article; for the phrase write '\"…\"', for the words leave the quotes out"
    )
