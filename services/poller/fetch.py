"""Fetching one document over HTTP, within limits.

Decides how a reply or its absence is named; never raises for what a server or the network
does. When to fetch, what the document means and which addresses may be opened are the
business of `schedule`, `parse` and the session (see `session`).
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cache

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from services.poller.addresses import NotFetchable, is_encodable, redirect_target, web_address
from services.poller.credentials import OPEN, Access, origin_of
from services.poller.deadline import Deadline
from services.poller.text import clean
from services.runtime.netguard import (
    NOTHING_PRIVATE,
    Networks,
    Refused,
    host_verdict,
    opening_a_proxy,
    refusal_in,
)
from services.runtime.redact import shown

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_PERMANENT = frozenset((301, 308))
_CHUNK = 65_536
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # aiohttp's own list


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


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes a request conditional, byte for byte as the server gave it."""

    etag: str | None = None
    last_modified: str | None = None


UNCONDITIONAL = Validators()


@dataclass(frozen=True, slots=True)
class ReplyHeaders:
    """The headers of a reply that anybody reads."""

    etag: str | None = None
    last_modified: str | None = None
    content_type: str | None = None
    retry_after: str | None = None
    cache_control: str | None = None
    age: str | None = None
    links: tuple[str, ...] = ()  # each Link header as it stands

    @property
    def validators(self) -> Validators:
        """What to send with the next request."""
        return Validators(self.etag, self.last_modified)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document. `permanent_redirect_to` is where 301 and 308 led, before any other hop."""

    status: int
    body: bytes
    headers: ReplyHeaders
    final_url: str
    permanent_redirect_to: str | None = None


@dataclass(frozen=True, slots=True)
class NotModified:
    """304 to a conditional request; of the headers there is what tells how long it holds."""

    headers: ReplyHeaders


class FetchReason(StrEnum):
    """Why there is no document; a closed set, used as a metric label."""

    UNREACHABLE = "unreachable"  # DNS, connection, a reply that broke off, no web address
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    HTTP_ERROR = "http_error"  # any status not named below
    RATE_LIMITED = "rate_limited"  # 429, 503: come back later
    GONE = "gone"  # 410
    FORBIDDEN = "forbidden"  # 401, 402, 403, 407, 451 and bot challenges
    NOT_FOUND = "not_found"  # 404
    BAD_REDIRECT = "bad_redirect"  # loops, https to http, other schemes
    TLS = "tls"
    BAD_CREDENTIALS = "bad_credentials"  # a secret is missing, or the proxy refuses its own
    REFUSED_ADDRESS = "refused_address"  # an address of a network that is not public


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No document, and why. `host` is the one that refused, after all redirects."""

    reason: FetchReason
    detail: str
    status: int | None = None
    retry_after: timedelta | None = None
    host: str | None = None


FetchResult = Fetched | NotModified | FetchFailed

_STATUS_REASONS: Mapping[int, FetchReason] = {
    401: FetchReason.FORBIDDEN,
    402: FetchReason.FORBIDDEN,
    403: FetchReason.FORBIDDEN,
    404: FetchReason.NOT_FOUND,
    407: FetchReason.FORBIDDEN,
    410: FetchReason.GONE,
    429: FetchReason.RATE_LIMITED,
    451: FetchReason.FORBIDDEN,
    503: FetchReason.RATE_LIMITED,
}


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
            return _shown(await _follow(request, url))
    except TimeoutError:
        seconds = limits.total.total_seconds()
        return FetchFailed(FetchReason.TIMED_OUT, f"no complete reply within {seconds:g} s")
    except (aiohttp.ClientError, OSError, UnicodeError) as error:
        return _shown(_no_exchange(error))


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """A Retry-After header, seconds or an HTTP date, as a wait from `now`, never negative."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:10]), 10 * 365 * 86_400))
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # An HTTP date is always UTC; one without a zone is read so (RFC 9110, 5.6.7).
    aware = when if when.tzinfo else when.replace(tzinfo=now.tzinfo)
    return max(aware - now, timedelta())


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
    access, read = request.access, _Headers(response, request.access)
    if response.status == 304 and request.validators != UNCONDITIONAL:
        return NotModified(read.freshness())
    headers = read.all()
    # 203 is a 200 that passed through a proxy; other 2xx carry no whole document.
    if response.status not in {200, 203}:
        return _refusal(response, parse_retry_after(headers.retry_after, request.now))
    body = await _read(response, request.limits.max_bytes)
    if body is None:
        return FetchFailed(
            FetchReason.TOO_LARGE, f"over {request.limits.max_bytes:,} bytes", response.status
        )
    # Relative links are resolved against it, so it must not bring a secret into them.
    final = access.address(str(response.url.with_fragment(None))) or str(response.url.origin())
    return Fetched(response.status, body, headers, final, access.address(str(moved or "")) or None)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """The decompressed body, or None as soon as it is over `limit` bytes."""
    if (response.content_length or 0) > limit:
        return None
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _refusal(response: aiohttp.ClientResponse, retry_after: timedelta | None) -> FetchFailed:
    # https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/
    if response.headers.get("cf-mitigated") == "challenge":
        detail = "the server wants a browser to solve a challenge"
        return FetchFailed(FetchReason.FORBIDDEN, detail, response.status, retry_after)
    reason = _STATUS_REASONS.get(response.status, FetchReason.HTTP_ERROR)
    detail = f"answered {response.status} {response.reason or ''}".rstrip()
    return FetchFailed(reason, detail, response.status, retry_after, response.url.host)


@dataclass(frozen=True, slots=True)
class _Headers:
    """The headers of a response, as far as they can be stored and sent back."""

    response: aiohttp.ClientResponse
    access: Access

    def all(self) -> ReplyHeaders:
        links = self.response.headers.getall("Link", ())
        return ReplyHeaders(
            etag=self._text("ETag"),
            last_modified=self._text("Last-Modified"),
            content_type=self._text("Content-Type"),
            retry_after=self._text("Retry-After"),
            cache_control=self._text(hdrs.CACHE_CONTROL),
            age=self._text(hdrs.AGE),
            links=tuple(value for value in links if self._is_usable(value)),
        )

    def freshness(self) -> ReplyHeaders:
        """What "not modified" tells that is not known: nearly every answer is one."""
        return ReplyHeaders(cache_control=self._text(hdrs.CACHE_CONTROL), age=self._text(hdrs.AGE))

    def _text(self, name: str) -> str | None:
        value = self.response.headers.get(name)
        return value if value is not None and self._is_usable(value) else None

    def _is_usable(self, value: str) -> bool:
        # Bytes that are not UTF-8 arrive as lone surrogates: they can be neither stored
        # nor sent back as they were, so such a header counts as absent. So does one that
        # repeats a secret: it would be stored. Control characters could not be sent either.
        sendable = is_encodable(value) and _UNSENDABLE.search(value) is None
        return sendable and not self.access.leaks(value)


def _no_exchange(error: Exception) -> FetchFailed:
    """What an exchange that ended without a reply is called."""
    if isinstance(error, aiohttp.ClientConnectorError) and (refused := refusal_in(error.os_error)):
        return FetchFailed(FetchReason.REFUSED_ADDRESS, refused.reason)
    match error:
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch():
            return FetchFailed(FetchReason.TLS, _describe(error))
        case aiohttp.ClientHttpProxyError(status=status):
            wrong = status == 407
            reason = FetchReason.BAD_CREDENTIALS if wrong else FetchReason.UNREACHABLE
            return FetchFailed(reason, f"the proxy answered {status}", status)
        case aiohttp.ClientResponseError(status=status, message=message):
            # Its own text repeats the address.
            said = message.partition("\n")[0].rstrip(" :")  # what follows is the server's
            return FetchFailed(FetchReason.UNREACHABLE, f"no HTTP: {said}"[:300], status)
        case aiohttp.InvalidUrlClientError():
            detail = "a host that is a number; an IPv4 address has four, with dots"
            return FetchFailed(FetchReason.REFUSED_ADDRESS, detail)
        case _:
            return FetchFailed(FetchReason.UNREACHABLE, _describe(error))


def _shown(result: FetchResult) -> FetchResult:
    """A failure in words without secrets and what a terminal would obey: servers choose them."""
    if not isinstance(result, FetchFailed):
        return result
    return replace(result, detail=clean(shown(result.detail)))


def _describe(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return f"{type(error).__name__}: {cause}"[:300]
