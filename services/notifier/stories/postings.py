"""Which stories a shingle stands in: sorted arrays, merged now and then.

A dictionary of lists would take a hundred bytes for each shingle, and a story has
hundreds. Here it is twelve: new ones gather in a small dictionary, full ones are merged into
arrays that double in size, as in a log-structured merge tree.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.notifier.stories.words import Hashes

Numbers = npt.NDArray[np.uint32]
Keys = npt.NDArray[np.uint64] | npt.NDArray[np.uint32]
# A shingle of more stories than this is boilerplate: it tells nothing.
BOILERPLATE = 64
_FRESH = 4_096  # shingles in the dictionary


@dataclass(frozen=True, slots=True)
class _Run:
    """Pairs of a shingle and a story, ordered by shingle."""

    hashes: Hashes
    stories: Numbers


@dataclass(slots=True)
class Postings:
    """The stories of every shingle. Stories are numbers from 0."""

    _runs: list[_Run] = field(default_factory=list)
    _fresh: dict[int, list[int]] = field(default_factory=dict)
    _fresh_pairs: int = 0

    def add(self, story: int, hashes: Keys) -> None:
        """These shingles, all new to it, stand in this story."""
        for value in hashes.tolist():
            self._fresh.setdefault(value, []).append(story)
        self._fresh_pairs += len(hashes)
        if self._fresh_pairs >= _FRESH:
            self._settle()

    def of(self, hashes: Keys) -> tuple[npt.NDArray[np.intp], Numbers]:
        """Pairs of a place in `hashes` and a story that has that shingle, boilerplate left out."""
        places, stories = zip(*self._found(hashes), strict=True)
        place, story = np.concatenate(places), np.concatenate(stories)
        frequent = np.bincount(place, minlength=len(hashes)) > BOILERPLATE
        telling = ~frequent[place]
        return place[telling], story[telling]

    def forget(self, living: npt.NDArray[np.bool_]) -> None:
        """Drop the stories that are not `living`, by number."""
        self._settle()
        kept = (_only(run, living) for run in self._runs)
        self._runs = [run for run in kept if len(run.hashes)]

    def __len__(self) -> int:
        return self._fresh_pairs + sum(len(run.hashes) for run in self._runs)

    def _found(self, hashes: Keys) -> Iterable[tuple[npt.NDArray[np.intp], Numbers]]:
        yield _in_fresh(self._fresh, hashes)
        for run in self._runs:
            yield _in_run(run, hashes)

    def _settle(self) -> None:
        if not self._fresh_pairs:
            return
        pairs = [(h, s) for h, stories in self._fresh.items() for s in stories]
        hashes, stories = zip(*pairs, strict=True)
        run = _sorted(np.array(hashes, np.uint64), np.array(stories, np.uint32))
        self._fresh, self._fresh_pairs = {}, 0
        while self._runs and len(self._runs[-1].hashes) < 2 * len(run.hashes):
            last = self._runs.pop()
            run = _sorted(
                np.concatenate((last.hashes, run.hashes)),
                np.concatenate((last.stories, run.stories)),
            )
        self._runs.append(run)


def _sorted(hashes: Hashes, stories: Numbers) -> _Run:
    order = np.argsort(hashes, kind="stable")
    return _Run(hashes[order], stories[order])


def _only(run: _Run, living: npt.NDArray[np.bool_]) -> _Run:
    kept = living[run.stories]
    return _Run(run.hashes[kept], run.stories[kept])


def _in_fresh(fresh: dict[int, list[int]], hashes: Keys) -> tuple[npt.NDArray[np.intp], Numbers]:
    pairs = [(i, s) for i, h in enumerate(hashes.tolist()) for s in fresh.get(h, ())]
    places, stories = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(places, np.intp), np.array(stories, np.uint32)


def _in_run(run: _Run, hashes: Keys) -> tuple[npt.NDArray[np.intp], Numbers]:
    first = np.searchsorted(run.hashes, hashes, "left")
    counts = np.searchsorted(run.hashes, hashes, "right") - first
    places = np.repeat(np.arange(len(hashes)), counts)
    # The positions first[i], first[i] + 1, … of every hash that was found, one after another.
    within = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places, run.stories[np.repeat(first, counts) + within]
