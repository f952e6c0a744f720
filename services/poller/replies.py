"""What a server's answer, or its absence, is called.

Decides how statuses, headers and errors are named, and what of them may be kept: never raises
for what a server sends. What is asked, and where a redirect leads, is the business of `fetch`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import aiohttp
from aiohttp import hdrs

from services.poller.addresses import is_encodable
from services.poller.credentials import Access
from services.poller.text import clean
from services.runtime.netguard import refusal_in
from services.runtime.redact import shown

_CHUNK = 65_536
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # aiohttp's own list


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


async def read_body(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """The decompressed body, or None as soon as it is over `limit` bytes."""
    if (response.content_length or 0) > limit:
        return None
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def refusal(response: aiohttp.ClientResponse, retry_after: timedelta | None) -> FetchFailed:
    """Why there is no document in a response that says so itself."""
    # https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/
    if response.headers.get("cf-mitigated") == "challenge":
        detail = "the server wants a browser to solve a challenge"
        return FetchFailed(FetchReason.FORBIDDEN, detail, response.status, retry_after)
    reason = _STATUS_REASONS.get(response.status, FetchReason.HTTP_ERROR)
    detail = f"answered {response.status} {response.reason or ''}".rstrip()
    return FetchFailed(reason, detail, response.status, retry_after, response.url.host)


@dataclass(frozen=True, slots=True)
class HeadersRead:
    """The headers of a response, as far as they can be stored and sent back."""

    response: aiohttp.ClientResponse
    access: Access

    def all(self) -> ReplyHeaders:
        """All that anybody reads."""
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


def no_exchange(error: Exception) -> FetchFailed:
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


def in_safe_words(result: FetchResult) -> FetchResult:
    """A failure in words without secrets and what a terminal would obey: servers choose them."""
    if not isinstance(result, FetchFailed):
        return result
    return replace(result, detail=clean(shown(result.detail)))


def _describe(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return f"{type(error).__name__}: {cause}"[:300]
