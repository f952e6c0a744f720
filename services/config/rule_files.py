"""Rule files by themselves: an operator's folder, a folder of rule files, or one such file.

Decides which files are meant, so that somebody can work on rules without feeds and
channels. What a file may hold, `folder` and `schemas.folder` decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from schemas.folder import ListSpec, RuleSpec
from schemas.rule import WatchRule
from services.config.announcing import watch_rule
from services.config.crosscheck import rule_problems
from services.config.files import FolderFiles, find_rule_files
from services.config.folder import rules_and_lists
from services.config.items import Item
from services.config.problem import Problem, in_order
from services.config.queries import query_problems
from services.config.readable_lists import Readable
from services.config.saved_lists import named_in
from services.engine.errors import RuleError
from services.engine.options import Options
from services.engine.parse import parse


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """What rule files hold, as far as it is right, and everything that is wrong with them.

    `lists` are the expressions of the saved lists by name, `saved` the lists where they stand;
    `written` counts the rules, the wrong ones included; `readable` says that every file
    could be read as YAML of the right shape, `is_about_lists` that they hold or name lists.
    """

    rules: tuple[Item[RuleSpec], ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    saved: tuple[Item[ListSpec], ...] = ()
    problems: tuple[Problem, ...] = ()
    written: int = 0
    readable: bool = True
    is_about_lists: bool = False

    @property
    def watch_rules(self) -> tuple[WatchRule, ...]:
        """The rules as they would be broadcast, in the order of the files."""
        return tuple(
            watch_rule(item.spec.id, item.spec.model_dump(mode="json"), 1) for item in self.rules
        )


class NoRuleFilesError(Exception):
    """There are no rule files; the text says where they were looked for, and the way out."""


def read_rule_files(path: Path) -> RuleFiles:
    """The rule files at `path`; raises NoRuleFilesError where there are none.

    One file by itself may name the saved lists of the files beside it.
    """
    if not path.exists():
        raise NoRuleFilesError(f"{path}: no such folder or file")
    folder, files = find_rule_files(path)
    if not files.of("rule") and not files.problems:
        raise NoRuleFilesError(
            f"{path}: no rule files; write one such as {path}/rules/first.yaml, "
            "or name a file with rules"
        )
    found = _read(folder, files)
    if path.is_file() and found.is_about_lists:
        around = _read(*find_rule_files(path.parent, path.name))
        return _part_of(around, found, path.name) if around.readable else found
    return found


def _read(folder: Path, files: FolderFiles) -> RuleFiles:
    problems = list(files.problems)
    rules, lists = rules_and_lists(folder, files, problems)
    problems += query_problems(rules.entries, lists) + rule_problems(rules, lists)
    usable = Readable(lists).sound
    return RuleFiles(
        rules=tuple(item for item in rules.items if _is_sound(item.spec, usable)),
        lists=usable,
        saved=tuple(item for item in lists.items if item.spec.id in usable),
        problems=in_order(problems),
        written=len(rules.entries),
        readable=rules.complete,
        is_about_lists=bool(lists.entries or named_in(item.spec.query for item in rules.items)),
    )


def _part_of(around: RuleFiles, alone: RuleFiles, name: str) -> RuleFiles:
    """What the files around have to say about the one called `name`."""
    return replace(
        alone,
        rules=tuple(item for item in around.rules if item.entry.file == name),
        lists=around.lists,
        saved=tuple(item for item in around.saved if item.entry.file == name),
        problems=tuple(problem for problem in around.problems if problem.file == name),
    )


def _is_sound(spec: RuleSpec, lists: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the engine takes the rule; what is wrong with it has been told."""
    try:
        parse(spec.query, lists)
        Options(frozenset(spec.languages))
    except RuleError:
        return False
    return True
