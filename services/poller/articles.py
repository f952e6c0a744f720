"""From an entry and what its page gave to an article. PURE.

Decides whether the page is wanted, which text is the article's, and what is said about
where it comes from. Fetching is `pages`' and `poll`'s business.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from schemas.article import Article, TextOrigin, TextReason, revision_of
from schemas.folder import FeedSpec
from services.poller.identity import published_at
from services.poller.parse import FeedEntry

# Only 33 % of real feed entries carry a body over 2 kB; below that the page is read.
WHOLE_BODY_CHARACTERS = 2_000

_A_LINE_OR_TWO = 200
_END_CHARACTERS = 200
# How feeds end a text that goes on on the page: "[…]", "… Continue reading Title", "Read more".
_GOES_ON = re.compile(
    r"(?:\[\s*(?:…|\.{3}|&hellip;|\+\d+ chars)\s*\]|…|\.{3})[\s»→>]*$"
    r"|(?:…|\.{3}|\]|^|[.!?»”\"])\W*(?:continue reading|read (?:the )?(?:more|rest|full|whole|on)"
    r"|keep reading|weiterlesen|mehr lesen|lire la suite|lire plus|leer más|seguir leyendo|sigue"
    r" leyendo|leia mais|continue lendo|leggi tutto|continua a leggere|lees (?:meer|verder)"
    r"|läs mer|les mer|læs mere|czytaj (?:dalej|więcej)|читать (?:далее|полностью)|devamını oku"
    r")\b[^.]{0,120}$"
    r"|(?:続きを読む|阅读全文|繼續閱讀|더 보기)\W*$",
    re.IGNORECASE,
)

# Failures that another try cannot mend.
_FINAL = frozenset(
    {
        TextReason.NO_LINK,
        TextReason.NOT_WANTED,
        TextReason.DISALLOWED,
        TextReason.REFUSED_ADDRESS,
        TextReason.TOO_LARGE,
        TextReason.NOT_HTML,
    }
)


@dataclass(frozen=True, slots=True)
class PageText:
    """The text read from an article's page."""

    body: str
    title: str | None
    lang: str | None
    canonical_url: str | None = None


@dataclass(frozen=True, slots=True)
class NoPageText:
    """There is no text from the page, and why."""

    reason: TextReason

    @property
    def worth_another_try(self) -> bool:
        """Whether the page may give its text later."""
        return self.reason not in _FINAL


PageResult = PageText | NoPageText


@dataclass(frozen=True, slots=True)
class Sighting:
    """Which article an entry is, and when it was seen."""

    article_id: str
    first_seen_at: datetime
    seen_at: datetime
    late: bool = False


def wants_page(
    full_text: Literal["auto", "always", "never"], entry: FeedEntry
) -> NoPageText | None:
    """None if the article's page is to be read, else why it is not."""
    if full_text == "never":
        return NoPageText(TextReason.NOT_WANTED)
    if full_text == "auto" and _is_whole(entry.body):
        return NoPageText(TextReason.FEED_BODY)
    return None if entry.link else NoPageText(TextReason.NO_LINK)


def telling(page: PageResult, title: str, summary: str) -> PageResult:
    """The same, unless the page's text is a line or two and the feed itself says more.

    Players, galleries and walls that no pattern tells show such a line in place of the article.
    """
    if isinstance(page, NoPageText):
        return page
    body = without_headline(page.body, title)
    too_little = len(body) < min(len(summary), _A_LINE_OR_TWO)
    return NoPageText(TextReason.NO_TEXT) if too_little else page


def article_of(
    feed: FeedSpec, entry: FeedEntry, page: PageResult, sighting: Sighting, feed_lang: str | None
) -> Article:
    """The article that `poll` publishes for an entry."""
    body, origin, reason = _text(entry, page)
    title = entry.title or (page.title if isinstance(page, PageText) else None) or ""
    lang = page.lang if isinstance(page, PageText) else None
    return Article(
        article_id=sighting.article_id,
        revision=revision_of(title, body, entry.summary),
        feed_id=feed.id,
        source=feed.name or feed.id,
        url=entry.link,
        canonical_url=page.canonical_url if isinstance(page, PageText) else None,
        title=title,
        body=body,
        summary=entry.summary,
        author=entry.author,
        category=entry.category,
        lang=lang or feed_lang,
        text=origin,
        text_reason=reason,
        published_at=published_at(entry, sighting.first_seen_at),
        first_seen_at=sighting.first_seen_at,
        seen_at=sighting.seen_at,
        late=sighting.late,
    )


def without_headline(body: str, title: str) -> str:
    """The text of a page without the headline on top, if the feed gives the same one.

    Where the feed's title is another, the page's stays: its words stand nowhere else.
    """
    first, _, rest = body.partition("\n\n")
    return rest if rest and _words(first) == _words(title) else body


def with_page(article: Article, page: PageText, seen_at: datetime) -> Article:
    """The revision of an article that was published with less, now that its page is read."""
    body = max(without_headline(page.body, article.title), article.body, key=len)
    return article.model_copy(
        update={
            "body": body,
            "canonical_url": page.canonical_url,
            "lang": page.lang or article.lang,
            "revision": revision_of(article.title, body, article.summary),
            "text": TextOrigin.FULL,
            "text_reason": TextReason.PAGE,
            "seen_at": seen_at,
        }
    )


def _is_whole(body: str) -> bool:
    """Whether a feed's body is the article: long enough, and not "to be continued" on the page."""
    end = body[-_END_CHARACTERS:].rpartition("\n\n")[2]
    return len(body) >= WHOLE_BODY_CHARACTERS and not _GOES_ON.search(end)


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _text(entry: FeedEntry, page: PageResult) -> tuple[str, TextOrigin, TextReason]:
    """The longer of the page's text and the feed's own: a pay wall may show less."""
    if isinstance(page, PageText):
        body = without_headline(page.body, entry.title)
        if len(body) >= len(entry.body):
            return body, TextOrigin.FULL, TextReason.PAGE
        return entry.body, TextOrigin.FULL, TextReason.FEED_BODY
    if page.reason is TextReason.FEED_BODY:
        return entry.body, TextOrigin.FULL, TextReason.FEED_BODY
    return entry.body, TextOrigin.SUMMARY, page.reason
