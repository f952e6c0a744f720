"""What was put off: pages to be tried again, and revisions that wait for their turn.

A page is tried again whose article went out with its summary only. A revision waits where
the article changes all the time (`edits`).
"""

from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.article import Article, TextOrigin, TextReason
from schemas.folder import FeedSpec
from schemas.message import MalformedMessageError
from services.poller import edits, schedule
from services.poller.articles import NoPageText, PageResult, PageText, with_page
from services.poller.credentials import access_or_open
from services.poller.ingest import Ingest
from services.poller.surroundings import PollingPolicy, Surroundings
from services.store import entry_edits, feeds
from services.store.feeds import NOT_PUBLISHED, PageRetry

log = structlog.get_logger()


class PageRetries:
    """Reads pages again, one call a try."""

    def __init__(self, around: Surroundings, policy: PollingPolicy, ingest: Ingest) -> None:
        self._around = around
        self._policy = policy
        self._ingest = ingest

    async def retry(self, feed: FeedSpec, retry: PageRetry) -> None:
        """Try a page again, or publish a revision that waited; when it raises, it stays due."""
        following = await self._try(feed, retry)
        async with self._around.database.write() as tx:
            # A poll may have found a newer revision meanwhile, with a retry of its own.
            if await feeds.finish_retry(tx, retry) and following is not None:
                await feeds.schedule_retry(tx, following)
            if retry.attempt == NOT_PUBLISHED:
                await _count_edit(tx, retry, self._around.clock())

    async def _try(self, feed: FeedSpec, retry: PageRetry) -> PageRetry | None:
        """Publish what there is to publish; the retry that is to follow, if any."""
        try:
            article = Article.decode(retry.article)
        except MalformedMessageError as error:
            log.error("an article put off is unreadable", feed=retry.feed_id, error=str(error))
            return None
        if retry.attempt == NOT_PUBLISHED and article.text_reason in _NO_PAGE_WANTED:
            await self._ingest.publish(article.model_copy(update={"seen_at": self._around.clock()}))
            return None
        if retry.attempt != NOT_PUBLISHED and (later := self._after_pause(article.url or "")):
            return replace(retry, due_at=later)
        access = access_or_open(feed, self._around.env)
        page = await self._around.reader.read(article.url or "", access)
        return await self._after(retry, article, page)

    def _after_pause(self, url: str) -> datetime | None:
        """When the page may be asked for; None if it may be now. To wait is no try."""
        over = self._around.pauses.over_at(url, self._around.clock())
        return (
            None if over is None else schedule.first_due(url, self._policy.first_page_retry, over)
        )

    async def _after(
        self, retry: PageRetry, article: Article, page: PageResult
    ) -> PageRetry | None:
        now = self._around.clock()
        if isinstance(page, PageText):
            await self._ingest.publish(with_page(article, page, now))
            return None
        if retry.attempt == NOT_PUBLISHED:
            article = _without_page(article, page, now)
            await self._ingest.publish(article)
            retry = replace(retry, article=article.encode())
        # Attempt 0 is the poll itself; this was attempt + 1, what follows is one more.
        first = self._policy.first_page_retry
        due = schedule.page_retry_due(retry.attempt + 2, article.seen_at, first)
        if due is None or not page.worth_another_try:
            return None
        # After a standstill all the times may have passed: that is no reason to hurry.
        return replace(retry, attempt=retry.attempt + 1, due_at=max(due, now + first))


_NO_PAGE_WANTED = frozenset({TextReason.FEED_BODY, TextReason.NOT_WANTED, TextReason.NO_LINK})


def _without_page(article: Article, page: NoPageText, now: datetime) -> Article:
    update = {"text": TextOrigin.SUMMARY, "text_reason": page.reason, "seen_at": now}
    return article.model_copy(update=update)


async def _count_edit(tx: AsyncConnection, retry: PageRetry, now: datetime) -> None:
    before = (await entry_edits.edits_of(tx, [retry.article_id])).get(retry.article_id)
    after = edits.published(before, now)
    await entry_edits.save_edits(tx, {retry.feed_id: {retry.article_id: after}})
