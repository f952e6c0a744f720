"""A problem with the operator's folder: where it is, what it is, how it is printed.

Decides the order and the form of the lines. What is a problem, others decide.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should look at; an error keeps the folder from being used.

    `file` is relative to the folder, with forward slashes; `line` counts from 1 and is
    None where the trouble is the file itself. A message of several lines has its further
    lines indented.
    """

    file: str
    line: int | None
    message: str
    level: Level = "error"

    def __str__(self) -> str:
        # A file name may hold bytes that are not UTF-8; printing must not fail on them.
        file = self.file.encode("utf-8", "replace").decode()
        place = file if self.line is None else f"{file}:{self.line}"
        warning = "warning: " if self.level == "warning" else ""
        return f"{place}: {warning}{self.message}"


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems by file and line, each of them once."""
    return tuple(sorted(set(problems), key=_order))


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether one of them keeps the folder from being used."""
    return any(problem.level == "error" for problem in problems)


def _order(problem: Problem) -> tuple[str, int, Level, str]:
    return problem.file, problem.line or 0, problem.level, problem.message
