"""Writing down what documents showed, of many feeds by few statements.

Called once their news are on the bus. Decides which statements are needed at all, and when
what is old is looked for: to look at every document costs as much as to remember it
(bench/poll).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.poller import edits
from services.poller.finishing import remember_lines
from services.poller.guards import ShortLines
from services.poller.health.texts import NO_TEXTS, Texts
from services.poller.identity import SHARED
from services.poller.news import Sighted, Sorted
from services.poller.reidentified import title_of
from services.store import entry_edits, entry_titles, feeds, page_lines
from services.store.entry_edits import Edits
from services.store.feeds import WRITTEN_WITHIN, PageRetry, SeenEntry

SEEN_FOR = timedelta(days=90) + WRITTEN_WITHIN  # after an entry has left the feed
_FORGOTTEN_EVERY = timedelta(days=1)
# A host whose pages come once a week is known after three weeks; one with a hundred pages a
# day repeats itself within the newest 600 lines, some 60 kB.
_LINES_FOR = timedelta(days=30)
_LINES_OF_A_HOST = 600
_LINES_TOO_MANY = 150  # a quarter more before the oldest are looked for


@dataclass(frozen=True, slots=True)
class Taken:
    """A document whose news are on the bus: what is to be remembered of it.

    `retries` are pages to try again, and revisions that wait for their turn.
    """

    found: Sorted
    retries: tuple[PageRetry, ...]
    edits: Mapping[str, Edits] = field(default_factory=dict)
    pages: tuple[ShortLines, ...] = ()
    texts: Texts = NO_TEXTS


class Remembering:
    """Remembers documents."""

    def __init__(self) -> None:
        self._forgot_at: datetime | None = None
        self._forgotten: set[str] = set()
        self._grown: Counter[str] = Counter()

    async def remember(
        self, tx: AsyncConnection, taken: Mapping[str, Taken], now: datetime
    ) -> None:
        """Remember the documents that were taken, of each feed one."""
        await feeds.keep_seen(tx, [i for i, t in taken.items() if not _seen_lately(t)], now)
        told = {i: [s for s in t.found.everything if not s.fresh] for i, t in taken.items()}
        await feeds.remember(tx, {i: _entries(these, now) for i, these in told.items()}, now)
        await entry_titles.remember_titles(tx, {i: _titles(s) for i, s in told.items()}, now)
        await remember_lines(tx, [page for t in taken.values() for page in t.pages], now)
        await entry_edits.save_edits(tx, {i: t.edits for i, t in taken.items() if t.edits})
        # A retry for an earlier revision is out of date.
        news = [s.remembered.article_id for t in taken.values() for s in t.found.news]
        await feeds.end_retries(tx, news)
        await feeds.schedule_retries(tx, [retry for t in taken.values() for retry in t.retries])
        await self._forget(tx, taken, now)

    async def _forget(self, tx: AsyncConnection, taken: Mapping[str, Taken], now: datetime) -> None:
        if self._is_another_day(now):
            self._forgotten.clear()
            await page_lines.forget_old_pages(tx, now - _LINES_FOR)
        if feed_ids := taken.keys() - self._forgotten:
            await feeds.forget_seen(tx, feed_ids, now - SEEN_FOR)
            await entry_edits.forget_edits(tx, feed_ids, now - edits.QUIET_AFTER)
            self._forgotten |= feed_ids
        if hosts := self._full(page for t in taken.values() for page in t.pages):
            await page_lines.forget_pages(tx, hosts, _LINES_OF_A_HOST)

    def _is_another_day(self, now: datetime) -> bool:
        last = self._forgot_at
        if last is not None and last <= now < last + _FORGOTTEN_EVERY:
            return False
        self._forgot_at = now
        return True

    def _full(self, pages: Iterable[ShortLines]) -> Collection[str]:
        """The hosts that may have too many lines by now."""
        pages = list(pages)
        for page in pages:
            self._grown[page.host] += len(page.lines)
        full = {page.host for page in pages if self._grown[page.host] >= _LINES_TOO_MANY}
        for host in full:
            del self._grown[host]
        return full


def _seen_lately(taken: Taken) -> bool:
    """Whether some of what the document shows was written down within a day."""
    return any(sighted.fresh for sighted in taken.found.known)


def _entries(told: Sequence[Sighted], now: datetime) -> Sequence[tuple[Collection[str], SeenEntry]]:
    own = [(s.aliases, s.remembered) for s in told]
    return [*own, *((s.shared, SeenEntry(SHARED, "", now)) for s in told if s.shared)]


def _titles(told: Sequence[Sighted]) -> Sequence[tuple[str, SeenEntry]]:
    return [(title, s.remembered) for s in told if (title := title_of(s)) is not None]
