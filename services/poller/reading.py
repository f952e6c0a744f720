"""Reading an article's page: fetch it, tell its text from its furniture, or say why not."""

from datetime import datetime
from typing import assert_never

import aiohttp

from schemas.article import TextReason
from services.poller.articles import NoPageText, PageResult, PageText
from services.poller.credentials import OPEN, Access
from services.poller.extract import Extracted, NoText
from services.poller.fetch import FetchLimits, fetch
from services.poller.pages import TextWorkers
from services.poller.pauses import Pauses
from services.poller.replies import Fetched, FetchFailed, FetchReason, NotModified
from services.poller.robots import Disallowed, Robots, Unknown
from services.poller.scrubbing import page_without_secrets
from services.poller.walls import is_consent_page
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
    FetchReason.REFUSED_ADDRESS: TextReason.REFUSED_ADDRESS,
    FetchReason.BAD_CREDENTIALS: TextReason.FORBIDDEN,
    FetchReason.FORBIDDEN: TextReason.FORBIDDEN,
    FetchReason.NOT_FOUND: TextReason.NOT_FOUND,
    FetchReason.GONE: TextReason.NOT_FOUND,
}
_OF_ROBOTS = {FetchReason.TOO_LARGE: TextReason.HTTP_ERROR}


class PageReader:
    """Reads article pages."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        workers: TextWorkers,
        limits: FetchLimits,
        metrics: Metrics,
        clock: Clock,
        pauses: Pauses | None = None,
    ) -> None:
        self._session = session
        self._workers = workers
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._pauses = pauses or Pauses()
        self._robots = Robots(session, limits, clock)

    async def read(self, url: str, access: Access = OPEN) -> PageResult:
        """The text of the article at `url`; never raises for what a server does.

        `access` is that of the article's feed: pages of the feed's own server may need it.
        """
        result = page_without_secrets(await self._read(url, access.of_pages()), access)
        outcome = TextReason.PAGE if isinstance(result, PageText) else result.reason
        self._metrics.pages.labels(outcome.value).inc()
        return result

    async def _read(self, url: str, access: Access) -> PageResult:
        now = self._clock()
        if self._pauses.over_at(url, now) is not None:
            return NoPageText(TextReason.HTTP_ERROR)  # as if asked, and refused once more
        if (refused := await self._refused(url, access)) is not None:
            return refused
        fetched = await fetch(self._session, url, now, self._limits, access=access)
        match fetched:
            case Fetched(final_url=final) if is_consent_page(url, final):
                return NoPageText(TextReason.NO_TEXT)
            case Fetched(final_url=final):
                # Where a redirect led, it may not be allowed though the link was.
                return await self._refused(final, access) or await self._extract(fetched)
            case FetchFailed(reason):
                self._pause_host(fetched, now)
                return NoPageText(_REASONS[reason])
            case NotModified():
                return NoPageText(TextReason.HTTP_ERROR)  # a 304 nobody asked for
            case _:
                assert_never(fetched)

    async def _refused(self, url: str, access: Access) -> NoPageText | None:
        match await self._robots.refusal(url, access):
            case None:
                return None
            case Disallowed():
                return NoPageText(TextReason.DISALLOWED)
            case Unknown(reason):
                # The page itself may come with the next try. Only its size is final, and
                # that is said of pages, not of robots.txt.
                return NoPageText(_OF_ROBOTS.get(reason, _REASONS[reason]))

    def _pause_host(self, failed: FetchFailed, now: datetime) -> None:
        # A page's 503 without a time is that page's trouble more often than the host's, whose
        # feeds must not fall silent for it.
        asked = failed.status == 429 or failed.retry_after is not None
        if failed.reason is FetchReason.RATE_LIMITED and asked:
            self._pauses.asked(failed.host or "", failed.retry_after, now)

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
