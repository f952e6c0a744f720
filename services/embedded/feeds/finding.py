"""The feed that an address means: itself, one that its page declares, or one nearby."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from aiohttp import ClientSession

from services.embedded.feeds.discovery import Declared, declared_feeds, usual_places
from services.poller.charset import decode
from services.poller.fetch import FEED_LIMITS, fetch
from services.poller.pages import TextWorkers
from services.poller.parse import ParsedFeed, ParseFailed
from services.poller.replies import Fetched, FetchFailed, FetchReason, NotModified
from services.poller.text import clean
from services.runtime.clock import utc_now
from services.runtime.redact import shown_url

_HTML = ("<!doctype html", "<html", "<head", "<body")


@dataclass(frozen=True, slots=True)
class FoundFeed:
    """A feed that was fetched and reads as one."""

    url: str
    title: str
    entries: int


@dataclass(frozen=True, slots=True)
class SeveralFeeds:
    """A page that declares more than one."""

    feeds: Sequence[Declared]


@dataclass(frozen=True, slots=True)
class NoFeed:
    """None, and why."""

    why: str


Found = FoundFeed | SeveralFeeds | NoFeed


class FeedFinder:
    """Looks for feeds over the network, guarded as the poller is."""

    def __init__(self, session: ClientSession, workers: TextWorkers) -> None:
        self._session = session
        self._workers = workers

    async def find(self, url: str, choose: int | None = None) -> Found:
        """The feed that `url` means; `choose` picks one of several that a page declares."""
        fetched = await self._fetch(url)
        if isinstance(fetched, NoFeed):
            return fetched
        found = await self._read(url, fetched)
        if isinstance(found, FoundFeed):
            return found
        page = decode(fetched.body, fetched.headers.content_type)
        if not _is_page(page):
            return found
        declared = declared_feeds(page, fetched.final_url)
        if not declared:
            return await self._nearby(fetched.final_url)
        return await self._declared(declared, choose)

    async def _declared(self, declared: Sequence[Declared], choose: int | None) -> Found:
        if choose is not None and choose > len(declared):
            return NoFeed(f"--choose {choose}: the page declares only {len(declared)}")
        if choose is None and len(declared) > 1:
            return SeveralFeeds(declared)
        return await self._feed_at(declared[(choose or 1) - 1].url)

    async def _nearby(self, url: str) -> Found:
        for place in usual_places(url):
            found = await self._feed_at(place)
            if isinstance(found, FoundFeed):
                return found
        return NoFeed(
            f"{shown_url(url)}: a page that declares no feed, and there is none at the usual "
            "places; look for the feed's own address on the site"
        )

    async def _feed_at(self, url: str) -> FoundFeed | NoFeed:
        fetched = await self._fetch(url)
        return fetched if isinstance(fetched, NoFeed) else await self._read(url, fetched)

    async def _fetch(self, url: str) -> Fetched | NoFeed:
        fetched = await fetch(self._session, url, utc_now(), FEED_LIMITS)
        match fetched:
            case Fetched():
                return fetched
            case NotModified():
                return NoFeed(f"{shown_url(url)}: the server says it has not changed, unasked")
            case FetchFailed(reason, detail):
                return NoFeed(f"{shown_url(url)}: {reason.value}: {detail}{_way_out(reason)}")
            case _:
                assert_never(fetched)

    async def _read(self, url: str, fetched: Fetched) -> FoundFeed | NoFeed:
        parsed = await self._workers.parse_feed(
            fetched.body, fetched.headers.content_type, fetched.final_url
        )
        match parsed:
            case ParsedFeed():
                lasting = fetched.permanent_redirect_to or url
                return FoundFeed(lasting, parsed.title, len(parsed.entries))
            case ParseFailed(reason, detail):
                return NoFeed(f"{shown_url(url)}: {reason.value}: {clean(detail)}")
            case _:
                assert_never(parsed)


def _is_page(text: str) -> bool:
    start = text[:2_000].lower()
    return any(tag in start for tag in _HTML)


def _way_out(reason: FetchReason) -> str:
    match reason:
        case FetchReason.FORBIDDEN:
            return "; if it wants credentials, write it into feeds.yaml with basic: or token:"
        case FetchReason.REFUSED_ADDRESS:
            return "; WIREWATCH_ALLOWED_NETWORKS names networks that may be opened"
        case _:
            return ""
