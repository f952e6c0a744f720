"""Runs conformance cases of the rule language: `python -m tests.engine.conformance FILE`.

A case says whether a rule matches an article, or that a rule is refused (and where).
Options that the engine does not have are failures, never silently passed.
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

_THEN = datetime(2020, 1, 1, tzinfo=UTC)
_OPTIONS = {"languages", "stem", "clitics"}


@dataclass(frozen=True, slots=True)
class Case:
    """One case, with the article it is about (None where the rule must be refused)."""

    line: Mapping[str, Any]
    article: Article | None
    lists: Lists

    @property
    def name(self) -> str:
        return str(self.line["id"])

    def failure(self) -> str | None:
        """What is wrong, in a line; None if the case passes."""
        if self.line.get("error"):
            return self._failure_to_refuse()
        try:
            matched = self._matches()
        except (RuleError, ValueError) as error:
            return f"expected {self._expected}, got an error: {error}"
        return None if matched == self.line["match"] else f"expected {self._expected}"

    @property
    def _expected(self) -> str:
        return "a match" if self.line["match"] else "no match"

    def _failure_to_refuse(self) -> str | None:
        try:
            parse(self.line["rule"], self.lists)
        except RuleError as error:
            offset = self.line.get("offset", error.offset)
            if error.offset == offset:
                return None
            return f"expected the error at offset {offset}, it is at {error.offset}: {error}"
        return "expected the rule to be refused"

    def _matches(self) -> bool:
        if self.article is None:
            raise ValueError("the case names no article")
        rule = WatchRule(
            rule_id=self.name,
            version=1,
            name=self.name,
            query=self.line["rule"],
            **_options_of(self.line.get("options") or {}),
        )
        result = RuleSet.of([rule], self.lists).match(self.article)
        if result.failures:
            raise ValueError(f"the rule broke: {result.failures[0].error!r}")
        return bool(result.matches)


def _options_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = {key for key, value in given.items() if value} - _OPTIONS
    if unknown:
        raise ValueError(f"the engine has no option {', '.join(sorted(unknown))}")
    return {key: given[key] for key in _OPTIONS & given.keys()}


def _article_of(line: Mapping[str, Any]) -> Article:
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


def _values(given: str | Sequence[str] | None) -> tuple[str, ...]:
    if not given:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file; articles and lists may stand anywhere in it."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    articles = {line["name"]: _article_of(line) for line in lines if line["kind"] == "article"}
    lists: dict[str, Sequence[str]] = {}
    for line in lines:
        if line["kind"] == "lists":
            lists |= {name: items for name, items in line.items() if name != "kind"}
    for line in lines:
        if line["kind"] == "case":
            yield Case(line, articles[line["article"]] if "article" in line else None, lists)


def main(arguments: Sequence[str]) -> int:
    """Run the cases of the file named; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m tests.engine.conformance FILE", file=sys.stderr)  # noqa: T201
        return 2
    cases = list(read_cases(Path(arguments[0])))
    failures = [(case, failure) for case in cases if (failure := case.failure())]
    for case, failure in failures:
        article = case.line.get("article", "-")
        print(f"{case.name}: rule {case.line['rule']!r}, article {article}: {failure}")  # noqa: T201
    print(f"{len(cases) - len(failures)} passed, {len(failures)} failed")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
