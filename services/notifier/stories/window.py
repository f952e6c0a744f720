"""The stories of the last days, and which of them a new report tells.

Decides by containment of sampled shingles. Direction matters: a new text that is contained
in a story is a *copy*; a new text that contains a story is a *container* (a round-up), a
story of its own that no other story is ever joined through; an independently written
report of the same event is *related*, and nothing more.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from services.notifier.stories.postings import Postings
from services.notifier.stories.report import Report, Trace
from services.notifier.stories.shared import (
    is_headline_alone,
    is_headline_elsewhere,
    unshared_words,
)
from services.notifier.stories.terms import (
    SAME_EVENT,
    Frequencies,
    Terms,
    bag_of,
    likeness,
    terms_of,
)

_Name = TypeVar("_Name")

WINDOW = timedelta(hours=72)
# Reports of one story keep it in the window, but not for ever.
LONGEST_STORY = timedelta(days=7)
COPIED = 0.5
# Series of one outlet share their template (.35 to .6) and are different news.
COPIED_BY_ITSELF = 0.8
_FEWEST_HITS = 3
_TITLE_WORDS = 5
_SHARED_TERMS = 3
# Of two random articles 99 % have a cosine below .036, of the halves of one article 5 %.
_OTHER_NEWS = 0.036
_CANDIDATES = 40


@dataclass(frozen=True, slots=True)
class Copy:
    """The report is contained in this story."""

    story: str


@dataclass(frozen=True, slots=True)
class Container:
    """The report contains these stories, and more; for each the shingles it shares, as a mask
    over the report's own."""

    of: Sequence[tuple[str, npt.NDArray[np.bool_]]]


@dataclass(frozen=True, slots=True)
class Fresh:
    """The report tells a story of its own."""


Verdict = Copy | Container | Fresh


@dataclass(slots=True)
class _Story:
    """A story of the window. `outlets` has for each outlet the numbers of its headlines."""

    story_id: str
    begun_at: datetime
    seen_at: datetime
    shingles: int
    container: bool
    terms: Terms
    outlets: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    urls: set[str] = field(default_factory=set)
    titles: set[tuple[str, ...]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Overlap:
    number: int
    hits: int
    mask: npt.NDArray[np.bool_]


class StoryWindow:
    """The stories of the last 72 hours, in memory."""

    def __init__(self) -> None:
        self._stories: dict[int, _Story] = {}
        self._numbers: dict[str, int] = {}
        self._next = 0
        self._shingles = Postings()
        self._terms = Postings()
        self._by_title: dict[tuple[str, ...], int] = {}
        self._by_url: dict[str, int] = {}
        self._frequencies = Frequencies()

    def __len__(self) -> int:
        return len(self._stories)

    def judge(self, report: Report) -> Verdict:
        """Which story the report tells; changes nothing."""
        named = self._by_name(report.trace)
        if named is not None:
            return Copy(self._stories[named].story_id)
        overlaps = [o for o in self._overlaps(report) if self._is_open(o.number, report.trace)]
        copied = [o for o in overlaps if self._is_copy(o, report)]
        most = max((o.hits for o in copied), default=0)
        best = [o.number for o in copied if o.hits == most]
        for overlap in copied:
            if overlap.number in best and not self._has_other_news(overlap, report):
                return Copy(self._stories[overlap.number].story_id)
        held = [o for o in overlaps if o.number in best or self._holds(o, report)]
        if held:
            return Container([(self._stories[o.number].story_id, o.mask) for o in held])
        return Fresh()

    def related(self, trace: Trace, but: Collection[str] = ()) -> Sequence[str]:
        """The stories of the same event, the likest first."""
        terms = terms_of(trace.bag, self._frequencies)
        _, stories = self._terms.of(terms.words)
        counts = np.bincount(stories)
        candidates = np.flatnonzero(counts >= _SHARED_TERMS)
        candidates = candidates[np.argsort(-counts[candidates], kind="stable")[:_CANDIDATES]]
        found = sorted(self._like(terms, candidates.tolist(), trace), reverse=True)
        names = [self._stories[number].story_id for _, number in found]
        return [name for name in names if name not in but]

    def add(self, trace: Trace, story_id: str, *, container: bool = False) -> None:
        """A report has been placed in this story; `container` says that it began it as one."""
        self._frequencies.count(trace.bag)
        number = self._numbers.get(story_id)
        if number is None:
            number = self._begin(trace, story_id, container)
        story = self._stories[number]
        story.seen_at = max(story.seen_at, trace.seen_at)
        story.outlets.setdefault(trace.outlet, set()).add(trace.numbers)
        self._index(number, story, trace)

    def sweep(self, now: datetime) -> None:
        """Forget stories that have left the window."""
        gone = [n for n, s in self._stories.items() if self._is_over(s, now)]
        for number in gone:
            story = self._stories.pop(number)
            del self._numbers[story.story_id]
            _drop(self._by_url, story.urls, number)
            _drop(self._by_title, story.titles, number)
            posts = [(url, *title) for url in story.urls for title in story.titles]
            _drop(self._by_title, posts, number)
        if gone:
            living = np.zeros(self._next, np.bool_)
            living[list(self._stories)] = True
            self._shingles.forget(living)
            self._terms.forget(living)

    def _begin(self, trace: Trace, story_id: str, container: bool) -> int:
        number, self._next = self._next, self._next + 1
        terms = terms_of(trace.bag, self._frequencies)
        seen = trace.seen_at
        self._stories[number] = _Story(story_id, seen, seen, 0, container, terms)
        self._numbers[story_id] = number
        self._terms.add(number, terms.words)
        return number

    def _index(self, number: int, story: _Story, trace: Trace) -> None:
        places, stories = self._shingles.of(trace.shingles)
        unknown = np.ones(len(trace.shingles), np.bool_)
        unknown[places[stories == number]] = False
        self._shingles.add(number, trace.shingles[unknown])
        story.shingles += int(unknown.sum())
        if trace.url is not None:
            story.urls.add(trace.url)
            self._name(self._by_url, trace.url, number, trace)
            self._name(self._by_title, (trace.url, *trace.title), number, trace)
        story.titles.add(trace.title)
        if len(trace.title) >= _TITLE_WORDS:
            self._name(self._by_title, trace.title, number, trace)

    def _name(self, names: dict[_Name, int], name: _Name, number: int, trace: Trace) -> None:
        """The first story that is still open keeps a name."""
        if not self._is_open(names.get(name, -1), trace):
            names[name] = number

    def _by_name(self, trace: Trace) -> int | None:
        """The story of a short report: one with the same address or the same headline."""
        if not trace.short:
            return None
        page = trace.url or ""
        number = self._by_title.get((page, *trace.title))
        if number is not None and self._is_open(number, trace):
            return number
        number = self._by_url.get(page)
        if number is not None and self._is_open(number, trace):
            # The posts of a live page share its address and are different news.
            return number if self._is_edited(self._stories[number], trace) else None
        number = self._by_title.get(trace.title)
        if number is None or not self._is_open(number, trace):
            return None
        return None if trace.outlet in self._stories[number].outlets else number

    def _is_edited(self, story: _Story, trace: Trace) -> bool:
        """Whether a report at a story's address may have a headline of the story's, reworded."""
        if self._least(story, trace) > 1:
            return False
        alike = (len(set(trace.title) & set(t)) * 2 for t in story.titles)
        least = (min(len(set(trace.title)), len(set(t))) for t in story.titles)
        return any(a >= b for a, b in zip(alike, least, strict=True))

    def _overlaps(self, report: Report) -> Iterator[_Overlap]:
        if report.trace.short:
            return
        places, stories = self._shingles.of(report.shingles.hashes)
        counts = np.bincount(stories)
        for number in np.flatnonzero(counts >= _FEWEST_HITS).tolist():
            mask = np.zeros(len(report.shingles), np.bool_)
            mask[places[stories == number]] = True
            yield _Overlap(number, int(counts[number]), mask)

    def _is_open(self, number: int, trace: Trace) -> bool:
        story = self._stories.get(number)
        return story is not None and not self._is_over(story, trace.seen_at)

    def _is_over(self, story: _Story, now: datetime) -> bool:
        return now - story.seen_at > WINDOW or now - story.begun_at > LONGEST_STORY

    def _is_copy(self, overlap: _Overlap, report: Report) -> bool:
        story = self._stories[overlap.number]
        least = self._least(story, report.trace)
        if overlap.hits < least * len(report.shingles):
            return False
        return not story.container or overlap.hits >= least * story.shingles

    def _has_other_news(self, overlap: _Overlap, report: Report) -> bool:
        """Whether what the report does not share is about something else: a round-up."""
        titles = self._stories[overlap.number].titles
        if is_headline_elsewhere(report, overlap.mask) or is_headline_alone(report, titles):
            return True
        other = terms_of(bag_of(unshared_words(report, overlap.mask)), self._frequencies)
        if not len(other.words):
            return False
        return likeness(other, self._stories[overlap.number].terms) < _OTHER_NEWS

    def _holds(self, overlap: _Overlap, report: Report) -> bool:
        story = self._stories[overlap.number]
        return overlap.hits >= self._least(story, report.trace) * story.shingles

    def _least(self, story: _Story, trace: Trace) -> float:
        """The containment that makes a copy; over 1, which nothing reaches, for a series."""
        own = story.outlets.get(trace.outlet)
        if own is not None:
            return COPIED_BY_ITSELF if trace.numbers in own else 2.0
        # A series that several outlets take over: its headlines differ in their numbers.
        others = [n for numbers in story.outlets.values() for n in numbers]
        series = trace.numbers and all(n and set(n).isdisjoint(trace.numbers) for n in others)
        return COPIED_BY_ITSELF if series else COPIED

    def _like(
        self, terms: Terms, candidates: Sequence[int], trace: Trace
    ) -> Iterator[tuple[float, int]]:
        for number in candidates:
            if self._is_open(number, trace):
                like = likeness(terms, self._stories[number].terms)
                if like >= SAME_EVENT:
                    yield like, number


def _drop(names: dict[_Name, int], keys: Collection[_Name], number: int) -> None:
    for key in keys:
        if names.get(key) == number:
            del names[key]
