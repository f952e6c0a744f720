"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/).

Decides nothing about texts; it only finds them. Readers are told to be forgiving about
types (ids that are numbers, an author where authors belong), so whatever has another type
than it should is absent.
"""

import json
from collections.abc import Iterator
from typing import Any

from services.poller.parse.dates import read_date
from services.poller.parse.parsed import MAX_ENTRIES, ParseFailed, ParseReason
from services.poller.parse.raw import RawEntry, RawFeed

_MAX_PARTS = 2_000_000  # objects and lists: they take a hundred times the memory of their text
_VERSIONS = ("https://jsonfeed.org/version/", "http://jsonfeed.org/version/")


def is_json(body: bytes) -> bool:
    """Whether a document can be JSON; the content type is not asked, because servers send
    text/plain and text/html."""
    return body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}


def read_json(body: bytes) -> RawFeed | ParseFailed:
    """The feed in a JSON document."""
    if body.count(b"{") + body.count(b"[") > _MAX_PARTS:
        return ParseFailed(ParseReason.TOO_COMPLEX, "JSON of too many parts")
    try:
        # Numbers stay text: ids may have more digits than an int may, and NaN is no number.
        feed = json.loads(
            body.decode("utf-8-sig", "replace"),
            parse_int=str,
            parse_float=str,
            parse_constant=lambda name: None,
            strict=False,
        )
    except RecursionError:
        return ParseFailed(ParseReason.TOO_COMPLEX, "JSON nested too deeply")
    except ValueError as error:
        return ParseFailed(ParseReason.NOT_A_FEED, f"broken JSON: {error}"[:300])
    known = isinstance(feed, dict) and _text(feed, "version").startswith(_VERSIONS)
    if not known and not (isinstance(feed, dict) and _objects(feed, "items")):
        return ParseFailed(ParseReason.NOT_A_FEED, "JSON, but no JSON Feed")
    return _feed(feed)


def _feed(feed: dict[str, Any]) -> RawFeed:
    items = _objects(feed, "items")
    hubs = (_text(hub, "url") for hub in _objects(feed, "hubs") if _is_websub(hub))
    return RawFeed(
        known=True,
        entries=tuple(_entry(item) for item in items[:MAX_ENTRIES]),
        title=_text(feed, "title"),
        link=_text(feed, "home_page_url") or _text(feed, "feed_url"),
        language=_text(feed, "language"),
        links=(*(("hub", hub) for hub in hubs), ("self", _text(feed, "feed_url"))),
        truncated=len(items) > MAX_ENTRIES,
    )


def _entry(item: dict[str, Any]) -> RawEntry:
    html = _text(item, "content_html")
    return RawEntry(
        guid=_text(item, "id"),
        link=_text(item, "url") or _text(item, "external_url"),
        title=_text(item, "title"),
        summary=_text(item, "summary"),
        contents=(html or _text(item, "content_text"),),
        plain=not html,
        authors=tuple(_authors(item)),
        tags=tuple(tag for tag in _list(item, "tags") if isinstance(tag, str)),
        published=read_date(_text(item, "date_published")),
        updated=read_date(_text(item, "date_modified")),
    )


def _authors(item: dict[str, Any]) -> Iterator[str]:
    """`authors` of version 1.1, else `author` of version 1.0."""
    one = item.get("author")
    authors = _objects(item, "authors") or ([one] if isinstance(one, dict) else [])
    for author in authors:
        yield _text(author, "name")


def _is_websub(hub: dict[str, Any]) -> bool:
    return _text(hub, "type").lower() == "websub"


def _objects(parent: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [one for one in _list(parent, key) if isinstance(one, dict)]


def _list(parent: dict[str, Any], key: str) -> list[Any]:
    value = parent.get(key)
    return value if isinstance(value, list) else []


def _text(parent: dict[str, Any], key: str) -> str:
    value = parent.get(key)
    return value if isinstance(value, str) else ""
