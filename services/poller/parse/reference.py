"""feedparser: the reader of whatever is malformed or unusual, and the measure of the others.

Decides nothing; it takes out of feedparser's result what an entry needs. feedparser takes
ten times as long as `tree` and seconds on hostile input.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import feedparser

from services.poller.parse.dates import as_datetime
from services.poller.parse.parsed import MAX_ENTRIES
from services.poller.parse.raw import RawEntry, RawFeed


def read_with_feedparser(document: bytes) -> RawFeed:
    """The feed in a document in UTF-8. Raises whatever hostile bytes make feedparser raise."""
    # Bytes in a stream: of a str, feedparser would fetch what looks like a URL.
    # 10 ms a feed without sanitizing and resolving, 25 with (bench/parse.py).
    parsed = feedparser.parse(BytesIO(document), sanitize_html=False, resolve_relative_uris=False)
    feed = parsed.feed
    return RawFeed(
        known=bool(parsed.get("version")),
        entries=tuple(_entry(raw) for raw in parsed.entries[:MAX_ENTRIES]),
        title=_text(feed.get("title")),
        link=_text(feed.get("link")),
        language=_text(feed.get("language")),
        links=tuple(
            (_text(link.get("rel")), _text(link.get("href"))) for link in _dicts(feed.get("links"))
        ),
        truncated=len(parsed.entries) > MAX_ENTRIES,
    )


def _entry(raw: Any) -> RawEntry:
    return RawEntry(
        guid=_text(raw.get("id")),
        link=_text(raw.get("link")),
        title=_text(raw.get("title")),
        summary=_text(raw.get("summary")),
        contents=tuple(_text(content.get("value")) for content in _dicts(raw.get("content"))),
        authors=tuple(_text(author.get("name")) for author in _dicts(raw.get("authors"))),
        tags=tuple(_text(tag.get("term")) for tag in _dicts(raw.get("tags"))),
        # dict.get, because feedparser's own reads "published" where "updated" is missing.
        published=as_datetime(dict.get(raw, "published_parsed")),
        updated=as_datetime(dict.get(raw, "updated_parsed")),
    )


def _dicts(value: object) -> Iterable[Any]:
    # An element of the feed's own that happens to have one of these names is text.
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
