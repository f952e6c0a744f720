"""Runs conformance cases of the rule language: `python -m tests.engine.conformance FILE`.

A case says whether a rule matches an article, or that a rule is refused (and where). Lines
may stand in any order. Whatever is wrong with a case, an option that the engine does not
have included, is a failure of this case: it neither passes nor stops the others.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.article import Article, TextOrigin, TextReason
from schemas.rule import WatchRule
from services.engine.errors import RuleError
from services.engine.parse import Lists, parse
from services.engine.ruleset import RuleSet
from tests.engine.oracle import proofs_one_by_one

_THEN = datetime(2020, 1, 1, tzinfo=UTC)
_OPTIONS = {"languages", "stem", "clitics"}
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One case, with the articles and the saved lists of its file."""

    name: str
    line: Line
    articles: Mapping[str, Line]
    lists: Lists

    @property
    def expected(self) -> str:
        """What the case asks for."""
        if self.line.get("error"):
            offset = self.line.get("offset")
            return "an error" if offset is None else f"an error at offset {offset}"
        match = self.line.get("match")
        if not isinstance(match, bool):
            return "neither a match nor an error"
        return "a match" if match else "no match"

    def failure(self) -> str | None:
        """What is wrong, in a line; None if the case passes."""
        try:
            got = self._refusal() or self._verdict()
        except Exception as error:
            return f"expected {self.expected}, the case broke: {error!r}"
        if got in (self.expected, self.expected.partition(" at offset")[0]):
            return None
        return f"expected {self.expected}, got {got}"

    def _refusal(self) -> str | None:
        """The error that the rule is refused with, if it is; where, if the case says where."""
        try:
            parse(self.line["rule"], self.lists)
            RuleSet.of([self._rule()], self.lists)
        except RuleError as error:
            if not self.line.get("error"):
                return f"an error at offset {error.offset}: {error}"
            is_told = self.line.get("offset") is not None
            return f"an error at offset {error.offset}" if is_told else "an error"
        return None

    def _verdict(self) -> str:
        if self.line.get("error"):
            return "a rule that is taken"
        rule, article = self._rule(), self._article()
        result = RuleSet.of([rule], self.lists).match(article)
        if result.index_error is not None:
            raise result.index_error
        if result.failures:
            raise result.failures[0].error
        proof = proofs_one_by_one([rule], article, self.lists).get(rule.rule_id)
        if proof != (result.matches[0].evidence if result.matches else None):
            return f"one verdict of the index and another without it ({proof})"
        return "a match" if result.matches else "no match"

    def _rule(self) -> WatchRule:
        options = self.line.get("options") or {}
        unknown = {key for key, value in options.items() if value} - _OPTIONS
        if unknown:
            raise ValueError(f"the engine has no option {', '.join(sorted(unknown))}")
        return WatchRule(
            rule_id=self.name,
            version=1,
            name=self.name,
            query=self.line["rule"],
            languages=_values(options.get("languages")),
            stem=bool(options.get("stem")),
            clitics=bool(options.get("clitics")),
        )

    def _article(self) -> Article:
        name = self.line.get("article")
        if not isinstance(name, str) or name not in self.articles:
            raise ValueError(f"there is no article {name!r}")
        return _article_of(self.articles[name])


def _article_of(line: Line) -> Article:
    return Article(
        article_id=line["name"],
        revision="1",
        feed_id=line.get("source") or "",
        source=line.get("source") or "",
        url=line.get("url"),
        title=line.get("title") or "",
        body=line.get("body") or "",
        summary=line.get("summary") or "",
        author=_values(line.get("author")),
        category=_values(line.get("category")),
        lang=line.get("lang"),
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        first_seen_at=_THEN,
        seen_at=_THEN,
    )


def _values(given: str | Sequence[str | None] | None) -> tuple[str, ...]:
    values = (given,) if isinstance(given, str) else given or ()
    return tuple(value for value in values if value)


def _lists_of(line: Line) -> dict[str, tuple[str, ...]]:
    return {name: _values(items) for name, items in line.items() if name != "kind"}


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file; raises ValueError for a line that is no JSON object."""
    lines = list(_lines_of(path))
    articles = {line.get("name", ""): line for line in lines if line.get("kind") == "article"}
    lists: dict[str, Sequence[str]] = {}
    for line in lines:
        if line.get("kind") == "lists":
            lists |= _lists_of(line)
    for number, line in enumerate(lines, start=1):
        if line.get("kind") == "case":
            yield Case(str(line.get("id") or f"line {number}"), line, articles, lists)


def _lines_of(path: Path) -> Iterator[Line]:
    # Not splitlines(): U+2028 and its like may stand in a string of JSON.
    for number, text in enumerate(path.read_text("utf-8-sig").split("\n"), start=1):
        line = json.loads(text) if text.strip() else {}
        if not isinstance(line, dict):
            raise ValueError(f"line {number} is no JSON object")
        yield line


def main(arguments: Sequence[str]) -> int:
    """Run the cases of the file named; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m tests.engine.conformance FILE", file=sys.stderr)  # noqa: T201
        return 2
    cases = list(read_cases(Path(arguments[0])))
    failures = [(case, failure) for case in cases if (failure := case.failure())]
    for case, failure in failures:
        rule, article = case.line.get("rule"), case.line.get("article", "-")
        print(f"{case.name}: rule {rule!r}, article {article}: {failure}")  # noqa: T201
    print(f"{len(cases) - len(failures)} passed, {len(failures)} failed")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
