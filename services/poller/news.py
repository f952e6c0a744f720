"""What of a feed document is news: the entries to publish, to mute, and to pass over. PURE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.poller.identity import (
    Edited,
    Known,
    New,
    Seen,
    aliases_of,
    classify,
    published_at,
    text_hash,
)
from services.poller.parse import FeedEntry
from services.store.feeds import SeenEntry


@dataclass(frozen=True, slots=True)
class Sighted:
    """An entry of this document, with what it is remembered by."""

    entry: FeedEntry
    aliases: frozenset[str]
    remembered: SeenEntry


@dataclass(frozen=True, slots=True)
class Sorted:
    """The entries of a document; `news` oldest first."""

    news: tuple[Sighted, ...]
    muted: tuple[Sighted, ...]
    known: tuple[Sighted, ...]

    @property
    def everything(self) -> tuple[Sighted, ...]:
        """All entries, to be remembered."""
        return self.news + self.muted + self.known

    @property
    def all_new(self) -> bool:
        """Whether nothing had been seen before, so that entries may have been missed."""
        return bool(self.news) and not self.known and not self.muted


def sort_entries(
    feed_id: str,
    entries: Sequence[FeedEntry],
    seen: Mapping[str, SeenEntry],
    mute_before: datetime | None,
    now: datetime,
) -> Sorted:
    """Sort the entries of a feed document by what `seen` says of their aliases.

    `mute_before` is given on the first fetch of an address: an unseen entry published
    before it, or without a date, is remembered and not published, because nobody was
    promised what stood there before the feed was watched.
    """
    groups: dict[str, list[Sighted]] = {"news": [], "muted": [], "known": []}
    once: set[str] = set()
    for entry, aliases in zip(entries, aliases_of(entries), strict=True):
        group, sighted = _sort(feed_id, entry, aliases, seen, now)
        if sighted.remembered.article_id in once:
            continue
        once.add(sighted.remembered.article_id)
        if group == "news" and _is_old(entry, mute_before, now):
            group = "muted"
        groups[group].append(sighted)
    news = sorted(groups["news"], key=lambda s: published_at(s.entry, now) or now)
    return Sorted(tuple(news), tuple(groups["muted"]), tuple(groups["known"]))


def all_aliases(entries: Sequence[FeedEntry]) -> frozenset[str]:
    """Every alias of every entry, to look up what was seen."""
    return frozenset().union(*aliases_of(entries))


def _sort(
    feed_id: str,
    entry: FeedEntry,
    aliases: frozenset[str],
    seen: Mapping[str, SeenEntry],
    now: datetime,
) -> tuple[str, Sighted]:
    known = {a: Seen(s.article_id, s.text_hash) for a in aliases if (s := seen.get(a))}
    text = text_hash(entry)
    first_seen = min((seen[a].first_seen_at for a in known), default=now)
    match classify(feed_id, aliases, text, known):
        case New(article):
            return "news", Sighted(entry, aliases, SeenEntry(article, text, now))
        case Edited(article):
            return "news", Sighted(entry, aliases, SeenEntry(article, text, first_seen))
        case Known(article):
            return "known", Sighted(entry, aliases, SeenEntry(article, text, first_seen))


def _is_old(entry: FeedEntry, mute_before: datetime | None, now: datetime) -> bool:
    if mute_before is None:
        return False
    published = published_at(entry, now)
    return published is None or published < mute_before
