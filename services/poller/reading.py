"""Reading an article's page: fetch it, tell its text from its furniture, or say why not."""

from typing import assert_never

import aiohttp

from schemas.article import TextReason
from services.poller.articles import NoPageText, PageResult, PageText
from services.poller.extract import Extracted, NoText
from services.poller.fetch import (
    Fetched,
    FetchFailed,
    FetchLimits,
    FetchReason,
    NotModified,
    fetch,
)
from services.poller.pages import TextWorkers
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics

_REASONS = {
    FetchReason.UNREACHABLE: TextReason.UNREACHABLE,
    FetchReason.TLS: TextReason.UNREACHABLE,
    FetchReason.TIMED_OUT: TextReason.TIMED_OUT,
    FetchReason.TOO_LARGE: TextReason.TOO_LARGE,
    FetchReason.HTTP_ERROR: TextReason.HTTP_ERROR,
    FetchReason.RATE_LIMITED: TextReason.HTTP_ERROR,
    FetchReason.BAD_REDIRECT: TextReason.HTTP_ERROR,
    FetchReason.FORBIDDEN: TextReason.FORBIDDEN,
    FetchReason.NOT_FOUND: TextReason.NOT_FOUND,
    FetchReason.GONE: TextReason.NOT_FOUND,
}


class PageReader:
    """Reads article pages."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        workers: TextWorkers,
        limits: FetchLimits,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._session = session
        self._workers = workers
        self._limits = limits
        self._metrics = metrics
        self._clock = clock

    async def read(self, url: str) -> PageResult:
        """The text of the article at `url`; never raises for what a server does."""
        result = await self._read(url)
        outcome = TextReason.PAGE if isinstance(result, PageText) else result.reason
        self._metrics.pages.labels(outcome.value).inc()
        return result

    async def _read(self, url: str) -> PageResult:
        fetched = await fetch(self._session, url, self._clock(), self._limits)
        match fetched:
            case Fetched():
                return await self._extract(fetched)
            case FetchFailed(reason):
                return NoPageText(_REASONS[reason])
            case NotModified():
                return NoPageText(TextReason.HTTP_ERROR)  # a 304 nobody asked for
            case _:
                assert_never(fetched)

    async def _extract(self, page: Fetched) -> PageResult:
        extracted = await self._workers.extract_page(
            page.body, page.headers.content_type, page.final_url
        )
        match extracted:
            case Extracted():
                return PageText(
                    extracted.body, extracted.title, extracted.lang, extracted.canonical_url
                )
            case NoText(reason):
                return NoPageText(TextReason(reason.value))
            case _:
                assert_never(extracted)
