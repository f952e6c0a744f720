"""Which files of the folder are read, and their bytes.

Decides by name: feeds.yaml, channels.yaml, subscriptions.yaml (or .yml), *.opml and
rules/*.yaml (or .yml). Hidden files and editors' backups (`.x`, `x~`) do not exist here. A
YAML file that nobody reads is a warning: somebody wrote it and expects alerts from it.
Whatever cannot be read is a problem, never an exception.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.config.items import Kind
from services.config.problem import Problem
from services.config.wording import nearest

MAX_BYTES = 5_000_000
"""Far more than people write: some ten thousand rules."""

_STEMS: Mapping[str, Kind] = {
    "feeds": "feed",
    "channels": "channel",
    "subscriptions": "subscription",
}
_YAML = (".yaml", ".yml")
RULES = "rules"


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The names of the files to read, relative to the folder, and what was wrong on the way."""

    names: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def of(self, kind: Kind) -> tuple[str, ...]:
        """The files that hold items of a kind."""
        return self.names.get(kind, ())


def find_files(folder: Path) -> FolderFiles:
    """What there is to read in `folder`."""
    try:
        here = _visible(folder)
    except OSError as error:
        message = f"the folder {folder} cannot be read: {_reason(error)}"
        return FolderFiles(problems=(Problem(".", None, message),))
    rules, problems = _find_rules(folder) if RULES in here else ([], [])
    names: dict[Kind, tuple[str, ...]] = {"rule": tuple(rules)}
    for stem, kind in _STEMS.items():
        names[kind] = tuple(name for name in here if name in {stem + end for end in _YAML})
    names["feed"] += tuple(name for name in here if name.lower().endswith(".opml"))
    read = {name for group in names.values() for name in group}
    problems += [_stray(name) for name in here if _is_yaml(name) and name not in read]
    return FolderFiles(names, tuple(problems))


def find_rule_files(path: Path, beside: str | None = None) -> tuple[Path, FolderFiles]:
    """The rule files at `path`, and the folder that their names are relative to.

    `path` is an operator's folder, a folder that holds rule files, or one such file. With
    `beside` it is the folder of the file of that name, which is among them in any case.
    """
    if path.is_file():
        return path.parent, FolderFiles({"rule": (path.name,)})
    try:
        here = _visible(path)
    except OSError as error:
        message = f"the folder {path} cannot be read: {_reason(error)}"
        return path, FolderFiles(problems=(Problem(".", None, message),))
    if RULES in here and beside is None:
        names, problems = _find_rules(path)
        return path, FolderFiles({"rule": tuple(names)}, tuple(problems))
    others = {stem + end for stem in _STEMS for end in _YAML}
    found = tuple(name for name in here if name.endswith(_YAML) and name not in others)
    named = (beside,) if beside is not None and beside not in found else ()
    return path, FolderFiles({"rule": named + found})


def read_file(folder: Path, name: str) -> bytes | Problem:
    """The bytes of a file, or why they cannot be had."""
    path = folder / name
    try:
        # Opening a named pipe would wait for somebody to write into it.
        if not stat.S_ISREG(path.stat().st_mode):
            return Problem(name, None, "not a file that can be read; it must be a regular file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return Problem(name, None, f"cannot be read: {_reason(error)}")
    if len(data) > MAX_BYTES:
        return Problem(name, None, f"larger than {MAX_BYTES // 1_000_000} MB; split it")
    return data


def _find_rules(folder: Path) -> tuple[list[str], list[Problem]]:
    try:
        below = _visible(folder / RULES)
    except OSError as error:
        return [], [Problem(RULES, None, f"the folder cannot be read: {_reason(error)}")]
    found = [f"{RULES}/{name}" for name in below if name.endswith(_YAML)]
    message = "folders inside rules/ are not read; move its files to rules/"
    deeper = [name for name in below if (folder / RULES / name).is_dir()]
    return found, [Problem(f"{RULES}/{name}", None, message, "warning") for name in deeper]


def _visible(folder: Path) -> list[str]:
    names = (entry.name for entry in os.scandir(folder))
    return sorted(name for name in names if not name.startswith(".") and not name.endswith("~"))


def _is_yaml(name: str) -> bool:
    return name.lower().endswith(_YAML)


def _stray(name: str) -> Problem:
    stem, _, _ = name.rpartition(".")
    near = nearest(stem, _STEMS)
    expected = f'; did you mean "{near}.yaml"?' if near else ""
    if stem.casefold() in {"rule", "rules"}:
        expected = "; rules belong into the folder rules/"
    return Problem(name, None, f"this file is not read{expected}", "warning")


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
