"""Which reports tell one story: recall on edits of real articles, false positives, cost.

`python -m bench.stories [DATA_FOLDER]`. Real articles (`articles.jsonl.gz`) are read from a
folder that is not part of the project. Each edit of an article must be found to be a copy of that
article among all others. Its peer is the exact Jaccard similarity of all five-word shingles at
.8, which MinHash approximates.

A pair of different articles that is called a copy is checked apart, on whole texts: where at
least .4 of the shorter one's runs of eight words stand in the longer one, the archive holds
the same report twice; anything less is a false positive, and printed.
"""

import gzip
import json
import random
import re
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.article import Article, TextOrigin, TextReason
from schemas.matches import ArticleField, Clause, Hit, RuleMatch
from schemas.rule import Severity
from services.notifier.stories.report import Report, report_of
from services.notifier.stories.shared import is_inside, shared_spans
from services.notifier.stories.window import Container, Copy, StoryWindow, Verdict

_EDITED = 1_500
_ROUND_UPS = 400
_LEAST_WORDS = 80
_SAME = 0.4
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"\w+")
_CHANCE = random.Random(4)


@dataclass(frozen=True, slots=True)
class Piece:
    """An article of the archive."""

    name: str
    title: str
    body: str
    source: str


def read(path: Path) -> list[Piece]:
    """The articles that are long enough to be edited."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        found = [json.loads(line) for line in stream]
    pieces = [Piece(a["id"], a["title"], a["body"], a["source"]) for a in found]
    return [piece for piece in pieces if len(piece.body.split()) >= _LEAST_WORDS]


def report(piece: Piece, body: str, outlet: str) -> Report:
    """The report that `outlet` makes of a piece."""
    return report_of(
        Article(
            article_id=f"{outlet} {piece.name}",
            revision="1",
            feed_id=outlet,
            source=outlet,
            title=piece.title,
            body=body,
            text=TextOrigin.FULL,
            text_reason=TextReason.PAGE,
            first_seen_at=_NOW,
            seen_at=_NOW,
        )
    )


def lead_rewritten(words: Sequence[str], others: Sequence[str]) -> Iterable[str]:
    """The first fifth, at most forty words, are another's."""
    lead = min(40, len(words) // 5)
    return [*others[:lead], *words[lead:]]


def cut_to_half(words: Sequence[str], _: Sequence[str]) -> Iterable[str]:
    """The first half."""
    return words[: len(words) // 2]


def cut_to_quarter(words: Sequence[str], _: Sequence[str]) -> Iterable[str]:
    """The first quarter, at least sixty words."""
    return words[: max(60, len(words) // 4)]


def last_quarter(words: Sequence[str], _: Sequence[str]) -> Iterable[str]:
    """The last quarter, at least sixty words."""
    return words[-max(60, len(words) // 4) :]


def excerpt(words: Sequence[str], _: Sequence[str]) -> Iterable[str]:
    """Sixty words from anywhere."""
    start = _CHANCE.randrange(len(words) - 59)
    return words[start : start + 60]


def light_edit(words: Sequence[str], others: Sequence[str]) -> Iterable[str]:
    """Every twentieth word is another."""
    return [_CHANCE.choice(others) if _CHANCE.random() < 0.05 else word for word in words]


EDITS: tuple[Callable[[Sequence[str], Sequence[str]], Iterable[str]], ...] = (
    lead_rewritten,
    cut_to_half,
    cut_to_quarter,
    last_quarter,
    excerpt,
    light_edit,
)


def filled(pieces: Iterable[Piece]) -> tuple[StoryWindow, float]:
    """A window with all pieces, each an outlet's own, and the CPU seconds it took."""
    window = StoryWindow()
    start = time.process_time()
    for piece in pieces:
        one = report(piece, piece.body, f"outlet of {piece.name}")
        put(window, one, piece.name)
    return window, time.process_time() - start


def put(window: StoryWindow, one: Report, name: str) -> Verdict:
    """Judges a report and adds it."""
    verdict = window.judge(one)
    story = verdict.story if isinstance(verdict, Copy) else name
    window.add(one.trace, story, container=isinstance(verdict, Container))
    return verdict


def recall(window: StoryWindow, pieces: Sequence[Piece], others: Sequence[Piece]) -> None:
    """Prints which share of each edit is found, beside the peer."""
    print(f"{'edit of ' + str(len(pieces)) + ' articles':<28}{'recall':>8}{'Jaccard .8':>12}")
    for edit in EDITS:
        ours = peer = 0
        for piece in pieces:
            strange = _CHANCE.choice(others).body.split()
            body = " ".join(edit(piece.body.split(), strange))
            verdict = window.judge(report(piece, body, "another outlet"))
            ours += verdict == Copy(piece.name)
            peer += jaccard(piece.body, body) >= 0.8
        share, theirs = ours / len(pieces), peer / len(pieces)
        print(f"  {edit.__name__:<26}{share:8.4f}{theirs:12.4f}")


def jaccard(one: str, other: str) -> float:
    """The similarity of all five-word shingles."""
    mine, theirs = runs(one, 5), runs(other, 5)
    return len(mine & theirs) / (len(mine | theirs) or 1)


def runs(text: str, width: int) -> set[tuple[str, ...]]:
    """All runs of so many words."""
    words = _WORD.findall(text.lower())
    return {tuple(words[i : i + width]) for i in range(len(words) - width + 1)}


def false_positives(pieces: Sequence[Piece], own_outlet: bool) -> None:
    """Prints which different articles are taken for copies of each other."""
    by_name = {piece.name: piece for piece in pieces}
    window, found = StoryWindow(), []
    for piece in pieces:
        one = report(piece, piece.body, f"o {piece.name}" if own_outlet else piece.source)
        verdict = put(window, one, piece.name)
        if isinstance(verdict, Copy):
            found.append((piece, by_name[verdict.story]))
    wrong = [pair for pair in found if same(*pair) < _SAME]
    pairs = len(pieces) * (len(pieces) - 1) // 2
    who = "every article by an outlet of its own" if own_outlet else "outlets as they were"
    print(
        f"{who}: {pairs:,} pairs, {len(found)} taken for copies, "
        f"{len(found) - len(wrong)} of them twice in the archive, {len(wrong)} false"
    )
    for one_piece, other in wrong:
        print(f"  {same(one_piece, other):.2f} {one_piece.title[:60]} | {other.title[:60]}")


def same(one: Piece, other: Piece) -> float:
    """Which share of the shorter text's runs of eight words stands in the longer one."""
    mine, theirs = runs(one.body, 8), runs(other.body, 8)
    return len(mine & theirs) / (min(len(mine), len(theirs)) or 1)


def round_ups(window: StoryWindow, known: Sequence[Piece], news: Sequence[Piece]) -> None:
    """Prints how round-ups of a known and two new reports fare."""
    grouped = suppressed = told = heard = repeated = 0
    for _ in range(_ROUND_UPS):
        old, (first, second) = _CHANCE.choice(known), _CHANCE.sample(news, 2)
        parts = [part.body for part in (first, old, second)]
        one = report(Piece("r", "The week in brief", "", ""), "\n\n".join(parts), "round-up")
        verdict = window.judge(one)
        suppressed += isinstance(verdict, Copy)
        if not isinstance(verdict, Container) or old.name not in dict(verdict.of):
            continue
        grouped += 1
        spans = shared_spans(one, dict(verdict.of)[old.name])
        for part in (first, second):
            told += 1
            heard += not is_inside(_sentence(one, part.body), one, spans)
        repeated += not is_inside(_sentence(one, old.body), one, spans)
    print(
        f"{_ROUND_UPS} round-ups: {grouped} grouped with the report they repeat, {suppressed} "
        f"suppressed; {heard} of {told} new sentences alert, {repeated} of {grouped} old ones"
    )


def _sentence(one: Report, body: str) -> RuleMatch:
    """A rule that the words in the middle of `body` prove."""
    start = one.text.index(body) + len(body) // 2
    hit = Hit(field=ArticleField.BODY, start=start, end=start + 20)
    return RuleMatch(
        rule_id="r",
        version=1,
        name="r",
        severity=Severity.NORMAL,
        query="r",
        evidence=(Clause(clause="r", hits=(hit,)),),
    )


def cost(pieces: Sequence[Piece]) -> None:
    """Prints what a report costs in time and in memory."""
    _, seconds = filled(pieces)
    print(f"{seconds / len(pieces) * 1e6:.0f} µs CPU a report, judged and added")
    reports = [report(piece, piece.body, f"outlet of {piece.name}") for piece in pieces]
    tracemalloc.start()
    kept = StoryWindow()
    before = tracemalloc.get_traced_memory()[0]
    for one, piece in zip(reports, pieces, strict=True):
        put(kept, one, piece.name)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    print(f"{grown / len(kept):,.0f} bytes a story in the window ({len(kept):,} stories)")


def main() -> None:
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    pieces = read(folder / "articles.jsonl.gz")
    _CHANCE.shuffle(pieces)
    known, others = pieces[:_EDITED], pieces[_EDITED:]
    window, _ = filled(known)
    recall(window, known, others)
    round_ups(window, known, others)
    false_positives(pieces, own_outlet=False)
    false_positives(pieces, own_outlet=True)
    cost(pieces)


if __name__ == "__main__":
    main()
