"""Which sentences of an article prove that it matched. PURE.

Decides the fewest sentences that show the most clauses of the matched rules, and how a
long one is cut around its hits. Leaves to `services.engine.context` what a sentence is,
and to the renderers how a hit looks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from schemas.article import Article
from schemas.matches import ArticleField, RuleMatch
from schemas.message import Message
from services.engine.context import neighbours, sentence_around
from services.notifier import clean

MOST_EXCERPTS = 3
LONGEST_SENTENCE = 600
LONGEST_NEIGHBOUR = 300
_NEAR = 2000
"""How far around a hit its sentence is looked for: none worth showing is longer."""
_MOST_HITS = 200
"""Of each clause; a text with more is no article, and says the same in every sentence."""

Span = tuple[int, int]
Claim = tuple[str, int]
"""A clause of a rule: the rule's id and the clause's place in the evidence."""

# The title is shown as the headline anyway, and a summary often repeats the body.
_PREFERENCE = {ArticleField.BODY: 2, ArticleField.SUMMARY: 1, ArticleField.TITLE: 0}


class Excerpt(Message):
    """A sentence with its hits, and what stands before and after it.

    `sentence` is text in pieces, each with whether it is a hit; put together they are the
    sentence. All of it is clean, but not escaped.
    """

    field: ArticleField
    before: str
    sentence: tuple[tuple[str, bool], ...]
    after: str
    rule_ids: tuple[str, ...]


@dataclass(slots=True)
class _Sentence:
    where: ArticleField
    start: int
    end: int
    claims: set[Claim] = field(default_factory=set)
    hits: list[Span] = field(default_factory=list)

    def most_of_one_rule(self) -> int:
        return max(Counter(rule for rule, _ in self.claims).values(), default=0)


def excerpts_of(article: Article, matches: Sequence[RuleMatch]) -> tuple[Excerpt, ...]:
    """At most three excerpts, the most telling first; the lead if nothing can be shown."""
    chosen = _choose(_sentences_with_hits(article, matches)) or _lead(article)
    shown = {(s.where, s.start) for s in chosen}
    return tuple(_excerpt(_text(article, s.where), s, shown) for s in chosen)


def _sentences_with_hits(article: Article, matches: Sequence[RuleMatch]) -> list[_Sentence]:
    found: list[_Sentence] = []
    for where, start, end, claim in sorted(_hits(article, matches)):
        last = found[-1] if found else None
        if last is None or last.where != where or start >= last.end:
            last = _Sentence(where, *_sentence_at(_text(article, where), start, end))
            found.append(last)
        last.claims.add(claim)
        last.hits.append((start, min(end, last.end)))
    return found


def _sentence_at(text: str, start: int, end: int) -> Span:
    near, shift = _surroundings(text, start, end)
    first, past = sentence_around(near, start - shift, end - shift)
    return min(first + shift, start), max(past + shift, end)


def _neighbours_of(text: str, start: int, end: int) -> Iterator[Span | None]:
    near, shift = _surroundings(text, start, end)
    for span in neighbours(near, start - shift, end - shift):
        yield None if span is None else (span[0] + shift, span[1] + shift)


def _surroundings(text: str, start: int, end: int) -> tuple[str, int]:
    """The paragraph around a place (or the near part of a huge one), and where it begins.

    Looking for sentences takes time with the length of the text, for each of thousands of
    hits; a megabyte would stop the notifier for minutes.
    """
    blank = text.rfind("\n\n", max(0, start - _NEAR), start)
    first = max(0, start - _NEAR) if blank == -1 else blank + 2
    blank = text.find("\n\n", end, end + _NEAR)
    return text[first : end + _NEAR if blank == -1 else blank], first


def _hits(
    article: Article, matches: Sequence[RuleMatch]
) -> Iterator[tuple[ArticleField, int, int, Claim]]:
    for match in matches:
        for place, clause in enumerate(match.evidence):
            for hit in clause.hits[:_MOST_HITS]:
                # Offsets past the text would come from another revision: show less, not nonsense.
                if hit.start < hit.end <= len(_text(article, hit.field)):
                    yield hit.field, hit.start, hit.end, (match.rule_id, place)


def _choose(sentences: list[_Sentence]) -> list[_Sentence]:
    chosen: list[_Sentence] = []
    open_claims = {claim for sentence in sentences for claim in sentence.claims}
    while open_claims and len(chosen) < MOST_EXCERPTS:
        best = max(sentences, key=lambda s: _worth(s, open_claims))
        chosen.append(best)
        open_claims -= best.claims
    return chosen


def _worth(sentence: _Sentence, open_claims: set[Claim]) -> tuple[int, int, int, int, int]:
    return (
        len(sentence.claims & open_claims),
        sentence.most_of_one_rule(),
        _PREFERENCE[sentence.where],
        len(set(sentence.hits)),
        -sentence.start,
    )


def _lead(article: Article) -> list[_Sentence]:
    for where in (ArticleField.BODY, ArticleField.SUMMARY):
        text = _text(article, where)
        if text.strip():
            first = len(text) - len(text.lstrip())
            return [_Sentence(where, *_sentence_at(text, first, first + 1))]
    return []


def _excerpt(text: str, sentence: _Sentence, shown: set[tuple[ArticleField, int]]) -> Excerpt:
    before, after = (
        None if span is None or (sentence.where, span[0]) in shown else text[slice(*span)]
        for span in _neighbours_of(text, sentence.start, sentence.end)
    )
    return Excerpt(
        field=sentence.where,
        before=clean.cut_front(clean.piece(before or "").strip(), LONGEST_NEIGHBOUR),
        sentence=_pieces(text, sentence),
        after=clean.line(after or "", LONGEST_NEIGHBOUR),
        rule_ids=tuple(sorted({rule for rule, _ in sentence.claims})),
    )


def _pieces(text: str, sentence: _Sentence) -> tuple[tuple[str, bool], ...]:
    hits = _merged(sentence.hits)
    pieces: list[tuple[str, bool]] = []
    place = sentence.start
    for start, end in _windows(text, sentence, hits):
        if start > place:
            pieces.append((" … " if pieces else "… ", False))
        pieces += _split(text, (start, end), hits)
        place = end
    if place < sentence.end:
        pieces.append(("…", False))
    return _tidy(pieces)


def _split(text: str, window: Span, hits: list[Span]) -> Iterator[tuple[str, bool]]:
    place, past = window
    for start, end in hits:
        if place <= start and end <= past:
            yield text[place:start], False
            yield text[start:end], True
            place = end
    yield text[place:past], False


def _windows(text: str, sentence: _Sentence, hits: list[Span]) -> list[Span]:
    """What is shown of a sentence: all of it, or surroundings of as many hits as have room."""
    if sentence.end - sentence.start <= LONGEST_SENTENCE:
        return [(sentence.start, sentence.end)]
    anchors = [(start, min(end, start + LONGEST_SENTENCE // 2)) for start, end in hits]
    anchors = anchors or [(sentence.start, sentence.start)]
    held = sum(end - start for start, end in anchors)
    room = max(20, (LONGEST_SENTENCE - held) // (2 * len(anchors)))
    around = _merged(_widened(text, sentence, anchor, room) for anchor in anchors)
    return list(_while_there_is_room(around))


def _widened(text: str, sentence: _Sentence, anchor: Span, room: int) -> Span:
    start, end = max(sentence.start, anchor[0] - room), min(sentence.end, anchor[1] + room)
    if start > sentence.start:
        start = max(start, text.find(" ", start, min(start + 20, anchor[0])) + 1)
    if end < sentence.end:
        blank = text.rfind(" ", max(end - 20, anchor[1]), end)
        end = end if blank == -1 else blank
    return start, end


def _while_there_is_room(spans: Iterable[Span]) -> Iterator[Span]:
    left = LONGEST_SENTENCE
    for start, end in spans:
        if left == LONGEST_SENTENCE or end - start <= left:
            yield start, min(end, start + LONGEST_SENTENCE)
            left -= end - start


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _tidy(pieces: list[tuple[str, bool]]) -> tuple[tuple[str, bool], ...]:
    tidy: list[tuple[str, bool]] = []
    for text, is_hit in pieces:
        shown = clean.piece(text) if tidy else clean.piece(text).lstrip()
        if shown:
            tidy.append((shown, is_hit))
    if tidy:
        tidy[-1] = (tidy[-1][0].rstrip(), tidy[-1][1])
    return tuple(tidy)


def _text(article: Article, where: ArticleField) -> str:
    texts = {
        ArticleField.TITLE: article.title,
        ArticleField.BODY: article.body,
        ArticleField.SUMMARY: article.summary,
    }
    return texts[where]
