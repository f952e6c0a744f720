"""How well and how fast article text is extracted: `python -m bench.extract [DATA_FOLDER]`.

Real pages with hand-made text (`pages.tar.gz`, `articles.jsonl.gz`) are read from a folder
that is not part of the project. F1 is that of the public article-extraction benchmark
(github.com/scrapinghub/article-extraction-benchmark): multisets of shingles of 4 words,
counts normalised per page, precision and recall averaged over pages. The peer is
trafilatura alone, without pruning and line filter.
"""

import gzip
import json
import re
import statistics
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import trafilatura

from services.poller.charset import decode
from services.poller.extract import Extracted, extract_page
from services.poller.markup import parse_html
from services.poller.related import without_related

_WORD = re.compile(r"\w+")
# Written apart from the filter under test: what a reader would call a leak.
_LEAK = re.compile(
    r"^\W*(?:(?:read|see|watch|listen) ?(?:more|also|next|now)?\s*[:|»>–-]|read more"
    r"|related\s*[:|]"
    r"|related (?:stories|articles|content|news|posts|topics)"
    r"|also in [A-Z]|most (?:read|popular)"
    r"|editor'?s'? (?:choice|picks?)|recommended\b"
    r"|you (?:may|might) (?:also )?(?:like|be interested)"
    r"|more (?:from|on|in) [A-Z]\S*\s*[:|»>]|sign up for|don'?t miss\s*:|trending\b|more\s*:"
    r"|lire (?:aussi|également)|lesen sie auch|le[ea] también|leia (?:também|mais)|leggi anche"
    r"|lees ook|baca juga|читайте также|advertisement$)",
    re.IGNORECASE,
)
Texts = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Scores:
    """Precision, recall and F1 over all pages."""

    precision: float
    recall: float
    f1: float


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """The multiset of 4-word shingles of a text."""
    words = _WORD.findall(text)
    return Counter(tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3)) if words)


def page_counts(gold: str, found: str) -> tuple[float, float, float]:
    """True positives, false positives, false negatives; their sum is 1."""
    wanted, got = shingles(gold), shingles(found)
    hits, extra, missed = (wanted & got).total(), (got - wanted).total(), (wanted - got).total()
    whole = hits + extra + missed or 1
    return hits / whole, extra / whole, missed / whole


def scores(gold: Mapping[str, str], found: Texts) -> Scores:
    """The benchmark's figures for all pages."""
    counts = [page_counts(gold[key], "\n\n".join(found[key])) for key in gold]
    precision = statistics.mean(_share(hit, extra) for hit, extra, _ in counts if hit + extra > 0)
    recall = statistics.mean(_share(hit, missed) for hit, _, missed in counts if hit + missed > 0)
    return Scores(precision, recall, 2 * precision * recall / (precision + recall))


def _share(hit: float, other: float) -> float:
    return hit / (hit + other)


def leaks(gold: Mapping[str, str], found: Texts) -> list[str]:
    """Lines of listed kinds that are in no gold text."""
    return [
        line
        for key, lines in found.items()
        for line in lines
        if len(line.split()) <= 30
        and _LEAK.match(line)
        and _squeezed(line) not in _squeezed(gold[key])
    ]


def lost_lines(gold: Mapping[str, str], peer: Texts, found: Texts) -> tuple[list[str], int]:
    """Gold lines that `peer` has and `found` has not, and how many `peer` has."""
    lost, total = [], 0
    for key, text in gold.items():
        theirs, own = _squeezed("".join(peer[key])), _squeezed("".join(found[key]))
        for line in filter(_squeezed, text.split("\n")):
            total += _squeezed(line) in theirs
            if _squeezed(line) in theirs and _squeezed(line) not in own:
                lost.append(f"{key[:8]} {line}")
    return lost, total


def _squeezed(text: str) -> str:
    return "".join(_WORD.findall(text.lower()))


def ours(page: bytes) -> list[str]:
    """What the poller reads from a page."""
    found = extract_page(page, "text/html", "https://bench.example/page")
    return found.body.split("\n\n") if isinstance(found, Extracted) else []


def alone(page: bytes) -> list[str]:
    """What trafilatura reads from a page by itself."""
    tree = parse_html(decode(page, "text/html"))
    found = trafilatura.bare_extraction(tree, fast=True, include_comments=False)
    return (getattr(found, "text", None) or "").split("\n")


def timed(
    extract: Callable[[bytes], list[str]], pages: Mapping[str, bytes]
) -> tuple[Texts, list[float]]:
    """The lines of every page, and the CPU seconds each took (best of three)."""
    texts, seconds = {}, []
    for key, page in pages.items():
        tries = []
        for _ in range(3):
            start = time.process_time()
            texts[key] = extract(page)
            tries.append(time.process_time() - start)
        seconds.append(min(tries))
    return texts, seconds


def read_pages(archive: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The pages and their hand-made texts, by page id."""
    pages: dict[str, bytes] = {}
    gold: dict[str, str] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member)
            if stream is None:
                continue
            if member.name.endswith("ground-truth.json"):
                gold = {key: truth["articleBody"] for key, truth in json.load(stream).items()}
            elif member.name.endswith(".gz"):
                pages[Path(member.name).name.split(".")[0]] = gzip.decompress(stream.read())
    return {key: pages[key] for key in gold}, gold


def dropped_lines(texts: list[list[str]]) -> tuple[list[str], int]:
    """The lines the line filter drops from clean texts, and how many lines there are."""
    dropped: list[str] = []
    total = 0
    for lines in texts:
        kept = Counter(without_related(lines))
        dropped += (Counter(lines) - kept).elements()
        total += len(lines)
    return dropped, total


def read_articles(path: Path) -> list[list[str]]:
    """The lines of real articles."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        bodies = [json.loads(line)["body"] for line in stream]
    return [
        [" ".join(line.split()) for line in body.split("\n") if line.strip()] for body in bodies
    ]


def main() -> None:
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    pages, gold = read_pages(folder / "pages.tar.gz")
    results = {name: timed(run, pages) for name, run in (("alone", alone), ("ours", ours))}
    print(f"{len(pages)} pages           F1   precision  recall  leaked lines  CPU p50  p95 (ms)")
    for name, (texts, seconds) in results.items():
        s, cpu = scores(gold, texts), statistics.quantiles(seconds, n=20)
        print(
            f"{name:<14} {s.f1:10.4f}  {s.precision:9.4f}  {s.recall:6.4f}  "
            f"{len(leaks(gold, texts)):12}  {cpu[9] * 1e3:7.1f}  {cpu[18] * 1e3:8.1f}"
        )
    for line in leaks(gold, results["ours"][0]):
        print(f"  leaked: {line[:120]}")
    lost, total = lost_lines(gold, results["alone"][0], results["ours"][0])
    print(f"good lines of the pages lost to pruning and filters: {len(lost)} of {total}")
    for line in lost:
        print(f"  lost: {line[:120]}")
    articles = read_articles(folder / "articles.jsonl.gz")
    lines = list(dict.fromkeys(chain.from_iterable(articles)))
    report_dropped("lines", lines)
    report_dropped("sentences", [line for line in lines if is_sentence(line)])


def is_sentence(line: str) -> bool:
    """What is text for certain; the articles as copied hold many advertisements and links."""
    return len(line) > 60 and line.endswith((".", ".”", '."'))


def report_dropped(kind: str, lines: list[str]) -> None:
    """Prints how many of these lines the line filter drops, and examples."""
    dropped, total = dropped_lines([lines])
    share = len(dropped) / total
    print(f"different {kind} of articles the filter drops: {len(dropped)} of {total} ({share:.3%})")
    for line in dropped[:: max(1, len(dropped) // 30)]:
        print(f"  dropped: {line[:120]}")


if __name__ == "__main__":
    main()
