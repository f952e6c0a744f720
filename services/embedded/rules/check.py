"""`rules lint` and `rules test`: what they find, in lines, and the exit code.

0: all is well. 1: rules with mistakes, tests that are red, or warnings where they count.
2: nothing could be said, because there are no rule files or they cannot be read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.text import Text

from services.config.problem import Problem
from services.config.rule_files import RuleFiles, read_rule_files
from services.config.rule_lint import lint_problems
from services.embedded.rules.shown import BAD, GOOD, QUIET, Look, clauses, expression, text_of
from services.engine.suite import Outcome, article_of, run_tests

OK, WRONG, CANNOT_WORK = 0, 1, 2

_LEVELS = {"error": BAD, "warning": Style(color="yellow", bold=True)}


@dataclass(frozen=True, slots=True)
class Findings:
    """What to print, and the exit code."""

    code: int
    lines: Sequence[RenderableType]


def lint_rules(path: Path, *, strict: bool) -> Findings:
    """Everything that is wrong or doubtful; raises NoRuleFilesError."""
    files = read_rule_files(path)
    problems = lint_problems(files)
    levels = Counter(problem.level for problem in problems)
    summary = Text(f"{_size(files)}: {_several(levels['error'], 'error')}")
    summary.append(f", {_several(levels['warning'], 'warning')}")
    code = WRONG if levels["error"] or (strict and levels["warning"]) else OK
    lines = [*map(_problem, problems), summary]
    return Findings(code if files.readable else CANNOT_WORK, lines)


def run_rule_tests(path: Path, look: Look, *, verbose: bool) -> Findings:
    """The outcome of every rule's own tests; raises NoRuleFilesError."""
    files = read_rule_files(path)
    errors = [problem for problem in files.problems if problem.level == "error"]
    if not files.readable:
        return Findings(CANNOT_WORK, list(map(_problem, errors)))
    tests = {item.spec.id: item.spec.tests for item in files.rules}
    outcomes = list(run_tests(files.watch_rules, tests, files.lists))
    lines = [*map(_problem, errors), *_told(outcomes, files, look, verbose=verbose)]
    untested = [rule_id for rule_id, own in tests.items() if not own]
    if verbose:
        lines += [Text.assemble(("none  ", QUIET), rule_id) for rule_id in untested]
    lines.append(_summary(files, outcomes, errors, len(untested)))
    red = any(not outcome.green for outcome in outcomes)
    return Findings(WRONG if red or errors else OK, lines)


def _told(
    outcomes: Iterable[Outcome], files: RuleFiles, look: Look, *, verbose: bool
) -> Iterator[RenderableType]:
    places = {item.spec.id: item.entry for item in files.rules}
    for outcome in outcomes:
        if outcome.green and not verbose:
            continue
        entry = places[outcome.rule.rule_id]
        place = f"{entry.file}:{entry.located.line_of(('tests', outcome.number - 1))}"
        yield _headline(outcome, place)
        if not outcome.green:
            yield from _why(outcome, look)


def _headline(outcome: Outcome, place: str) -> Text:
    word = Text("green", style=GOOD) if outcome.green else Text("red  ", style=BAD)
    line = Text.assemble(word, f" {outcome.rule.rule_id}, test {outcome.number}", f" ({place})")
    if outcome.error is not None:
        return line.append(f": the rule broke: {outcome.error!r}")
    if outcome.green:
        return line
    said = "should match, and does not" if outcome.test.match else "should not match, and does"
    return line.append(f": it {said}")


def _why(outcome: Outcome, look: Look) -> Iterator[RenderableType]:
    if outcome.explanation is None:
        return
    article = article_of(outcome.test)
    for line in expression(outcome.rule.query, outcome.explanation):
        yield Padding(line, (0, 0, 0, 2))
    yield Padding(clauses(outcome.explanation, article, look), (0, 0, 0, 6))
    if outcome.matched:
        hits = [hit for leaf in outcome.explanation.leaves() for hit in leaf.hits]
        for line in text_of(article, hits, look):
            yield Padding(line, (0, 0, 0, 6))


def _summary(
    files: RuleFiles, outcomes: Sequence[Outcome], errors: Sequence[Problem], untested: int
) -> Text:
    green = sum(outcome.green for outcome in outcomes)
    red = len(outcomes) - green
    line = Text(f"{_size(files)}, {_several(len(outcomes), 'test')}: ")
    line.append(f"{green} green", style=GOOD if green else QUIET)
    line.append(", ").append(f"{red} red", style=BAD if red else QUIET)
    if untested:
        line.append(f"; {_several(untested, 'rule')} without tests")
    if errors:
        line.append(f"; {_several(len(errors), 'error')} in the files")
    return line


def _problem(problem: Problem) -> Text:
    line = Text(str(problem))
    line.highlight_words([f"{problem.level}:"], style=_LEVELS[problem.level])
    return line


def _size(files: RuleFiles) -> str:
    lists = f", {_several(len(files.lists), 'list')}" if files.lists else ""
    return f"{_several(files.written, 'rule')}{lists}"


def _several(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
