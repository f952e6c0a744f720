"""What of a feed document is new is published, and only then remembered.

The document may have come with a poll or have been pushed. Deciding what is new is the
business of `news` and `identity`, what an article says that of `articles`.

A crash between any two lines is repaired by the next poll: what was published already is
published again under the same (article id, revision), which every reader drops.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.article import Article, TextOrigin, TextReason
from schemas.folder import FeedSpec
from schemas.topics import ARTICLES
from services.bus.port import Outgoing
from services.poller import edits, schedule
from services.poller.articles import (
    NoPageText,
    PageResult,
    Sighting,
    article_of,
    wants_page,
)
from services.poller.credentials import access_or_open
from services.poller.finishing import Finished, Finishing
from services.poller.guards import ShortLines
from services.poller.health.texts import Texts, text_of, total
from services.poller.identity import Borne, borne_by
from services.poller.news import Sighted, Since, Sorted, all_aliases, sort_entries
from services.poller.parse import ParsedFeed
from services.poller.reidentified import set_reidentified_apart, title_of
from services.poller.remembering import Remembering, Taken
from services.poller.scrubbing import without_secrets
from services.poller.surroundings import PollingPolicy, Surroundings
from services.poller.titles import title_key
from services.poller.together import Together
from services.store import entry_edits, entry_titles, feeds
from services.store.entry_edits import Edits
from services.store.feeds import NOT_PUBLISHED, PageRetry, SeenEntry

log = structlog.get_logger()

_LOOKED_UP_AT_ONCE = 50
_PAGES_AT_ONCE = 8  # of one document; the session holds a host to two connections
_PAGE_UNREAD = NoPageText(TextReason.NO_TEXT)


@dataclass(frozen=True, slots=True)
class _Published:
    lines: ShortLines | None
    retry: PageRetry | None
    texts: Texts


class Ingest:
    """Takes feed documents in."""

    def __init__(self, around: Surroundings, policy: PollingPolicy) -> None:
        self._around = around
        self._policy = policy
        self._remembering = Remembering()
        self._finishing = Finishing(around)
        self._seen = Together(self._look_up, _LOOKED_UP_AT_ONCE)

    async def take(self, feed: FeedSpec, parsed: ParsedFeed, since: Since, now: datetime) -> Taken:
        """Publish what is new in a document; the bus has it all when this returns.

        Raises BusUnavailableError and DatabaseUnavailableError: then nothing was remembered,
        and taking the document once more does it all again.
        """
        parsed = self._without_secrets(feed, parsed)
        found, before = await self._sorted(feed.id, borne_by(parsed.entries), since, now)
        published = await self._publish_all(feed, found, parsed)
        waiting = [
            self._waiting(feed, s, edits.turn(before.get(_id(s)), now), parsed.lang)
            for s in found.waiting
        ]
        self._count(feed, found)
        return Taken(
            found,
            (*(p.retry for p in published if p.retry), *waiting),
            {_id(s): edits.published(before.get(_id(s)), now) for s in found.news if s.edited},
            tuple(p.lines for p in published if p.lines),
            total(p.texts for p in published),
        )

    async def _look_up(
        self, asked: Sequence[tuple[str, Collection[str]]]
    ) -> Sequence[Mapping[str, SeenEntry]]:
        async with self._around.database.read() as tx:
            return await feeds.seen_of_each(tx, asked)

    async def _sorted(
        self, feed_id: str, document: Sequence[Borne], since: Since, now: datetime
    ) -> tuple[Sorted, Mapping[str, Edits]]:
        """The entries of a document, and the edits so far of those that are edited."""
        seen = await self._seen.ask((feed_id, all_aliases(document)))
        found = sort_entries(feed_id, document, seen, since, now)
        before: Mapping[str, Edits] = {}
        if found.suddenly_new or any(s.edited for s in found.news):
            async with self._around.database.read() as tx:
                if found.suddenly_new:
                    found = set_reidentified_apart(found, await _past(tx, feed_id, found), now)
                before = await entry_edits.edits_of(tx, [_id(s) for s in found.news if s.edited])
        return _with_waiting(found, before, now), before

    def _without_secrets(self, feed: FeedSpec, parsed: ParsedFeed) -> ParsedFeed:
        clean = without_secrets(parsed, access_or_open(feed, self._around.env))
        if clean is not parsed:
            log.warning("feed repeats its secrets; they are not published", feed=feed.id)
        return clean

    async def remember(
        self, tx: AsyncConnection, taken: Mapping[str, Taken], now: datetime
    ) -> None:
        """Remember documents that were taken, of each feed one."""
        await self._remembering.remember(tx, taken, now)

    async def publish(self, article: Article, titles: Collection[str] = frozenset()) -> Finished:
        """Finish an article and put it on the bus; `titles` are those of its document."""
        done = await self._finishing.finish(article, titles)
        article = done.article
        await self._around.bus.send(Outgoing(ARTICLES, article.article_id, article.encode()))
        self._around.metrics.articles.labels(article.text.value, article.text_reason.value).inc()
        return done

    async def _publish_all(
        self, feed: FeedSpec, found: Sorted, parsed: ParsedFeed
    ) -> list[_Published]:
        """Publish all news, oldest first as far as pages allow."""
        room = asyncio.Semaphore(_PAGES_AT_ONCE)
        keys = (title_key(entry.title) for entry in parsed.entries)
        titles = frozenset(key for key in keys if key is not None)

        async def one(sighted: Sighted) -> _Published:
            async with room:
                return await self._publish_one(feed, sighted, parsed.lang, titles)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(sighted)) for sighted in found.news]
        except ExceptionGroup as failures:
            # One is enough: the document is taken again as a whole.
            raise failures.exceptions[0] from failures
        return [task.result() for task in tasks]

    async def _publish_one(
        self, feed: FeedSpec, sighted: Sighted, feed_lang: str | None, titles: Collection[str]
    ) -> _Published:
        page: PageResult | None = wants_page(feed.full_text, sighted.entry)
        if page is None:
            access = access_or_open(feed, self._around.env)
            page = await self._around.reader.read(sighted.entry.link or "", access)
        done = await self.publish(self._article(feed, sighted, page, feed_lang), titles)
        retry = self._page_retry(feed, done.article, page)
        return _Published(done.lines, retry, text_of(done.article))

    def _page_retry(self, feed: FeedSpec, article: Article, page: PageResult) -> PageRetry | None:
        due = schedule.page_retry_due(1, article.seen_at, self._policy.first_page_retry)
        if isinstance(page, NoPageText) and article.text is TextOrigin.SUMMARY:
            wanted = page.reason is not TextReason.NOT_WANTED
            tell = log.warning if wanted else log.debug
            tell("page not read", feed=feed.id, reason=page.reason.value, url=article.url)
            if page.worth_another_try and due is not None:
                return PageRetry(article.article_id, feed.id, article.encode(), 0, due)
        return None

    def _waiting(
        self, feed: FeedSpec, sighted: Sighted, due: datetime, feed_lang: str | None
    ) -> PageRetry:
        """A revision to be published when it is due, as the database keeps it until then."""
        page = wants_page(feed.full_text, sighted.entry) or _PAGE_UNREAD
        article = self._article(feed, sighted, page, feed_lang)
        return PageRetry(article.article_id, feed.id, article.encode(), NOT_PUBLISHED, due)

    def _article(
        self, feed: FeedSpec, sighted: Sighted, page: PageResult, feed_lang: str | None
    ) -> Article:
        who, late = sighted.remembered, sighted.late and feed.late == "quiet"
        sighting = Sighting(who.article_id, who.first_seen_at, self._around.clock(), late)
        return article_of(feed, sighted.entry, page, sighting, feed_lang)

    def _count(self, feed: FeedSpec, found: Sorted) -> None:
        metrics, late = self._around.metrics, sum(s.late for s in found.news)
        metrics.entries_muted.labels("first_fetch").inc(len(found.muted))
        metrics.entries_muted.labels("reidentified").inc(len(found.reidentified))
        metrics.entries_late.inc(late)
        metrics.edits_put_off.inc(len(found.waiting))
        if found.reidentified:
            log.warning(
                "feed has other names for its entries; they are no news",
                feed=feed.id,
                entries=len(found.reidentified),
            )


async def _past(tx: AsyncConnection, feed_id: str, found: Sorted) -> entry_titles.Past:
    texts = {s.remembered.text_hash for s in found.unseen}
    titles = {title for s in found.unseen if (title := title_of(s)) is not None}
    return await entry_titles.past_of(tx, feed_id, texts, titles)


def _with_waiting(found: Sorted, before: Mapping[str, Edits], now: datetime) -> Sorted:
    """The same document, in which edits wait whose turn has not come."""
    waiting = {_id(s) for s in found.news if s.edited and edits.turn(before.get(_id(s)), now) > now}
    return replace(
        found,
        news=tuple(s for s in found.news if _id(s) not in waiting),
        waiting=tuple(s for s in found.news if _id(s) in waiting),
    )


def _id(sighted: Sighted) -> str:
    return sighted.remembered.article_id
