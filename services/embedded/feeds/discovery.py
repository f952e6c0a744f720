"""Where the feeds of a site are: what its page declares, and where they usually lie. PURE.

Decides by `<link rel="alternate">` with the type of a feed. Only where a page declares none
are usual places worth asking: a site that says where its feed is means it.
"""

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from services.poller.identity import canonical_link
from services.poller.text import clean

_TYPES = frozenset(
    {
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "application/feed+json",
        "text/rss+xml",
        "text/atom+xml",
    }
)
_USUAL = ("feed", "rss.xml", "atom.xml", "feed.xml", "index.xml", "rss", "feed.json")
# Declarations stand in the head; a page that has none there may be of any size.
_READ_CHARACTERS = 500_000


@dataclass(frozen=True, slots=True)
class Declared:
    """A feed that a page names."""

    url: str
    title: str


def declared_feeds(page: str, url: str) -> list[Declared]:
    """The feeds that the page at `url` declares, in its order, each address once."""
    reader = _Reader(url)
    reader.feed(page[:_READ_CHARACTERS])
    return list(
        {canonical_link(each.url) or each.url: each for each in reader.found[::-1]}.values()
    )[::-1]


def usual_places(url: str) -> list[str]:
    """Where the feed of the site at `url` may lie: below the page, then below the root."""
    parts = urlsplit(url)
    root = f"{parts.scheme}://{parts.netloc}/"
    here = urljoin(url, parts.path if parts.path.endswith("/") else f"{parts.path}/")
    bases = dict.fromkeys((here.partition("?")[0], root))
    return [f"{base}{place}" for base in bases for place in _USUAL]


class _Reader(HTMLParser):
    """Collects declarations; never fails, whatever the page."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Declared] = []
        self._base = url

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: (value or "").strip() for name, value in attrs}
        if tag == "base" and given.get("href"):
            self._base = _joined(self._base, given["href"]) or self._base
        elif tag == "link" and self._is_feed(given):
            url = _joined(self._base, given["href"])
            if url is not None:
                self.found.append(Declared(url, clean(given.get("title", ""))[:200]))

    def _is_feed(self, given: dict[str, str]) -> bool:
        words = given.get("rel", "").lower().split()
        kind = given.get("type", "").partition(";")[0].strip().lower()
        return "alternate" in words and kind in _TYPES and bool(given.get("href"))


def _joined(base: str, href: str) -> str | None:
    try:
        url = urljoin(base, clean(href))
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None
