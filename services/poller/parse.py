"""A feed document into entries.

Decides what is a feed and what of an entry is kept, as plain text. Whether an entry is new
is `identity`'s decision. feedparser takes seconds on hostile input, so callers run this in
a process that can be killed (see `pages`).
"""

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

import feedparser

from services.poller.language import iso_639_1
from services.poller.markup import readable
from services.poller.prune import prune_related
from services.poller.related import without_related
from services.poller.text import clean, clean_title, cut, join

MAX_ENTRIES = 2_000
MAX_TITLE = 1_000
MAX_TEXT = 200_000
_MAX_LABELS = 50  # authors or categories of one entry
_CDATA_OR_COMMENT = re.compile(rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->", re.DOTALL)
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Programs write year 1 or 1970 where they know no date.
_FIRST_DATE = datetime(1971, 1, 1, tzinfo=UTC)


class ParseReason(StrEnum):
    """Why a document could not be read as a feed; a closed set, used as a metric label."""

    NOT_A_FEED = "not_a_feed"  # no entries and no known feed version
    ENTITIES = "entities"  # declares XML entities, which no honest feed needs
    TIMED_OUT = "timed_out"  # the parser ran past its deadline
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class ParseFailed:
    """No feed, and why."""

    reason: ParseReason
    detail: str


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry as the feed shows it: plain text, paragraphs separated by a blank line.

    `summary` is what the feed calls a description, `body` its full content; feeds often
    give one of them only, and some put the whole article into the summary.
    """

    guid: str | None = None
    link: str | None = None
    title: str = ""
    summary: str = ""
    body: str = ""
    author: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    published: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A feed. `bozo` says it is malformed, as 9 % of good feeds are; `truncated`, that it
    has more entries than are read.

    `hub` is the WebSub hub the document names, `self_link` the address it gives itself
    (https://www.w3.org/TR/websub/#discovery). Both are absolute http or https addresses.
    """

    title: str
    lang: str | None
    entries: tuple[FeedEntry, ...]
    bozo: bool = False
    truncated: bool = False
    hub: str | None = None
    self_link: str | None = None


def parse_feed(body: bytes, content_type: str | None, url: str) -> ParsedFeed | ParseFailed:
    """The feed in `body`, which was served as `content_type` from `url`."""
    if _declares_entities(body):
        return ParseFailed(ParseReason.ENTITIES, "the document declares XML entities")
    headers = {"content-type": content_type} if content_type else {}
    try:
        # Bytes in a stream: of a str, feedparser would fetch what looks like a URL.
        # 44 ms a feed without sanitizing and resolving, 109 ms with.
        parsed = feedparser.parse(
            BytesIO(body),
            sanitize_html=False,
            resolve_relative_uris=False,
            response_headers=headers,
        )
    except Exception as error:  # a parser fed with hostile bytes may raise anything
        return ParseFailed(ParseReason.CRASHED, f"{type(error).__name__}: {error}"[:300])
    if not parsed.entries and not parsed.get("version"):
        return ParseFailed(ParseReason.NOT_A_FEED, _what_it_is(body, content_type))
    return _feed(parsed, url)


def _declares_entities(body: bytes) -> bool:
    # NUL bytes go, so that UTF-16 does not hide the declaration.
    return bool(_ENTITY.search(_CDATA_OR_COMMENT.sub(b"", body.replace(b"\x00", b""))))


def _what_it_is(body: bytes, content_type: str | None) -> str:
    start = clean(body[:60].decode("utf-8", "replace"))
    return f"no feed: {content_type or 'no content type'}, begins with {start!r}"


def _feed(parsed: Any, url: str) -> ParsedFeed:
    base = urljoin(url, _text(parsed.feed.get("link")))
    entries = (_entry(raw, base) for raw in parsed.entries[:MAX_ENTRIES])
    return ParsedFeed(
        title=_title(parsed.feed.get("title")),
        lang=iso_639_1(_text(parsed.feed.get("language"))),
        entries=tuple(entry for entry in entries if entry != FeedEntry()),
        bozo=bool(parsed.bozo),
        truncated=len(parsed.entries) > MAX_ENTRIES,
        hub=_link_of("hub", parsed.feed, base),
        self_link=_link_of("self", parsed.feed, base),
    )


def _link_of(relation: str, feed: Any, base: str) -> str | None:
    """The first address a feed links to as `relation`."""
    links = (
        _link(_text(link.get("href")), base)
        for link in feed.get("links") or ()
        if relation in _text(link.get("rel")).lower().split()
    )
    return next(filter(None, links), None)


def _entry(raw: Any, base: str) -> FeedEntry:
    body = _body(raw)
    summary = _plain(_text(raw.get("summary")))
    return FeedEntry(
        guid=clean(_text(raw.get("id"))) or None,
        link=_link(_text(raw.get("link")), base),
        title=_title(raw.get("title")),
        summary="" if summary == body else summary,  # feedparser copies one into the other
        body=body,
        author=_labels(author.get("name") for author in raw.get("authors") or ()),
        category=_labels(tag.get("term") for tag in raw.get("tags") or ()),
        published=_date(raw, "published_parsed"),
        updated=_date(raw, "updated_parsed"),
    )


def _title(value: object) -> str:
    return cut(clean_title(_text(value)), MAX_TITLE)


def _body(raw: Any) -> str:
    texts = [_text(content.get("value")) for content in raw.get("content") or ()]
    return _plain(max(texts, key=len, default=""))


def _plain(text: str) -> str:
    """An HTML or plain text as paragraphs; the cut comes first, to bound the work."""
    lines = readable(text[: 4 * MAX_TEXT], prune_related)
    return cut(join(without_related(lines)), MAX_TEXT)


def _link(link: str, base: str) -> str | None:
    try:
        absolute = urljoin(base, link.strip()) if link.strip() else ""
        parts = urlsplit(absolute)
    except ValueError:
        return None
    return absolute if parts.scheme in {"http", "https"} and parts.netloc else None


def _labels(values: Iterable[object]) -> tuple[str, ...]:
    named = (cut(clean_title(_text(value)), MAX_TITLE) for value in values)
    return tuple(dict.fromkeys(name for name in named if name))[:_MAX_LABELS]


def _date(raw: dict[str, Any], key: str) -> datetime | None:
    # dict.get, because feedparser's own reads "published" where "updated" is missing.
    parsed = dict.get(raw, key)
    if parsed is None:
        return None
    try:
        date = _EPOCH + timedelta(seconds=calendar.timegm(parsed))
    except (ValueError, OverflowError, TypeError):
        return None
    return date if date >= _FIRST_DATE else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
