"""The engine's second thoughts about rules and saved lists, with their place in the files.

Decides the line of a warning; what is worth a warning is `services.engine.lint`'s business.
"""

from collections.abc import Iterator

from schemas.folder import ListSpec, RuleSpec
from services.config.items import Item
from services.config.problem import Problem, in_order
from services.config.rule_files import RuleFiles
from services.engine.errors import RuleError
from services.engine.lint import LintWarning, lint
from services.engine.parse import parse
from services.engine.query import Node


def lint_problems(files: RuleFiles) -> tuple[Problem, ...]:
    """Everything that is wrong with the files or worth a second look, in order."""
    found = [problem for item in files.rules for problem in _of_rule(item, files)]
    found += [problem for item in files.saved for problem in _of_list(item, files)]
    return in_order([*files.problems, *found])


def _of_rule(item: Item[RuleSpec], files: RuleFiles) -> Iterator[Problem]:
    for warning in lint(item.spec.query, files.lists):
        line = line_in_query(item, warning.offset)
        message = f'rule "{item.spec.id}": {_told(warning, item.spec.query)}'
        yield Problem(item.entry.file, line, message, "warning")
    for number, test in enumerate(item.spec.tests):
        if test.model_fields_set <= {"match"}:
            message = f"test {number + 1} describes no article, and so proves nothing"
            yield item.entry.problem(message, ("tests", number), "warning")


def _of_list(item: Item[ListSpec], files: RuleFiles) -> Iterator[Problem]:
    """The warnings about each expression of a list, and those that stand in it twice."""
    first: dict[Node, int] = {}
    for number, expression in enumerate(item.spec.items):
        path = ("items", number)
        for warning in lint(expression, files.lists):
            yield item.entry.problem(_told(warning, expression), path, "warning")
        place = first.setdefault(parse(expression, files.lists).root, number)
        if place != number:
            message = f"{expression} stands here twice (first as item {place + 1})"
            yield item.entry.problem(message, path, "warning")


def line_in_query(item: Item[RuleSpec], offset: int) -> int:
    """The line of the file in which a place of a query stands.

    Exact for a query below a `|`; the line of its key for the other ways to write one, in
    which YAML folds lines.
    """
    path = ("query",)
    line = item.entry.located.line_of(path)
    scalar = item.entry.located.scalar_at(path)
    if scalar is None or scalar.sign != "|":
        return line
    return line + 1 + item.spec.query.count("\n", 0, offset)


def _told(warning: LintWarning, query: str) -> str:
    return str(RuleError(warning.message, warning.offset, query)).replace("\n", "\n    ")
