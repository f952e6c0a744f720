"""Where a term stands in a text.

Decides which words of a text a word of a term accepts, and which runs of words are an
occurrence. Asked for both particles and stems, a word is accepted behind particles, in
another form, and in another form behind particles. A place is the numbers of the first and
the last word, both included; places are listed in the order of the text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.engine.adjacent import starts_of
from services.engine.analysis import Layer, Text
from services.engine.characters import is_hangul
from services.engine.clitics import with_clitics
from services.engine.glob import literal_prefix, matches
from services.engine.query import Term, is_pattern
from services.engine.stemming import stem

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ways:
    """How words may match beside being equal: behind particles, and by their stem.

    `stems` is the language of the text, None where stems are not asked for or not known.
    """

    clitics: bool = False
    stems: str | None = None


def places_of(term: Term, text: Text, ways: Ways) -> tuple[Place, ...]:
    """All occurrences of `term` in `text`."""
    last = len(term.words) - 1
    inner_matters = is_hangul(term.words[0][0])
    return tuple(
        (start, start + last)
        for start in _starts(term, text, ways)
        if text.paragraphs[start] == text.paragraphs[start + last]
        and not (inner_matters and text.words[start].inner)
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


def _starts(term: Term, text: Text, ways: Ways) -> Sequence[int]:
    """Where all words of the term stand side by side, over paragraph ends, too."""
    known: dict[tuple[str, str], Sequence[int]] = {}
    accepted: list[Sequence[int]] = []
    for number, word in enumerate(zip(term.words, term.marked, strict=True)):
        if word not in known:
            known[word] = _accepted(term, number, text, ways)
        if not known[word]:
            return ()
        accepted.append(known[word])
    return accepted[0] if len(accepted) == 1 else starts_of(accepted)


def _accepted(term: Term, number: int, text: Text, ways: Ways) -> Sequence[int]:
    """The numbers of the words of `text` that stand for one word of `term`, in order."""
    word = term.words[number]
    if term.exact:
        return text.exact.places.get(word, ())
    if is_pattern(word):
        found = text.folded.starting_with(literal_prefix(word))
        return _numbers(text.folded, [one for one in found if matches(word, one)])
    alike = _numbers(text.folded, _behind_particles(word, ways))
    if ways.stems is None:
        return alike
    stems = {stem(form, ways.stems) for form in _behind_particles(term.marked[number], ways)}
    by_stem = _numbers(text.stems(ways.stems), sorted(stems - {""}))
    return sorted({*alike, *by_stem}) if alike else by_stem


def _behind_particles(word: str, ways: Ways) -> Sequence[str]:
    return with_clitics(word) if ways.clitics else (word,)


def _numbers(layer: Layer, spellings: Sequence[str]) -> Sequence[int]:
    if len(spellings) == 1:
        return layer.places.get(spellings[0], ())
    return sorted({number for one in spellings for number in layer.places.get(one, ())})
