"""Real feeds under other names, and after an outage: what is muted. `python -m bench.reidentified`.

Each feed of `feeds.tar.gz` with ten entries or more is read, and read again an hour later with
every guid and address replaced: all of that should be recognised, and mapped to the articles it
was. In two harder cases the texts change with the names, or the dates are dropped. For the
outage the older half of a feed's entries is read as they came, then only the newer half is there:
none of that may be muted.
"""

import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.poller.identity import SHARED, borne_by, published_at
from services.poller.news import Since, Sorted, sort_entries
from services.poller.parse import FeedEntry, ParsedFeed, parse_feed
from services.poller.reidentified import set_reidentified_apart, title_of
from services.store.entry_titles import Past
from services.store.feeds import SeenEntry

_FEEDS = Path(__file__).parents[2] / "shared" / "data" / "feeds.tar.gz"
_ENTRIES = 10
_SOON = timedelta(minutes=3)
_UNDATED = datetime(2026, 1, 1, tzinfo=UTC)

CASES: dict[str, Callable[[FeedEntry], FeedEntry]] = {
    "names": lambda entry: entry,
    "names and texts": lambda entry: replace(entry, summary="In other words.", body=""),
    "names, no dates": lambda entry: replace(entry, published=None, updated=None),
}


class Watched:
    """What is remembered of a feed, kept in memory as the store keeps it."""

    def __init__(self) -> None:
        self._seen: dict[str, SeenEntry] = {}
        self._texts: dict[str, dict[str, SeenEntry]] = {}
        self._titles: dict[str, dict[str, SeenEntry]] = {}

    def read(self, entries: Sequence[FeedEntry], now: datetime) -> Sorted:
        """Read a document at a time."""
        found = sort_entries("feed", borne_by(entries), self._seen, Since(None, now), now)
        found = set_reidentified_apart(found, Past(self._texts, self._titles), now)
        for each in found.everything:
            article, title = each.remembered, title_of(each)
            self._seen.update(dict.fromkeys(each.aliases, article))
            self._seen.update(dict.fromkeys(each.shared, SeenEntry(SHARED, "", now)))
            self._texts.setdefault(article.text_hash, {}).setdefault(article.article_id, article)
            if title is not None:
                self._titles.setdefault(title, {}).setdefault(article.article_id, article)
        return found


def documents(file: Path) -> Iterator[Sequence[FeedEntry]]:
    """The entries of every feed that has enough."""
    with tarfile.open(file) as archive:
        for member in sorted(archive.getmembers(), key=lambda m: m.name):
            content = archive.extractfile(member) if member.isfile() else None
            parsed = parse_feed(content.read(), None, "https://x.example/") if content else None
            if isinstance(parsed, ParsedFeed) and len(parsed.entries) >= _ENTRIES:
                yield parsed.entries


def renamed(entries: Sequence[FeedEntry], case: str) -> tuple[Sorted, int]:
    """What becomes of a feed under other names, and how many entries keep their article."""
    now = max((date for e in entries if (date := _date(e))), default=_UNDATED) + _SOON
    feed = Watched()
    was = {s.entry.title: s.remembered.article_id for s in feed.read(entries, now).everything}
    others = [
        CASES[case](replace(entry, guid=f"new-{n}", link=f"https://new.example/{n}"))
        for n, entry in enumerate(entries)
    ]
    found = feed.read(others, now + timedelta(hours=1))
    kept = sum(s.remembered.article_id == was.get(s.entry.title) for s in found.reidentified)
    return found, kept


def after_outage(entries: Sequence[FeedEntry]) -> Sorted | None:
    """What becomes of a feed's newer half; None where that is no window full."""
    dated = sorted((date, n) for n, entry in enumerate(entries) if (date := _date(entry)))
    older, newer = dated[: len(dated) // 2], dated[len(dated) // 2 :]
    feed, outage = Watched(), older[-1][0] + _SOON if older else _UNDATED
    for date, number in older:
        feed.read([entries[number]], date + _SOON)
    later = [entries[number] for date, number in newer if date > outage]
    return feed.read(later, newer[-1][0] + _SOON) if len(later) >= _ENTRIES else None


def main() -> int:
    """Print what was recognised and what was muted."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else _FEEDS
    if not file.is_file():
        print(f"{file} is not there; name an archive of feeds")
        return 2
    feeds = list(documents(file))
    print("| other | feeds recognised | entries muted | kept their article | news |")
    print("| --- | --- | --- | --- | --- |")
    for case in CASES:
        told: Counter[str] = Counter()
        for found, kept in (renamed(entries, case) for entries in feeds):
            told["feeds"] += bool(found.reidentified)
            told["muted"] += len(found.reidentified)
            told["news"] += len(found.news)
            told["kept"] += kept
        counts = f"{told['muted']} | {told['kept']} | {told['news']}"
        print(f"| {case} | {told['feeds']} of {len(feeds)} | {counts} |")
    outages = [found for found in map(after_outage, feeds) if found is not None]
    news, muted = sum(len(o.news) for o in outages), sum(len(o.reidentified) for o in outages)
    print(f"\nAfter an outage of {len(outages)} feeds: {news} entries are news, {muted} muted.")
    return 0


def _date(entry: FeedEntry) -> datetime | None:
    return published_at(entry, datetime.now(UTC))


if __name__ == "__main__":
    sys.exit(main())
