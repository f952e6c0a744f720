"""What of a feed document is news: the entries to publish, to mute, and to pass over. PURE.

Decides by what was seen of the entries' names (`identity`) and by their dates. Whether a
window that is suddenly new is only the old one under other names is `reidentified`'s decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.poller.identity import (
    SHARED,
    Borne,
    Edited,
    Known,
    Named,
    New,
    Verdict,
    classify,
    named,
    published_at,
)
from services.poller.parse import FeedEntry
from services.store.feeds import WRITTEN_WITHIN, SeenEntry

LATE_AFTER = timedelta(days=7)
_SUDDENLY_NEW_SHARE = 0.6
_SUDDENLY_NEW_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class Since:
    """Since when a feed is watched, as far as it matters for the dates of its entries.

    `mute_before` is given on the first fetch of an address: an unseen entry published
    before it, or without a date, is remembered and not published, because nobody was
    promised what stood there before the feed was watched.
    """

    mute_before: datetime | None = None
    last_success_at: datetime | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is the first fetch of an address."""
        return self.mute_before is not None


@dataclass(frozen=True, slots=True)
class Sighted:
    """An entry of this document, with what it is remembered by.

    `fresh` says that all of it was written down within a day already.
    """

    entry: FeedEntry
    aliases: frozenset[str]
    remembered: SeenEntry
    shared: frozenset[str] = frozenset()
    edited: bool = False
    late: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Sorted:
    """The entries of a document; `news` oldest first.

    `muted` are remembered and not published because they are from before the feed was
    watched, `reidentified` because they were published under other names; `waiting` are edits
    whose turn has not come.
    """

    news: tuple[Sighted, ...]
    muted: tuple[Sighted, ...]
    known: tuple[Sighted, ...]
    reidentified: tuple[Sighted, ...] = field(default=())
    waiting: tuple[Sighted, ...] = field(default=())

    @property
    def everything(self) -> tuple[Sighted, ...]:
        """All entries, to be remembered."""
        return self.news + self.muted + self.known + self.reidentified + self.waiting

    @property
    def unseen(self) -> tuple[Sighted, ...]:
        """Those whose names were never seen."""
        return tuple(s for s in self.news if not s.edited) + self.muted

    @property
    def suddenly_new(self) -> bool:
        """Whether so much is new that the feed has other names for its entries, or that
        more may have come than it shows."""
        count = len(self.unseen)
        enough = count >= _SUDDENLY_NEW_SHARE * len(self.everything)
        return count >= _SUDDENLY_NEW_ENTRIES and enough

    @property
    def gap(self) -> bool:
        """Whether entries may have come and gone unseen: nothing that was seen before is left,
        or what is new is a sudden window full that was not seen under other names."""
        return self._all_new or (self.suddenly_new and not self.reidentified)

    @property
    def _all_new(self) -> bool:
        return bool(self.news) and len(self.unseen) == len(self.everything) and not self.muted


def sort_entries(
    feed_id: str,
    document: Sequence[Borne],
    seen: Mapping[str, SeenEntry],
    since: Since,
    now: datetime,
) -> Sorted:
    """Sort the entries of a feed document by what `seen` says of their names."""
    groups: dict[str, list[Sighted]] = {"news": [], "muted": [], "known": []}
    names = named(document, seen)
    for borne, name, verdict in zip(document, names, classify(feed_id, names, seen), strict=True):
        entry = borne.entry
        sighted = _sighted(entry, name, verdict, seen, since, now)
        groups[_group(verdict, entry, since, now)].append(sighted)
    news = sorted(groups["news"], key=lambda s: published_at(s.entry, now) or now)
    return Sorted(tuple(news), tuple(groups["muted"]), tuple(groups["known"]))


def all_aliases(document: Sequence[Borne]) -> frozenset[str]:
    """Every name of every entry, to look up what was seen."""
    return frozenset(name for borne in document for name in borne.names)


def _sighted(
    entry: FeedEntry,
    name: Named,
    verdict: Verdict,
    seen: Mapping[str, SeenEntry],
    since: Since,
    now: datetime,
) -> Sighted:
    rows = [seen[a] for a in name.borne if a in seen]
    own = [row for row in rows if row.article_id == verdict.article_id]
    first_seen = min((row.first_seen_at for row in own), default=now)
    late = _is_late(entry, verdict, own, since, now)
    return Sighted(
        entry,
        frozenset(name.counting),
        SeenEntry(verdict.article_id, name.text, first_seen, late),
        frozenset(name.shared),
        isinstance(verdict, Edited),
        late,
        isinstance(verdict, Known) and _is_fresh(name, verdict, seen, now),
    )


def _group(verdict: Verdict, entry: FeedEntry, since: Since, now: datetime) -> str:
    if isinstance(verdict, Known):
        return "known"
    return "muted" if isinstance(verdict, New) and _is_old(entry, since, now) else "news"


def _is_old(entry: FeedEntry, since: Since, now: datetime) -> bool:
    if since.mute_before is None:
        return False
    published = published_at(entry, now)
    return published is None or published < since.mute_before


def _is_late(
    entry: FeedEntry,
    verdict: Verdict,
    own: Sequence[SeenEntry],
    since: Since,
    now: datetime,
) -> bool:
    """Whether it is dated long before it appeared.

    An edit of such an entry is late, too, unless its own date is recent. On a first fetch
    the window decides what is too old.
    """
    if isinstance(verdict, New):
        date, allowed = published_at(entry, now), _is_old(entry, since, now) or not since.is_first
    else:
        dates = [date for date in (entry.published, entry.updated) if date is not None]
        date, allowed = max(dates, default=None), any(row.late for row in own)
    # A poll in the future is one by a clock that was set back since.
    return (
        allowed and date is not None and date < min(since.last_success_at or now, now) - LATE_AFTER
    )


def _is_fresh(name: Named, verdict: Verdict, seen: Mapping[str, SeenEntry], now: datetime) -> bool:
    """Whether there is nothing to write down of a known entry."""
    belongs = [(a, verdict.article_id) for a in name.counting] + [(a, SHARED) for a in name.shared]
    rows = [(seen.get(alias), article) for alias, article in belongs]
    return all(
        row is not None
        and row.article_id == article
        and row.last_seen_at is not None
        and now - row.last_seen_at < WRITTEN_WITHIN
        for row, article in rows
    ) and all(row.text_hash == name.text for row, _ in rows[: len(name.counting)] if row)
