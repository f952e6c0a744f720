"""A rule set in the files of a folder.

Decides the form only: the set's own, compiled one where it has one, else the rules as they
were broadcast, to be compiled anew. What may be believed of it, `trust` decides. Both
functions block and raise whatever the disk and the content make them raise.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from schemas.rule import TermList, WatchRule
from services.engine.ruleset import RuleSet

_COMPILED = "compiled"
_RULES = "rules.jsonl"
_LISTS = "lists.jsonl"


def save(folder: Path, rules: RuleSet, lists: Mapping[str, TermList]) -> None:
    """Write a set and its lists into an empty folder. The set may be in use meanwhile."""
    with (folder / _LISTS).open("wb") as file:
        file.writelines(one.encode() + b"\n" for one in lists.values())
    write: Callable[[Path], None] | None = getattr(rules, "save", None)
    if write is not None:
        (folder / _COMPILED).mkdir()
        write(folder / _COMPILED)
        return
    with (folder / _RULES).open("wb") as file:
        file.writelines(rule.encode() + b"\n" for rule in rules.rules.values())


def load(folder: Path) -> tuple[RuleSet, Mapping[str, TermList]]:
    """The set and the lists of a folder."""
    with (folder / _LISTS).open("rb") as file:
        lists = {one.name: one for one in map(TermList.decode, file)}
    read: Callable[[Path], RuleSet] | None = getattr(RuleSet, "load", None)
    if read is not None:
        return read(folder / _COMPILED), lists
    with (folder / _RULES).open("rb") as file:
        rules = RuleSet.of(map(WatchRule.decode, file), {n: one.items for n, one in lists.items()})
    return rules, lists
