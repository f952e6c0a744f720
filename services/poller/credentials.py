"""What the requests for a private feed carry, and where to.

Decides what is sent: to the feed's own origin (scheme, host and port) alone, whatever
redirects and links say. Secrets are read for every poll, so that a mended one works at once.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from yarl import URL

from schemas.folder import FeedSpec, SecretRef
from services.runtime.redact import (
    is_random,
    may_hold_secret,
    never_show,
    secrets_in_url,
    spellings_of,
    without,
)
from services.runtime.secrets import MissingSecret, place_of, resolve

Origin = tuple[str, str | None, int | None]

_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Access:
    """What a feed's requests carry and go through; its text shows none of it.

    `headers` and `query` are for the feed's own origin. `secrets` are all that must not be
    published, in every spelling.
    """

    origin: Origin | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy: str | None = field(default=None, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def headers_for(self, url: URL) -> Mapping[str, str]:
        """What a request for `url` carries."""
        return self.headers if self.headers and origin_of(url) == self.origin else {}

    def keyed(self, url: URL) -> URL:
        """`url` with the feed's keys, if it lies on the feed's own origin."""
        if not self.query or origin_of(url) != self.origin:
            return url
        missing = [(k, v) for k, v in self.query.items() if k not in url.query]
        added = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in missing)
        bare = str(url.with_fragment(None))
        return URL(f"{bare}{'&' if url.raw_query_string else '?'}{added}", encoded=True)

    def of_pages(self) -> "Access":
        """The same for article pages: the keys of its address are the feed's alone."""
        return replace(self, query={}) if self.query else self

    def way(self) -> "Access":
        """The same for anybody's documents: the proxy alone."""
        return replace(self, origin=None, headers={}, query={}) if self is not OPEN else self

    def leaks(self, text: str) -> bool:
        """Whether `text` holds one of the secrets."""
        return any(secret in text for secret in self.secrets)

    def told(self, text: str) -> str:
        """`text` with the secrets blotted out."""
        return without(text, self.secrets) if self.secrets else text

    def address(self, url: str) -> str | None:
        """`url` without the parameters that hold secrets; None if one stands elsewhere."""
        if not self.in_address(url):
            return url
        parts = urlsplit(url)
        kept = "&".join(p for p in parts.query.split("&") if not self._in_parameter(p))
        bare = parts._replace(query=kept).geturl()
        return None if self.in_address(bare) else bare

    def in_address(self, url: str) -> bool:
        """Whether an address holds one of the secrets, in whichever spelling."""
        return bool(self.secrets) and (self.leaks(url) or self.leaks(unquote(url)))

    def _in_parameter(self, parameter: str) -> bool:
        texts = (parameter, *(v for _, v in parse_qsl(parameter, keep_blank_values=True)))
        return any(map(self.leaks, texts))


OPEN = Access()
"""To what everybody may read."""


def is_private(feed: FeedSpec) -> bool:
    """Whether the feed's requests carry something, or its address holds a secret."""
    carried = bool(feed.headers or feed.basic or feed.token or feed.query)
    return carried or may_hold_secret(feed.url)


def access_of(feed: FeedSpec, env: Mapping[str, str]) -> Access | MissingSecret:
    """What requests for `feed` carry, with the secrets as they are now."""
    if not is_private(feed) and feed.proxy is None:
        return OPEN
    reading = _Reading(env)
    for secret in secrets_in_url(feed.url):
        reading.note(secret)
    access = Access(
        origin=origin_of(URL(feed.url)),
        headers={
            **{name: reading.header(ref) for name, ref in feed.headers.items()},
            **reading.authorization(feed),
        },
        query={name: reading.value(ref) for name, ref in feed.query.items()},
        proxy=reading.proxy(feed.proxy) if feed.proxy is not None else None,
        secrets=spellings_of(reading.secrets),
    )
    return MissingSecret("; ".join(reading.problems)) if reading.problems else access


def access_or_open(feed: FeedSpec, env: Mapping[str, str]) -> Access:
    """What requests for `feed` carry; nothing where a secret is missing."""
    access = access_of(feed, env)
    return OPEN if isinstance(access, MissingSecret) else access


def origin_of(url: URL) -> Origin:
    """Scheme, host and port: who a request really goes to."""
    return url.scheme, url.raw_host, url.port


def _parts_that_count(header: str) -> Iterator[str]:
    """Of "Bearer abc" and "a=abc; b=def", what a server may repeat by itself.

    Where it is named, a part that may be a word is left out: it may also be one of the news.
    """
    scheme, *others = re.split(r"[\s;]+", header)
    for part in (scheme, *others):
        value = part.partition("=")[2]
        if value.strip("="):
            yield from (value,) if is_random(value) else ()
        elif part is not scheme or not others:
            yield part


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads the secrets of one feed; notes them, and what is wrong with them."""

    env: Mapping[str, str]
    secrets: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def value(self, ref: str | SecretRef) -> str:
        if isinstance(ref, str):
            return ref
        found = resolve(ref, self.env)
        if isinstance(found, MissingSecret):
            self.problems.append(found.problem)
            return ""
        if _UNSENDABLE.search(found):
            self.problems.append(
                f"{place_of(ref)} holds a line break or another character that cannot be sent; "
                "write the secret alone into it"
            )
            return ""
        self.note(found)
        return found

    def header(self, ref: str | SecretRef) -> str:
        value = self.value(ref)
        if isinstance(ref, SecretRef):
            for part in _parts_that_count(value):
                self.note(part)
        return value

    def authorization(self, feed: FeedSpec) -> Mapping[str, str]:
        if feed.token is not None:
            return {"Authorization": f"Bearer {self.value(feed.token)}"}
        if feed.basic is None:
            return {}
        login = f"{feed.basic.username}:{self.value(feed.basic.password)}"
        coded = base64.b64encode(login.encode("utf-8")).decode("ascii")  # RFC 7617
        self.note(coded)
        return {"Authorization": f"Basic {coded}"}

    def proxy(self, ref: str | SecretRef) -> str:
        address = self.value(ref)
        if isinstance(ref, SecretRef) and address:
            parts = urlsplit(address)
            for part in filter(None, (parts.password, unquote(parts.password or ""))):
                self.note(part)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                self.problems.append(f"{place_of(ref)} is not the http address of a proxy")
        return address

    def note(self, secret: str) -> None:
        never_show(secret)
        self.secrets.add(secret)
