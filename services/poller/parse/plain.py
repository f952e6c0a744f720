"""What the readers found, as plain text.

Decides what of an entry is kept and how long it may be. Markup is `markup`'s business,
related links `prune`'s and `related`'s.
"""

from collections.abc import Iterable
from itertools import islice
from urllib.parse import urljoin, urlsplit

from services.poller.language import iso_639_1
from services.poller.markup import readable
from services.poller.parse.parsed import MAX_TEXT, MAX_TITLE, FeedEntry, ParsedFeed
from services.poller.parse.raw import RawEntry, RawFeed
from services.poller.prune import prune_related
from services.poller.related import without_related
from services.poller.text import clean, clean_title, cut, join, paragraphs

_MAX_LABELS = 50  # authors or categories of one entry
_MAX_LINKED = 5  # hubs
_MAX_ADDRESS = 8_000  # guid or link; longer ones are data


def plain_feed(raw: RawFeed, url: str, bozo: bool) -> ParsedFeed:
    """The feed found in the document at `url`, which was malformed if `bozo`."""
    base = _link(raw.link, url) or url
    entries = (_entry(entry, base) for entry in raw.entries)
    return ParsedFeed(
        title=_title(raw.title),
        lang=iso_639_1(raw.language),
        entries=tuple(entry for entry in entries if entry != FeedEntry()),
        bozo=bozo,
        truncated=raw.truncated,
        hubs=_linked("hub", raw, base),
        self_link=next(iter(_linked("self", raw, base)), None),
    )


def _linked(relation: str, raw: RawFeed, base: str) -> tuple[str, ...]:
    """The first few addresses a feed links to as `relation`."""
    links = (_link(href, base) for rel, href in raw.links if relation in rel.lower().split())
    return tuple(islice(filter(None, links), _MAX_LINKED))


def _entry(raw: RawEntry, base: str) -> FeedEntry:
    content = max(raw.contents, key=len, default="")
    body = _plain(content, raw.plain)
    # feedparser copies one into the other where one is missing.
    summary = "" if raw.summary == content else _plain(raw.summary, raw.plain)
    guid = clean(raw.guid[:_MAX_ADDRESS])
    return FeedEntry(
        guid=guid or None,
        link=_link(_leads_to_article(raw), base),
        title=_title(raw.title),
        summary="" if summary == body else summary,
        body=body,
        author=_labels(raw.authors),
        category=_labels(raw.tags),
        published=raw.published,
        updated=raw.updated,
    )


def _leads_to_article(raw: RawEntry) -> str:
    """The entry's link, or its guid if that is an address: feedparser takes any for one."""
    if not raw.link and "://" in raw.guid:
        return raw.guid
    return raw.link if raw.link != raw.guid or "/" in raw.link else ""


def _title(text: str) -> str:
    # The cut comes first, to bound the work; markup may be most of a title.
    return cut(clean_title(text[: 20 * MAX_TITLE]), MAX_TITLE)


def _plain(text: str, plain: bool) -> str:
    """An HTML or plain text as paragraphs; the cut comes first, to bound the work."""
    start = text[: 4 * MAX_TEXT]
    lines = paragraphs(start) if plain else readable(start, prune_related)
    return cut(join(without_related(lines)), MAX_TEXT)


def _link(link: str, base: str) -> str | None:
    try:
        absolute = urljoin(base, clean(link)) if 0 < len(link) <= _MAX_ADDRESS else ""
        parts = urlsplit(absolute)
    except ValueError:
        return None
    return absolute if parts.scheme in {"http", "https"} and parts.netloc else None


def _labels(values: Iterable[str]) -> tuple[str, ...]:
    named = dict.fromkeys(name for value in values if (name := _title(value)))
    return tuple(named)[:_MAX_LABELS]
