"""A report as stories see it: what of an article decides which story it tells."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from schemas.article import Article
from schemas.matches import ArticleField
from services.notifier import clean
from services.notifier.stories.shingles import Shingles, shingles_of
from services.notifier.stories.terms import Bag, bag_of
from services.notifier.stories.words import Hashes, numbers_of, title_words, words_of

LONGEST_TITLE = 300
LONGEST_OUTLET = 255
_LONGEST_PAGE = 2_000
# Below this many words there is too little text to compare.
_SHORT = 40


@dataclass(frozen=True, slots=True)
class Trace:
    """What a report leaves behind, enough to find its copies.

    `outlet` is who publishes it: the host of its page, else its feed. A `short` one is told
    from others by its headline and its address only. `shingles` are hashes, ascending.
    """

    outlet: str
    seen_at: datetime
    title: tuple[str, ...]
    numbers: tuple[str, ...]
    url: str | None
    short: bool
    shingles: Hashes
    bag: Bag


@dataclass(frozen=True, slots=True)
class Report:
    """A report while it is judged. `text` is the article's `field`, `words` are the hashes of its
    words, and `shingles` know where in it they stand."""

    trace: Trace
    field: ArticleField
    text: str
    words: Hashes
    shingles: Shingles


def report_of(article: Article) -> Report:
    """What of an article decides which story it tells."""
    text = article.body or article.summary
    words = words_of(text)
    short = len(words) < _SHORT
    title = headline_of(article, short)
    shingles = shingles_of(words)
    trace = Trace(
        outlet=_host(article.url) or article.feed_id,
        seen_at=article.first_seen_at,
        title=title_words(title),
        numbers=numbers_of(title),
        url=_page(article.canonical_url or article.url, _anchor(article.url)),
        short=short,
        shingles=shingles.hashes,
        bag=bag_of(words),
    )
    field = ArticleField.BODY if article.body else ArticleField.SUMMARY
    return Report(trace, field, text, words, shingles)


def headline_of(article: Article, short: bool) -> str:
    """The headline; a short post that has none is known by what it says."""
    title = clean.line(article.title, LONGEST_TITLE)
    return title or (clean.line(article.body or article.summary, LONGEST_TITLE) if short else "")


def _host(url: str | None) -> str | None:
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return clean.line(host.removeprefix("www."), LONGEST_OUTLET) if host else None


def _anchor(url: str | None) -> str:
    """Which post of a live page an address names; `#xtor=RSS-3` only says who asks."""
    fragment = (url or "").partition("#")[2]
    return f"#{fragment}" if fragment and "=" not in fragment else ""


def _page(url: str | None, anchor: str) -> str | None:
    """The address without its scheme; None for a home page, which is many stories'."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    if not parts.hostname or not (parts.path.strip("/") or parts.query):
        return None
    page = clean.piece(f"{parts.hostname}{parts.path.rstrip('/')}?{parts.query}{anchor}")
    return page if len(page) <= _LONGEST_PAGE else None
