"""Rule files by themselves: an operator's folder, a folder of rule files, or one such file.

Decides which files are meant, so that somebody can work on rules without feeds and
channels. What a file may hold, `folder` and `schemas.folder` decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.folder import ListSpec, RuleSpec
from schemas.rule import WatchRule
from services.config.announcing import watch_rule
from services.config.crosscheck import rule_problems
from services.config.files import find_rule_files
from services.config.folder import rules_and_lists
from services.config.items import Item
from services.config.problem import Problem, in_order
from services.config.queries import query_problems
from services.config.readable_lists import Readable
from services.engine.errors import RuleError
from services.engine.options import Options
from services.engine.parse import parse


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """What rule files hold, as far as it is right, and everything that is wrong with them.

    `lists` are the expressions of the saved lists by name, `saved` the lists where they stand;
    `written` counts the rules, the wrong ones included; `readable` says that every file
    could be read as YAML of the right shape.
    """

    rules: tuple[Item[RuleSpec], ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    saved: tuple[Item[ListSpec], ...] = ()
    problems: tuple[Problem, ...] = ()
    written: int = 0
    readable: bool = True

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
    rules, lists = rules_and_lists(folder, files, problems)
    problems += query_problems(rules.entries, lists) + rule_problems(rules, lists)
    usable = Readable(lists).sound
    sound = tuple(item for item in rules.items if _is_sound(item.spec, usable))
    saved = tuple(item for item in lists.items if item.spec.id in usable)
    told = in_order(problems)
    return RuleFiles(sound, usable, saved, told, len(rules.entries), rules.complete)


def _is_sound(spec: RuleSpec, lists: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the engine takes the rule; what is wrong with it has been told."""
    try:
        parse(spec.query, lists)
        Options(frozenset(spec.languages))
    except RuleError:
        return False
    return True
