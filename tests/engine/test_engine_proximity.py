"""The fast way to find what is near gives what the definition gives."""

from collections.abc import Sequence
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from services.engine.analysis import Text, analyse
from services.engine.places import Place, merged
from services.engine.proximity import alone, chain, closest
from services.engine.query import Link, Unit

_SETTINGS = settings(derandomize=True, max_examples=500, deadline=None, database=None)

_TEXTS = st.lists(st.sampled_from(["A ", "A ", "A ", "A. ", "A\n\n"]), min_size=1, max_size=14).map(
    lambda words: analyse("".join(words))
)
_LINKS = st.builds(Link, st.one_of(st.integers(0, 4), st.sampled_from(Unit)), st.booleans())


@st.composite
def _places(draw: st.DrawFn, text: Text) -> Sequence[Place]:
    """Occurrences as terms have them: of one to three words, inside a paragraph."""
    possible = [
        (first, last)
        for first in range(len(text.words))
        for last in range(first, min(first + 3, len(text.words)))
        if text.paragraphs[first] == text.paragraphs[last]
    ]
    return sorted(draw(st.sets(st.sampled_from(possible), max_size=6)))


def _is_near(one: Place, other: Place, link: Link, text: Text) -> bool:
    if other < one and not link.ordered:
        one, other = other, one
    between = other[0] - one[1] - 1
    if between < 0:
        return False
    units = text.sentences if link.within is Unit.SENTENCE else text.paragraphs
    in_one_unit = len({units[number] for number in (*one, *other)}) == 1
    return in_one_unit and (isinstance(link.within, Unit) or between <= link.within)


def _overlap(one: Place, other: Place) -> bool:
    return one != other and one[0] <= other[1] and other[0] <= one[1]


@_SETTINGS
@given(st.data(), _TEXTS, st.lists(_LINKS, min_size=1, max_size=2))
def test_chains_are_what_the_definition_says(
    data: st.DataObject, text: Text, links: list[Link]
) -> None:
    operands = [data.draw(_places(text)) for _ in range(len(links) + 1)]
    paths = [
        path
        for path in product(*operands)
        if all(
            _is_near(path[number], path[number + 1], link, text)
            for number, link in enumerate(links)
        )
    ]
    expected = [sorted({path[number] for path in paths}) for number in range(len(operands))]
    found = chain(operands, links, text)
    assert (found is None) == (paths == [])
    assert found is None or [sorted(places) for places in found] == expected


@_SETTINGS
@given(st.data(), _TEXTS, _LINKS)
def test_not_near_is_what_the_definition_says(data: st.DataObject, text: Text, link: Link) -> None:
    wanted, unwanted = data.draw(_places(text)), data.draw(_places(text))
    expected = [
        one
        for one in wanted
        if not any(_is_near(one, other, link, text) or _overlap(one, other) for other in unwanted)
    ]
    assert list(alone(wanted, unwanted, link, text)) == expected


@_SETTINGS
@given(st.data(), _TEXTS)
def test_the_closest_distance_is_what_the_definition_says(data: st.DataObject, text: Text) -> None:
    ones, others = data.draw(_places(text)), data.draw(_places(text))
    in_one = Link(Unit.PARAGRAPH)
    gaps = [
        max(one[0], other[0]) - min(one[1], other[1]) - 1
        for one, other in product(ones, others)
        if _is_near(one, other, in_one, text)
    ]
    gap = closest(ones, others, text)
    assert (gap.words if gap else None) == min(gaps, default=None)
    assert gap is None or (gap.one in ones and gap.other in others)


def test_merged_places_are_in_order_and_stand_once() -> None:
    assert merged([[(4, 4)], [], [(1, 2), (4, 4)]]) == [(1, 2), (4, 4)]
