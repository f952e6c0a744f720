"""How well and how fast article text is extracted: `python -m bench.extract [DATA_FOLDER]`.

Real pages with hand-made text (`pages.tar.gz`, `articles.jsonl.gz`) are read from a folder
that is not part of the project. F1 is that of the public article-extraction benchmark
(github.com/scrapinghub/article-extraction-benchmark): multisets of shingles of 4 words,
counts normalised per page, precision and recall averaged over pages. The peers are
trafilatura and resiliparse alone, without pruning and line filter; "simply" is what is read
of pages that hang trafilatura. Times hold everything from bytes to text, language included.

Leaked lines are told in two ways that share nothing with the filter: by the words they begin
with, and by the page: a line that is nothing but the text of a link to elsewhere. Ends with 1
where a figure is worse than what is promised.
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
from lxml import html
from resiliparse.extract.html2text import extract_plain_text

from services.poller.charset import decode
from services.poller.extract import Extracted, NoText, extract_page, extract_simply
from services.poller.markup import parse_html
from services.poller.related import without_related

_WORD = re.compile(r"\w+")
PROMISED_F1 = 0.955
PROMISED_LOSS = 0.002
PROMISED_P95_SECONDS = 0.060
_LINK_WORDS = 4  # shorter ones are names, sections, sources
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


def leaked_links(pages: Mapping[str, bytes], gold: Mapping[str, str], found: Texts) -> list[str]:
    """Lines that are nothing but a link's text on their page, and in no gold text."""
    leaked = []
    for key, lines in found.items():
        links, wanted = link_texts(pages[key]), _squeezed(gold[key])
        leaked += [
            line
            for line in lines
            if _LINK_WORDS <= len(line.split()) <= 30
            and _squeezed(line) in links
            and _squeezed(line) not in wanted
        ]
    return leaked


def link_texts(page: bytes) -> set[str]:
    """The squeezed texts of a page's links to other pages."""
    links = html.document_fromstring(decode(page, "text/html").encode()).iter("a")
    return {
        _squeezed("".join(map(str, a.itertext())))
        for a in links
        if (a.get("href") or "#")[0] != "#"
    }


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
    return _lines(extract_page(page, "text/html", "https://bench.example/page"))


def simply(page: bytes) -> list[str]:
    """What the poller reads from a page that hangs trafilatura."""
    return _lines(extract_simply(page, "text/html", "https://bench.example/page"))


def _lines(found: Extracted | NoText) -> list[str]:
    return found.body.split("\n\n") if isinstance(found, Extracted) else []


def resiliparse(page: bytes) -> list[str]:
    """What resiliparse reads from a page by itself."""
    text = decode(page, "text/html")
    return str(extract_plain_text(text, main_content=True, preserve_formatting=True)).split("\n")


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


def main() -> int:
    """Measures and prints everything; 1 if less comes out than is promised."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    pages, gold = read_pages(folder / "pages.tar.gz")
    readers = {"trafilatura": alone, "resiliparse": resiliparse, "ours": ours, "simply": simply}
    results = {name: timed(run, pages) for name, run in readers.items()}
    header = "F1   precision  recall  leaked lines  link lines  CPU p50  p95 (ms)"
    print(f"{len(pages)} pages           {header}")
    for name, (texts, seconds) in results.items():
        s, cpu = scores(gold, texts), statistics.quantiles(seconds, n=20)
        print(
            f"{name:<14} {s.f1:10.4f}  {s.precision:9.4f}  {s.recall:6.4f}  "
            f"{len(leaks(gold, texts)):12}  {len(leaked_links(pages, gold, texts)):10}  "
            f"{cpu[9] * 1e3:7.1f}  {cpu[18] * 1e3:8.1f}"
        )
    texts, seconds = results["ours"]
    leaked = leaks(gold, texts)
    for line in (*leaked, *leaked_links(pages, gold, texts)):
        print(f"  leaked: {line[:120]}")
    lost, total = lost_lines(gold, results["trafilatura"][0], texts)
    print(f"good lines of the pages lost to pruning and filters: {len(lost)} of {total}")
    for line in lost:
        print(f"  lost: {line[:120]}")
    articles = read_articles(folder / "articles.jsonl.gz")
    lines = list(dict.fromkeys(chain.from_iterable(articles)))
    report_dropped("lines", lines)
    report_dropped("sentences", [line for line in lines if is_sentence(line)])
    kept = (
        scores(gold, texts).f1 >= PROMISED_F1
        and not leaked
        and len(lost) <= PROMISED_LOSS * total
        and statistics.quantiles(seconds, n=20)[18] < PROMISED_P95_SECONDS
    )
    return 0 if kept else 1


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
    sys.exit(main())
