"""What of a feed document is new is published, and only then remembered.

The document may have come with a poll or have been pushed. Deciding what is new is the
business of `news` and `identity`, what an article says that of `articles`.

A crash between any two lines is repaired by the next poll: what was published already is
published again under the same (article id, revision), which every reader drops.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.article import Article, TextOrigin
from schemas.folder import FeedSpec
from schemas.topics import ARTICLES
from services.bus.port import Outgoing
from services.poller import schedule
from services.poller.articles import NoPageText, PageResult, Sighting, article_of, wants_page
from services.poller.news import Sighted, Sorted, all_aliases, sort_entries
from services.poller.parse import ParsedFeed
from services.poller.surroundings import PollingPolicy, Surroundings
from services.store import feeds
from services.store.feeds import PageRetry

log = structlog.get_logger()

SEEN_FOR = timedelta(days=90)  # after an entry has left the feed
_PAGES_AT_ONCE = 8  # of one document; the session holds a host to two connections


@dataclass(frozen=True, slots=True)
class Taken:
    """A document whose news are on the bus: what is to be remembered of it."""

    found: Sorted
    retries: tuple[PageRetry, ...]


class Ingest:
    """Takes feed documents in."""

    def __init__(self, around: Surroundings, policy: PollingPolicy) -> None:
        self._around = around
        self._policy = policy

    async def take(
        self, feed: FeedSpec, parsed: ParsedFeed, mute_before: datetime | None, now: datetime
    ) -> Taken:
        """Publish what is new in a document; the bus has it all when this returns.

        Raises BusUnavailableError and DatabaseUnavailableError: then nothing was remembered,
        and taking the document once more does it all again.
        """
        async with self._around.database.read() as tx:
            seen = await feeds.seen(tx, feed.id, all_aliases(parsed.entries))
        found = sort_entries(feed.id, parsed.entries, seen, mute_before, now)
        retries = await self._publish_all(feed, found, parsed)
        self._around.metrics.entries_muted.labels("first_fetch").inc(len(found.muted))
        return Taken(found, tuple(retries))

    async def remember(
        self, tx: AsyncConnection, feed_id: str, taken: Taken, now: datetime
    ) -> None:
        """Remember a document that was taken."""
        entries = [(s.aliases, s.remembered) for s in taken.found.everything]
        await feeds.remember(tx, feed_id, entries, now)
        await feeds.forget_seen(tx, feed_id, now - SEEN_FOR)
        for sighted in taken.found.news:  # a retry for an earlier revision is out of date
            await feeds.end_retry(tx, sighted.remembered.article_id)
        for retry in taken.retries:
            await feeds.schedule_retry(tx, retry)

    async def publish(self, article: Article) -> None:
        """Put an article on the bus."""
        await self._around.bus.send(Outgoing(ARTICLES, article.article_id, article.encode()))
        self._around.metrics.articles.labels(article.text.value, article.text_reason.value).inc()

    async def _publish_all(
        self, feed: FeedSpec, found: Sorted, parsed: ParsedFeed
    ) -> list[PageRetry]:
        """Publish all news, oldest first as far as pages allow; the pages to try again."""
        room = asyncio.Semaphore(_PAGES_AT_ONCE)

        async def one(sighted: Sighted) -> PageRetry | None:
            async with room:
                return await self._publish_one(feed, sighted, parsed.lang)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(sighted)) for sighted in found.news]
        except ExceptionGroup as failures:
            # One is enough: the document is taken again as a whole.
            raise failures.exceptions[0] from failures
        return [retry for task in tasks if (retry := task.result())]

    async def _publish_one(
        self, feed: FeedSpec, sighted: Sighted, feed_lang: str | None
    ) -> PageRetry | None:
        page: PageResult | None = wants_page(feed.full_text, sighted.entry)
        if page is None:
            page = await self._around.reader.read(sighted.entry.link or "")
        who = sighted.remembered
        sighting = Sighting(who.article_id, who.first_seen_at, self._around.clock())
        article = article_of(feed, sighted.entry, page, sighting, feed_lang)
        await self.publish(article)
        due = schedule.page_retry_due(1, sighting.seen_at, self._policy.first_page_retry)
        if isinstance(page, NoPageText) and article.text is TextOrigin.SUMMARY:
            log.warning("page not read", feed=feed.id, reason=page.reason.value, url=article.url)
            if page.worth_another_try and due is not None:
                return PageRetry(who.article_id, feed.id, article.encode(), 0, due)
        return None
