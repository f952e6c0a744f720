"""Fetching one document over HTTP, within limits.

Decides what is sent where and which redirects are followed; never raises for what a server or
the network does. What an answer is called is `replies`' judgement. When to fetch, what the
document means and which addresses may be opened are the business of `schedule`, `parse` and
the session (see `session`).
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from services.poller.addresses import NotFetchable, redirect_target, web_address
from services.poller.credentials import OPEN, Access, origin_of
from services.poller.deadline import Deadline
from services.poller.replies import (
    UNCONDITIONAL,
    Fetched,
    FetchFailed,
    FetchReason,
    FetchResult,
    HeadersRead,
    NotModified,
    Validators,
    in_safe_words,
    no_exchange,
    parse_retry_after,
    read_body,
    refusal,
)
from services.runtime.netguard import (
    NOTHING_PRIVATE,
    Networks,
    Refused,
    host_verdict,
    opening_a_proxy,
)

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_PERMANENT = frozenset((301, 308))


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much a server may ask of us, and what we ask it for."""

    max_bytes: int  # after decompression
    connect: timedelta = timedelta(seconds=10)
    # The whole exchange with all redirects, but not the wait for one of the host's few
    # connections. A read time-out alone does not stop a server that drips.
    total: timedelta = timedelta(seconds=30)
    max_redirects: int = 5
    # Where a proxy may be sent although it is not public; a session judges for itself.
    allowed: Networks = NOTHING_PRIVATE
    accept: str = "*/*"


FEED_LIMITS = FetchLimits(
    max_bytes=10_000_000,
    accept="application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, "
    "*/*;q=0.5",
)
PAGE_LIMITS = FetchLimits(
    max_bytes=2_000_000, accept="text/html, application/xhtml+xml;q=0.9, */*;q=0.5"
)


async def fetch(
    session: aiohttp.ClientSession,
    url: str,
    now: datetime,
    limits: FetchLimits,
    validators: Validators = UNCONDITIONAL,
    access: Access = OPEN,
) -> FetchResult:
    """The document at `url`; conditional if there are validators, with the feed's `access`.

    Waits for one of the host's connections as long as it takes, then at most
    `limits.total`. `now` is what a Retry-After date is measured from.
    """
    try:
        async with Deadline(limits.total.total_seconds()):
            request = _Request(session, limits, validators, access, now)
            return in_safe_words(await _follow(request, url))
    except TimeoutError:
        seconds = limits.total.total_seconds()
        return FetchFailed(FetchReason.TIMED_OUT, f"no complete reply within {seconds:g} s")
    except (aiohttp.ClientError, OSError, UnicodeError) as error:
        return in_safe_words(no_exchange(error))


@dataclass(frozen=True, slots=True)
class _Request:
    session: aiohttp.ClientSession
    limits: FetchLimits
    validators: Validators
    access: Access
    now: datetime

    def refusal(self, url: URL) -> FetchFailed | None:
        """Why `url` is not asked for, as far as its text tells: a proxy opens what we do not."""
        if self.access.proxy is None:
            return None
        judged = host_verdict(url.host or "", self.limits.allowed)
        reason = FetchReason.REFUSED_ADDRESS
        return FetchFailed(reason, judged.reason) if isinstance(judged, Refused) else None


async def _follow(request: _Request, url: str) -> FetchResult:
    here = web_address(url)
    if isinstance(here, NotFetchable):
        return FetchFailed(FetchReason.UNREACHABLE, here.detail)
    moved: URL | None = None
    only_permanent = True
    for _ in range(request.limits.max_redirects + 1):
        if refused := request.refusal(here):
            return refused
        async with _get(request, here) as response:
            if response.status not in _REDIRECTS:
                return await _answer(request, response, moved)
            target = _target(request, response)
        if isinstance(target, NotFetchable):
            return FetchFailed(FetchReason.BAD_REDIRECT, target.detail, response.status)
        only_permanent = only_permanent and response.status in _PERMANENT
        here, moved = target, target if only_permanent else moved
    return FetchFailed(
        FetchReason.BAD_REDIRECT, f"more than {request.limits.max_redirects} redirects"
    )


def _target(request: _Request, response: aiohttp.ClientResponse) -> URL | NotFetchable:
    target = redirect_target(response.url, response.headers.get("Location", ""))
    if isinstance(target, NotFetchable) or origin_of(target) == origin_of(response.url):
        return target
    if request.access.in_address(str(target)):
        return NotFetchable("a redirect that would tell the feed's secret to another server")
    return target


_Response = AbstractAsyncContextManager[aiohttp.ClientResponse]


def _get(request: _Request, url: URL) -> _Response:
    access = request.access
    asked = request.session.get(
        access.keyed(url),
        headers=_sent(request, url),
        timeout=_timeout(request.limits.connect),
        allow_redirects=False,
        proxy=access.proxy,
    )
    if access.proxy is None:
        return asked
    return _through_a_proxy(asked)


def _sent(request: _Request, url: URL) -> CIMultiDict[str]:
    sent = CIMultiDict({hdrs.ACCEPT: request.limits.accept})
    sent.update(request.access.headers_for(url))
    if request.validators.etag is not None:
        sent[hdrs.IF_NONE_MATCH] = request.validators.etag
    if request.validators.last_modified is not None:
        sent[hdrs.IF_MODIFIED_SINCE] = request.validators.last_modified
    return sent


@asynccontextmanager
async def _through_a_proxy(asked: _Response) -> AsyncIterator[aiohttp.ClientResponse]:
    with opening_a_proxy():
        async with asked as response:
            yield response


@cache
def _timeout(connect: timedelta) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=connect.total_seconds())


async def _answer(
    request: _Request, response: aiohttp.ClientResponse, moved: URL | None
) -> FetchResult:
    access, read = request.access, HeadersRead(response, request.access)
    if response.status == 304 and request.validators != UNCONDITIONAL:
        return NotModified(read.freshness())
    headers = read.all()
    # 203 is a 200 that passed through a proxy; other 2xx carry no whole document.
    if response.status not in {200, 203}:
        return refusal(response, parse_retry_after(headers.retry_after, request.now))
    body = await read_body(response, request.limits.max_bytes)
    if body is None:
        return FetchFailed(
            FetchReason.TOO_LARGE, f"over {request.limits.max_bytes:,} bytes", response.status
        )
    # Relative links are resolved against it, so it must not bring a secret into them.
    final = access.address(str(response.url.with_fragment(None))) or str(response.url.origin())
    return Fetched(response.status, body, headers, final, access.address(str(moved or "")) or None)
