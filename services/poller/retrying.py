"""Trying an article's page again, whose article went out with its summary only."""

from dataclasses import replace

import structlog

from schemas.article import Article
from schemas.message import MalformedMessageError
from services.poller import schedule
from services.poller.articles import PageText, with_page
from services.poller.ingest import Ingest
from services.poller.surroundings import PollingPolicy, Surroundings
from services.store import feeds
from services.store.feeds import PageRetry

log = structlog.get_logger()


class PageRetries:
    """Reads pages again, one call a try."""

    def __init__(self, around: Surroundings, policy: PollingPolicy, ingest: Ingest) -> None:
        self._around = around
        self._policy = policy
        self._ingest = ingest

    async def retry(self, retry: PageRetry) -> None:
        """Try a page again; when it raises, it stays due."""
        following = await self._try_page(retry)
        async with self._around.database.write() as tx:
            if following is None:
                await feeds.end_retry(tx, retry.article_id)
            else:
                await feeds.schedule_retry(tx, following)

    async def _try_page(self, retry: PageRetry) -> PageRetry | None:
        """Read the page, publish what it gives; the retry that is to follow, if any."""
        try:
            article = Article.decode(retry.article)
        except MalformedMessageError as error:
            log.error(
                "a page to be tried again is unreadable", feed=retry.feed_id, error=str(error)
            )
            return None
        page = await self._around.reader.read(article.url or "")
        now = self._around.clock()
        if isinstance(page, PageText):
            await self._ingest.publish(with_page(article, page, now))
            return None
        # Attempt 0 is the poll itself; this was attempt + 1, what follows is one more.
        first = self._policy.first_page_retry
        due = schedule.page_retry_due(retry.attempt + 2, article.seen_at, first)
        if due is None or not page.worth_another_try:
            return None
        # After a standstill all the times may have passed: that is no reason to hurry.
        return replace(retry, attempt=retry.attempt + 1, due_at=max(due, now + first))
