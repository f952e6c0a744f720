"""Where a term stands in a text.

Decides which runs of words are an occurrence of a term. A place is the numbers of the
first and the last word, both included; places are listed in the order of the text.
"""

from collections.abc import Iterable, Sequence

from services.engine.analysis import Layer, Text
from services.engine.characters import is_hangul
from services.engine.clitics import with_clitics
from services.engine.glob import literal_prefix, matches
from services.engine.query import Term, is_pattern

Place = tuple[int, int]


def places_of(term: Term, text: Text, *, clitics: bool) -> tuple[Place, ...]:
    """All occurrences of `term` in `text`."""
    layer = text.exact if term.exact else text.folded
    accepted: list[Sequence[str]] = []
    for word in term.words:
        spellings = _spellings(word, layer, clitics=clitics and not term.exact)
        if not spellings:
            return ()
        accepted.append(spellings)
    anchor = min(range(len(accepted)), key=lambda number: _count(layer, accepted[number]))
    found = (
        (number - anchor, number - anchor + len(accepted) - 1)
        for number in _numbers(layer, accepted[anchor])
    )
    inner_matters = is_hangul(term.words[0][0])
    return tuple(
        place
        for place in found
        if _stands_at(place, accepted, text, layer)
        and not (inner_matters and text.words[place[0]].inner)
    )


def merged(lists: Iterable[Sequence[Place]]) -> Sequence[Place]:
    """The places of all lists, in order, each once."""
    filled = [places for places in lists if places]
    if len(filled) < 2:
        return filled[0] if filled else ()
    return sorted({place for places in filled for place in places})


def count_apart(places: Sequence[Place]) -> int:
    """How many of the places can be counted without counting a word twice."""
    count, free = 0, 0
    for first, last in sorted(places, key=lambda place: place[1]):
        if first >= free:
            count, free = count + 1, last + 1
    return count


def _spellings(word: str, layer: Layer, *, clitics: bool) -> Sequence[str]:
    """The words of the text that this word of a term accepts."""
    if not layer.words:
        return ()
    if is_pattern(word):
        prefix = literal_prefix(word)
        return [found for found in layer.starting_with(prefix) if matches(word, found)]
    wanted = with_clitics(word) if clitics else (word,)
    return [spelling for spelling in wanted if spelling in layer.places]


def _count(layer: Layer, spellings: Sequence[str]) -> int:
    return sum(len(layer.places[spelling]) for spelling in spellings)


def _numbers(layer: Layer, spellings: Sequence[str]) -> Sequence[int]:
    if len(spellings) == 1:
        return layer.places[spellings[0]]
    return sorted({number for spelling in spellings for number in layer.places[spelling]})


def _stands_at(place: Place, accepted: Sequence[Sequence[str]], text: Text, layer: Layer) -> bool:
    first, last = place
    return (
        first >= 0
        and last < len(layer.words)
        and text.paragraphs[first] == text.paragraphs[last]
        and all(
            layer.words[first + number] in spellings for number, spellings in enumerate(accepted)
        )
    )
