"""Lines of an article's text that belong to other articles or to the site. PURE.

Two kinds that no pattern tells (see `related` for those that one does): a line that is the
headline of another known entry, and a short line that stands on several pages of one host. A
line over 12 words stays however often it is seen: it may be the background paragraph of a wire
story, which is the sentence somebody waits for.

What is known of other entries and pages is the caller's to look up. Lines that only a third
page gives away are in the first two articles; nobody waits for that page.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from schemas.article import Article, TextOrigin, revision_of
from services.poller.addresses import host_of
from services.poller.identity import canonical_link
from services.poller.titles import length_in_words, title_key, title_words

PAGES = 3
"""A line that stands on this many pages of a host is the site's, not an article's."""

_MAX_REPEATED_WORDS = 12
_MAX_HEADLINE_WORDS = 30
_LINES_OF_A_PAGE = 60
_STOPS = tuple(".!。！।۔")
_CLOSING = "'\"”’»)]"


@dataclass(frozen=True, slots=True)
class ShortLines:
    """The short lines of one page, by their keys, as they are remembered of its host."""

    host: str
    page: str  # 32 hex digits: feeds that link to the same page do not make it three
    lines: frozenset[str]


def short_lines(article: Article) -> ShortLines | None:
    """What an article's text holds that the host may repeat; None where there is nothing."""
    host = host_of(article.url or "")
    page = canonical_link(article.canonical_url or article.url or "")
    if article.text is not TextOrigin.FULL or not host or not page:
        return None
    keys = list(filter(None, map(_repeated_key, _lines(article))))[:_LINES_OF_A_PAGE]
    name = hashlib.sha256(page.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return ShortLines(host.removeprefix("www.")[:255], name, frozenset(keys)) if keys else None


def headlines(article: Article) -> frozenset[str]:
    """The keys of the lines that may be the headline of another entry."""
    own = title_key(article.title)
    keys = map(_headline_key, _lines(article)[1:])
    return frozenset(key for key in keys if key is not None and key != own)


def guarded(article: Article, others: Collection[str], repeated: Collection[str]) -> Article:
    """The article without the lines that are headlines in `others` or `repeated` on its host.

    Both hold keys, those of `headlines` and of `short_lines`. The article's own headline stays,
    and so does its first line, which may be the headline that its page gives it.
    """
    if not others and not repeated:
        return article
    own, lines = _spelling(article.title), _lines(article)
    kept = [
        line
        for number, line in enumerate(lines)
        if not (_repeated_key(line) in repeated or (number and _headline_key(line) in others))
        or _spelling(line) == own
    ]
    if len(kept) == len(lines) or not kept:
        return article
    body = "\n\n".join(kept)
    revision = revision_of(article.title, body, article.summary)
    return article.model_copy(update={"body": body, "revision": revision})


def _lines(article: Article) -> Sequence[str]:
    return article.body.split("\n\n") if article.body else ()


def _headline_key(line: str) -> str | None:
    """What a line is called as a headline; None for a sentence of the text."""
    if length_in_words(line) > _MAX_HEADLINE_WORDS or line.rstrip(_CLOSING).endswith(_STOPS):
        return None
    return title_key(line)


def _repeated_key(line: str) -> str | None:
    if length_in_words(line) > _MAX_REPEATED_WORDS or not (spelling := _spelling(line)):
        return None
    return hashlib.sha256(spelling.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _spelling(line: str) -> str:
    return " ".join(title_words(line))
