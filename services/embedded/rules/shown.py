"""How an explanation and its article look on a terminal and in a pipe. PURE: what rich prints.

Decides what is left out: paragraphs without a hit, and most of a long list of clauses that
failed. Hits are in colour on a terminal and between stars where there is no colour.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from schemas.article import Article
from schemas.matches import ArticleField, Hit, RuleMatch
from services.engine.context import sentence_around
from services.engine.explain import Explanation, Joint
from services.engine.sentences import paragraph_spans
from services.notifier import clean

MOST_FAILED_PARTS = 6
"""Of an OR that failed: the rest is counted, not listed."""

QUIET = Style(dim=True)
GOOD = Style(color="green", bold=True)
BAD = Style(color="red", bold=True)
_HIT = Style(bold=True, color="bright_yellow")
_LONGEST_SENTENCE = 600
_INDENT = 4

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """Whether there are colours, and whether nothing is left out."""

    colours: bool = False
    full: bool = False

    def marked(self, text: str, start: int, end: int, hits: Iterable[Span]) -> Text:
        """The part of a text at `[start, end)` as clean text with its hits marked."""
        shown = Text()
        place = start
        for first, past in _within(hits, start, end):
            shown.append(clean.piece(text[place:first]))
            word = clean.piece(text[first:past])
            shown.append(word if self.colours else f"*{word}*", style=_HIT)
            place = past
        shown.append(clean.piece(text[place:end]))
        return shown

    def pieces(self, pieces: Iterable[tuple[str, bool]]) -> Text:
        """The pieces of an excerpt (clean already) with its hits marked."""
        shown = Text()
        for text, is_hit in pieces:
            if is_hit:
                shown.append(text if self.colours else f"*{text}*", style=_HIT)
            else:
                shown.append(text)
        return shown


def verdict(matched: bool, name: str) -> Text:
    """The first line: whether it matched, and what."""
    word = Text("match", style=GOOD) if matched else Text("no match", style=BAD)
    return Text.assemble(word, "  ", (name, Style(bold=True)))


def expression(query: str, explanation: Explanation | None = None) -> Iterator[RenderableType]:
    """The rule's own lines; none where the one clause of the explanation says it all."""
    if explanation is None or explanation.joint is not Joint.LEAF:
        for line in query.strip().splitlines():
            yield Padding(Text(clean.piece(line)), (0, 0, 0, _INDENT))


def clauses(explanation: Explanation, article: Article, look: Look) -> Table:
    """The tree of clauses: held or failed, as written, and why."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=len("failed"))
    table.add_column(overflow="fold")
    for depth, part in _rows(explanation, 0, look):
        if isinstance(part, str):
            table.add_row("", Padding(Text(part, style=QUIET), (0, 0, 0, 2 * depth)))
            continue
        word = Text("held", style=GOOD) if part.held else Text("failed", style=BAD)
        table.add_row(word, Padding(_clause(part), (0, 0, 0, 2 * depth)))
        for line in _nearest(part, article, look):
            table.add_row("", Padding(line, (0, 0, 0, 2 * depth + 2)))
    return table


def text_of(article: Article, hits: Sequence[Hit], look: Look) -> Iterator[RenderableType]:
    """The title, and the paragraphs with a hit; all of them where `look` is full."""
    if article.title:
        yield look.marked(article.title, 0, len(article.title), _of(hits, ArticleField.TITLE))
    field = ArticleField.BODY if article.body.strip() else ArticleField.SUMMARY
    text = article.body if field is ArticleField.BODY else article.summary
    places = _of(hits, field)
    left_out = 0
    for number, (start, end) in enumerate(paragraph_spans(text)):
        has_hit = any(start <= first < end for first, _ in places)
        if not (has_hit or look.full or (number == 0 and not places)):
            left_out += 1
            continue
        if left_out:
            yield _left_out(left_out)
            left_out = 0
        yield Padding(look.marked(text, start, end, places), (0, 0, 0, _INDENT))
    if left_out:
        yield _left_out(left_out)


def hits_of(explanation: Explanation, match: RuleMatch | None) -> tuple[Hit, ...]:
    """What to mark: the evidence of a match, and what the clauses point at."""
    if match:
        return tuple(dict.fromkeys(hit for clause in match.evidence for hit in clause.hits))
    leaves = explanation.leaves()
    found = (hit for leaf in leaves for hit in (*leaf.hits, *(leaf.nearest or ())))
    return tuple(dict.fromkeys(found))


def field_text(article: Article, field: ArticleField) -> str:
    """The text of a field."""
    texts = {
        ArticleField.TITLE: article.title,
        ArticleField.BODY: article.body,
        ArticleField.SUMMARY: article.summary,
    }
    return texts[field]


def _rows(part: Explanation, depth: int, look: Look) -> Iterator[tuple[int, Explanation | str]]:
    yield depth, part
    shown, rest = part.parts, 0
    if part.joint is Joint.ANY and not look.full:
        failed = [one for one in part.parts if not one.held]
        kept = set(map(id, failed[: 0 if part.held else MOST_FAILED_PARTS]))
        shown = tuple(one for one in part.parts if one.held or id(one) in kept)
        rest = len(part.parts) - len(shown)
    for one in shown:
        yield from _rows(one, depth + 1, look)
    if rest:
        yield depth + 1, f"and {rest} more that failed"


def _clause(part: Explanation) -> Text:
    head = part.joint.value if part.joint in {Joint.ALL, Joint.ANY, Joint.NONE} else part.clause
    shown = Text(clean.piece(head))
    if part.note:
        shown.append(f"  {clean.piece(part.note)}", style=QUIET)
    return shown


def _nearest(part: Explanation, article: Article, look: Look) -> Iterator[Text]:
    if part.nearest is None:
        return
    one, other = part.nearest
    text = field_text(article, one.field)
    places = [(hit.start, hit.end) for hit in part.nearest]
    start, end = sentence_around(text, min(one.start, other.start), max(one.end, other.end))
    if end - start > _LONGEST_SENTENCE:
        start = max(start, min(one.start, other.start) - 80)
        end = min(end, max(one.end, other.end) + 80)
    yield look.marked(text, start, end, places)


def _of(hits: Iterable[Hit], field: ArticleField) -> list[Span]:
    return [(hit.start, hit.end) for hit in hits if hit.field is field]


def _within(hits: Iterable[Span], start: int, end: int) -> list[Span]:
    """What of the hits lies inside `[start, end)`, overlapping ones as one."""
    merged: list[Span] = []
    for first, past in sorted((max(first, start), min(past, end)) for first, past in hits):
        if merged and first < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], past))
        elif first < past:
            merged.append((first, past))
    return merged


def _left_out(count: int) -> Padding:
    told = "1 paragraph" if count == 1 else f"{count} paragraphs"
    return Padding(Text(f"… {told} without a hit", style=QUIET), (0, 0, 0, _INDENT))
