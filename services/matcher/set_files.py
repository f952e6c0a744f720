"""A rule set in the files of a folder: its arrays as they are, to be mapped into memory.

Decides the form only. What may be believed of it, `trust` decides. Both functions block and
raise whatever the disk and the content make them raise.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from schemas.rule import TermList
from services.engine.ruleset import RuleSet

_LISTS = "lists.jsonl"


def save(folder: Path, rules: RuleSet, lists: Mapping[str, TermList]) -> None:
    """Write a set and its lists into an empty folder. The set may be in use meanwhile."""
    with (folder / _LISTS).open("wb") as file:
        file.writelines(one.encode() + b"\n" for one in lists.values())
    for name, array in rules.dump().items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def load(folder: Path) -> tuple[RuleSet, Mapping[str, TermList]]:
    """The set and the lists of a folder.

    Its files are mapped and must not be changed any more; what the set writes is its own.
    """
    with (folder / _LISTS).open("rb") as file:
        lists = {one.name: one for one in map(TermList.decode, file)}
    return RuleSet.of_dump({path.stem: _mapped(path) for path in folder.glob("*.npy")}), lists


def _mapped(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    # A plain view: a memmap object makes each access to a row slower.
    mapped: np.ndarray[tuple[int, ...], np.dtype[np.generic]] = np.load(
        path, mmap_mode="c", allow_pickle=False
    )
    return np.asarray(mapped).view(np.ndarray)
