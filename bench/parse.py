"""How fast and how truly feeds are read: `python -m bench.parse [DATA_FOLDER]`.

Real feeds (`feeds.tar.gz`) are read from a folder that is not part of the project. Compared
are feedparser as it comes, feedparser without sanitizing and resolving (what it has to be
equal to), fastfeedparser where the document is well-formed, and our readers. Entries are
compared after the same normalization, in every field; CPU milliseconds are those of the best
of three rounds over all feeds, before and with the normalization.
"""

import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any

import fastfeedparser
import feedparser

from services.poller.parse import FeedEntry, ParsedFeed
from services.poller.parse.dates import read_date
from services.poller.parse.document import Document, clean_document
from services.poller.parse.parsed import ParseFailed
from services.poller.parse.plain import plain_feed
from services.poller.parse.raw import RawEntry, RawFeed
from services.poller.parse.reading import read_document
from services.poller.parse.reference import read_with_feedparser

URL = "https://bench.example/feed"
Reader = Callable[[bytes], RawFeed | None]


@dataclass(frozen=True, slots=True)
class Run:
    """What a reader made of all feeds, and the milliseconds a feed took it."""

    found: Mapping[str, ParsedFeed | None]
    reading: float
    whole: float


def as_it_comes(document: bytes) -> RawFeed | None:
    """feedparser with its defaults; what it finds is not compared."""
    feedparser.parse(BytesIO(document))
    return None


def ours(document: bytes) -> RawFeed | None:
    """The readers of the poller."""
    cleaned = clean_document(document, None)
    found = read_document(cleaned.data)[0] if isinstance(cleaned, Document) else cleaned
    return None if isinstance(found, ParseFailed) else found


def reference(document: bytes) -> RawFeed | None:
    """feedparser alone, after the same settlement of bytes."""
    cleaned = clean_document(document, None)
    return read_with_feedparser(cleaned.data) if isinstance(cleaned, Document) else None


def fast(document: bytes) -> RawFeed | None:
    """fastfeedparser, with its fields where ours are."""
    try:
        parsed = fastfeedparser.parse(document, include_media=False)
    except ValueError:
        return None
    language = str(parsed.feed.get("language") or "")
    entries = tuple(_fast_entry(entry) for entry in parsed.entries)
    return RawFeed(
        True, entries, parsed.feed.get("title") or "", parsed.feed.get("link") or "", language
    )


def _fast_entry(entry: Any) -> RawEntry:
    return RawEntry(
        guid=entry.get("id") or "",
        link=entry.get("link") or "",
        title=entry.get("title") or "",
        summary=entry.get("description") or "",
        contents=tuple(content["value"] for content in entry.get("content", ())),
        authors=tuple(author["name"] for author in entry.get("authors", ())),
        tags=tuple(tag["term"] for tag in entry.get("tags", ())),
        published=read_date(entry.get("published") or ""),
        updated=read_date(entry.get("updated") or ""),
    )


def run(read: Reader, documents: Mapping[str, bytes]) -> Run:
    """Reads every feed three times over."""
    rounds = [_round(read, documents) for _ in range(3)]
    found = rounds[0][0]
    return Run(found, min(reading for _, reading, _ in rounds), min(whole for *_, whole in rounds))


def _round(
    read: Reader, documents: Mapping[str, bytes]
) -> tuple[dict[str, ParsedFeed | None], float, float]:
    start = time.process_time()
    raw = {name: read(document) for name, document in documents.items()}
    read_at = time.process_time()
    found = {name: plain_feed(one, URL, False) if one else None for name, one in raw.items()}
    each = 1_000 / len(documents)
    return found, (read_at - start) * each, (time.process_time() - start) * each


def differences(wanted: Run, got: Run) -> Counter[str]:
    """How many entries differ, by field, in feeds that both read; entries that are missing."""
    counts: Counter[str] = Counter()
    for name, feed in wanted.found.items():
        other = got.found[name]
        if feed is None or other is None:
            counts["lost entries"] += len(feed.entries) if feed else 0
            continue
        counts["lost entries"] += max(0, len(feed.entries) - len(other.entries))
        counts["lang (feeds)"] += feed.lang != other.lang
        for one, two in zip(feed.entries, other.entries, strict=False):
            counts.update(_fields_that_differ(one, two))
    return counts


def _fields_that_differ(one: FeedEntry, two: FeedEntry) -> list[str]:
    return [f.name for f in fields(FeedEntry) if getattr(one, f.name) != getattr(two, f.name)]


def read_feeds(archive: Path) -> dict[str, bytes]:
    """The real feeds by name."""
    with tarfile.open(archive) as tar:
        streams = ((member.name, tar.extractfile(member)) for member in tar)
        return {name: stream.read() for name, stream in streams if stream}


def main() -> None:
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    documents = read_feeds(folder / "feeds.tar.gz")
    readers = {"ours": ours, "feedparser, flags off": reference, "feedparser": as_it_comes}
    runs = {
        name: run(read, documents) for name, read in (readers | {"fastfeedparser": fast}).items()
    }
    wanted = runs["feedparser, flags off"]
    print(f"{len(documents)} feeds          ms a feed: reading, with normalization; entries")
    for name, one in runs.items():
        entries = sum(len(feed.entries) for feed in one.found.values() if feed)
        whole = f"{one.whole:8.1f} {entries:8}" if entries else ""
        print(f"{name:<24}{one.reading:8.2f} {whole}")
        if one is not wanted and entries:
            for field, count in differences(wanted, one).most_common():
                print(f"    {field:<16}{count:6} differ from feedparser") if count else None


if __name__ == "__main__":
    main()
