"""Which occurrences are near which.

Decides distances, order, and what sentence and paragraph bound. Distances count the
words between the nearest ends; overlapping occurrences are not near each other. Works
on sorted ends, so that two very common words do not cost their product.
"""

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from services.engine.analysis import Text
from services.engine.places import Place
from services.engine.query import Link, Unit


def chain(
    operands: Sequence[Sequence[Place]], links: Sequence[Link], text: Text
) -> list[Sequence[Place]] | None:
    """For each operand its occurrences that are part of a whole chain; None without one."""
    alive = [operands[0]]
    for places, link in zip(operands[1:], links, strict=True):
        alive.append(_Reach(link, text, after=not link.ordered).near_some(places, alive[-1]))
    if not alive[-1]:
        return None
    for number in range(len(links) - 1, -1, -1):
        reach = _Reach(links[number], text, before=not links[number].ordered)
        alive[number] = reach.near_some(alive[number], alive[number + 1])
    return alive


def alone(
    wanted: Sequence[Place], unwanted: Sequence[Place], link: Link, text: Text
) -> Sequence[Place]:
    """The wanted occurrences with no unwanted one near; an overlapping one counts as near."""
    reach = _Reach(link, text, before=not link.ordered)
    near = set(reach.near_some(wanted, unwanted)) | _overlapped(wanted, unwanted)
    return [place for place in wanted if place not in near]


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Two occurrences and the words between them."""

    words: int
    one: Place
    other: Place


def closest(ones: Sequence[Place], others: Sequence[Place], text: Text) -> Gap | None:
    """The two in one paragraph with the fewest words between; None if no two are in one."""
    anywhere = _Reach(Link(Unit.PARAGRAPH), text)
    near = anywhere.near_some(ones, others)
    by_first = sorted(others)
    by_last = sorted(others, key=lambda place: place[1])
    return min((gap for one in near for gap in anywhere.gaps(one, by_first, by_last)), default=None)


def _overlapped(wanted: Sequence[Place], unwanted: Sequence[Place]) -> set[Place]:
    """The wanted places that share a word with an unwanted one other than themselves."""
    firsts = [first for first, _ in unwanted]
    nothing: tuple[Place, ...] = ()
    reaching = list(accumulate(unwanted, _two_reaching_furthest, initial=nothing))
    found = set()
    for place in wanted:
        before_its_end = reaching[bisect_right(firsts, place[1])]
        # An occurrence is never near itself.
        if any(other[1] >= place[0] and other != place for other in before_its_end):
            found.add(place)
    return found


def _two_reaching_furthest(kept: tuple[Place, ...], place: Place) -> tuple[Place, ...]:
    return tuple(sorted((*kept, place), key=lambda one: one[1])[-2:])


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far a link reaches in a text, and on which sides a partner may stand."""

    link: Link
    text: Text
    before: bool = True
    after: bool = True

    def near_some(self, places: Sequence[Place], partners: Sequence[Place]) -> Sequence[Place]:
        """The places that have a partner near."""
        whole = self._whole(partners)
        firsts = [first for first, _ in whole]
        lasts = sorted(last for _, last in whole)
        return [
            place
            for place in self._whole(places)
            if (self.before and self._reaches_back(place, lasts))
            or (self.after and self._reaches_on(place, firsts))
        ]

    def gaps(
        self, place: Place, by_first: Sequence[Place], by_last: Sequence[Place]
    ) -> Iterator[Gap]:
        """What lies between `place` and the nearest one on each side within its unit."""
        before = bisect_left(by_last, place[0], key=lambda other: other[1]) - 1
        after = bisect_right(by_first, place[1], key=lambda other: other[0])
        if before >= 0 and self._is_near(by_last[before][1], place[0]):
            yield Gap(place[0] - by_last[before][1] - 1, place, by_last[before])
        if after < len(by_first) and self._is_near(place[1], by_first[after][0]):
            yield Gap(by_first[after][0] - place[1] - 1, place, by_first[after])

    @property
    def _units(self) -> Sequence[int]:
        """The sentence or paragraph of each word: what a proximity stays inside."""
        if self.link.within is Unit.SENTENCE:
            return self.text.sentences
        return self.text.paragraphs

    @property
    def _words_between(self) -> int:
        within = self.link.within
        return sys.maxsize if isinstance(within, Unit) else within

    def _whole(self, places: Sequence[Place]) -> Sequence[Place]:
        units = self._units
        return [place for place in places if units[place[0]] == units[place[1]]]

    def _reaches_back(self, place: Place, lasts: Sequence[int]) -> bool:
        nearest = bisect_left(lasts, place[0]) - 1
        return nearest >= 0 and self._is_near(lasts[nearest], place[0])

    def _reaches_on(self, place: Place, firsts: Sequence[int]) -> bool:
        nearest = bisect_right(firsts, place[1])
        return nearest < len(firsts) and self._is_near(place[1], firsts[nearest])

    def _is_near(self, last: int, first: int) -> bool:
        units = self._units
        return units[last] == units[first] and first - last - 1 <= self._words_between
