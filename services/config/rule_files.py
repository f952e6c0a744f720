"""Rule files by themselves: an operator's folder, a folder of rule files, or one such file.

Decides which files are meant, so that somebody can work on rules without feeds and
channels. What a file may hold, `folder` and `schemas.folder` decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.folder import RuleSpec
from schemas.rule import WatchRule
from services.config.apply import watch_rule
from services.config.crosscheck import rule_problems
from services.config.files import find_rule_files
from services.config.folder import list_items
from services.config.items import Item, check
from services.config.problem import Problem, has_errors, in_order
from services.config.queries import query_problems


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """What rule files hold, as far as it is right, and everything that is wrong with them.

    `written` counts the rules, the wrong ones included; `readable` says that every file
    could be read as YAML of the right shape.
    """

    rules: tuple[Item[RuleSpec], ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    written: int = 0
    readable: bool = True

    @property
    def broken(self) -> bool:
        """Whether something in them keeps them from being used."""
        return has_errors(self.problems)

    @property
    def watch_rules(self) -> tuple[WatchRule, ...]:
        """The rules as they would be broadcast, in the order of the files."""
        return tuple(
            watch_rule(item.spec.id, item.spec.model_dump(mode="json"), 1) for item in self.rules
        )


class NoRuleFilesError(Exception):
    """There are no rule files; the text says where they were looked for, and the way out."""


def read_rule_files(path: Path) -> RuleFiles:
    """The rule files at `path`; raises NoRuleFilesError where there are none."""
    if not path.exists():
        raise NoRuleFilesError(f"{path}: no such folder or file")
    folder, files = find_rule_files(path)
    if not files.of("rule") and not files.problems:
        raise NoRuleFilesError(
            f"{path}: no rule files; write one such as {path}/rules/first.yaml, "
            "or name a file with rules"
        )
    problems = list(files.problems)
    rules = list_items(folder, files, "rule", lambda entry: check(entry, RuleSpec), problems)
    bad_queries = query_problems(rules.entries)
    problems += bad_queries + rule_problems(rules)
    refused = {(p.file, p.line) for p in bad_queries if p.level == "error"}
    sound = tuple(i for i in rules.items if query_place(i) not in refused)
    return RuleFiles(sound, {}, in_order(problems), len(rules.entries), rules.complete)


def query_place(item: Item[RuleSpec]) -> tuple[str, int | None]:
    """File and line of a rule's query."""
    return item.entry.file, item.entry.located.line_of(("query",))
