"""A report as stories see it: what of an article decides which story it tells."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from schemas.article import Article
from schemas.matches import ArticleField
from services.notifier.stories.shingles import Shingles, shingles_of
from services.notifier.stories.words import Hashes, numbers_of, title_words, words_of

# Below this many words there is too little text to compare.
SHORT = 40


@dataclass(frozen=True, slots=True)
class Report:
    """`outlet` is who publishes it: the host of its page, else its feed. `text` is the article's
    `field`, `words` a hash of each of its words."""

    article_id: str
    outlet: str
    seen_at: datetime
    title: tuple[str, ...]
    numbers: frozenset[str]
    url: str | None
    field: ArticleField
    text: str
    words: Hashes
    shingles: Shingles

    @property
    def is_short(self) -> bool:
        """Whether only its headline and its address can tell it from others."""
        return len(self.words) < SHORT


def report_of(article: Article) -> Report:
    """What of an article decides which story it tells."""
    field = ArticleField.BODY if article.body else ArticleField.SUMMARY
    text = article.body or article.summary
    words = words_of(text)
    return Report(
        article_id=article.article_id,
        outlet=_host(article.url) or article.feed_id,
        seen_at=article.first_seen_at,
        title=title_words(article.title),
        numbers=numbers_of(article.title),
        url=_page(article.url),
        field=field,
        text=text,
        words=words,
        shingles=shingles_of(words),
    )


def _host(url: str | None) -> str | None:
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


def _page(url: str | None) -> str | None:
    """The address without scheme and fragment; None for a home page, which is many stories'."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    if not parts.hostname or not (parts.path.strip("/") or parts.query):
        return None
    return f"{parts.hostname}{parts.path.rstrip('/')}?{parts.query}"
