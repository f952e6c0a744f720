"""Which rule a command is about: one of a folder by its id, or an expression as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.rule import WatchRule
from services.config.rule_files import read_rule_files
from services.config.wording import did_you_mean
from services.engine.errors import RuleError
from services.engine.ruleset import RuleSet
from services.notifier import clean

EXPRESSION = "expression"
"""The id and the name of a rule that is not in a folder."""


class NoRuleError(Exception):
    """There is no such rule, or it cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A rule, the saved lists it may name, and what to say about the choice."""

    rule: WatchRule
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remark: str = ""

    @property
    def ruleset(self) -> RuleSet:
        """The rule alone, as the stream would run it."""
        return RuleSet.of([self.rule], self.lists)

    @property
    def name(self) -> str:
        """The rule as a headline: its id, and its name where it has one."""
        name = clean.line(self.rule.name, 200)
        return self.rule.rule_id + ("" if name == self.rule.rule_id else f"  {name}")


def choose(asked: str, config: Path | None, *, stem: bool, clitics: bool) -> Chosen:
    """The rule meant by `asked`; raises NoRuleError and NoRuleFilesError.

    An id of the folder wins; anything else is an expression, which may name the lists of
    the folder. `stem` and `clitics` are the options of an expression.
    """
    if config is None:
        return _checked(Chosen(_expression(asked, stem=stem, clitics=clitics)))
    files = read_rule_files(config)
    rules = {rule.rule_id: rule for rule in files.watch_rules}
    if asked in rules:
        return _checked(Chosen(rules[asked], files.lists))
    for problem in files.problems:
        if f'rule "{asked}": ' in problem.message and problem.level == "error":
            raise NoRuleError(str(problem))
    remark = f'no rule of {config} has the id "{asked}"{did_you_mean(asked, rules)}'
    said = f"{remark}; read as an expression" if _is_like_an_id(asked) else ""
    return _checked(Chosen(_expression(asked, stem=stem, clitics=clitics), files.lists, said))


def _expression(query: str, *, stem: bool, clitics: bool) -> WatchRule:
    return WatchRule(
        rule_id=EXPRESSION, version=1, name=EXPRESSION, query=query, stem=stem, clitics=clitics
    )


def _checked(chosen: Chosen) -> Chosen:
    try:
        _ = chosen.ruleset
    except RuleError as error:
        raise NoRuleError(str(error)) from None
    return chosen


def _is_like_an_id(asked: str) -> bool:
    return not set(asked) & set(' "()@:*?')
