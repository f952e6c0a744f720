"""An article as the poller publishes it: the text that rules are matched against.

Every offset in a match refers to `title`, `body` or `summary` exactly as they stand
here. Paragraphs of `body` are separated by one blank line; a single line break is
white space.
"""

import hashlib
from enum import StrEnum

from pydantic import Field

from schemas.message import Message, UtcDatetime


class TextOrigin(StrEnum):
    """What of the article was read."""

    FULL = "full"
    SUMMARY = "summary"


class TextReason(StrEnum):
    """Why `text` is what it is; a closed set, used as a metric label."""

    PAGE = "page"  # read from the article's page
    FEED_BODY = "feed_body"  # the feed itself carries the whole text
    NOT_WANTED = "not_wanted"  # the feed is configured with `full_text: never`
    NO_LINK = "no_link"  # the entry links to no page
    DISALLOWED = "disallowed"  # the site's robots.txt asks us not to read the page
    FORBIDDEN = "forbidden"  # 401, 402, 403, 407, 451: pay wall, consent, challenge
    NOT_FOUND = "not_found"  # 404, 410
    HTTP_ERROR = "http_error"  # any other status that is not 200
    UNREACHABLE = "unreachable"  # DNS, connection, TLS
    REFUSED_ADDRESS = "refused_address"  # the page's address is not public
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    NOT_HTML = "not_html"
    NO_TEXT = "no_text"  # a page without an article that could be told from its furniture
    EXTRACTION_FAILED = "extraction_failed"  # the extractor crashed or ran past its deadline


class Article(Message):
    """One revision of one article.

    (`article_id`, `revision`) names this text: `article_id` comes from the feed and the
    entry's identity, `revision` from the text itself, so publishing the same text again
    after a crash is recognised as a repeat, and a different text never is.
    """

    article_id: str = Field(min_length=1)
    revision: str = Field(min_length=1)
    feed_id: str
    source: str = Field(description="the feed's name as the operator wrote it, else its id")
    url: str | None = None
    canonical_url: str | None = Field(
        default=None, description="what the page itself calls its address; no alert links to it"
    )
    title: str = ""
    body: str = ""
    summary: str = ""
    author: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    lang: str | None = Field(default=None, description="ISO 639-1")
    text: TextOrigin
    text_reason: TextReason
    published_at: UtcDatetime | None = Field(
        default=None, description="the feed's own claim, never later than first_seen_at"
    )
    first_seen_at: UtcDatetime = Field(description="when the article was first seen")
    seen_at: UtcDatetime = Field(description="when this revision was seen")
    late: bool = Field(
        default=False,
        description="dated long before it appeared in its feed: matched, but raises no alert",
    )


def revision_of(title: str, body: str, summary: str) -> str:
    """16 hex digits that name a text; equal texts have equal revisions."""
    digest = hashlib.sha256()
    for part in (title, body, summary):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\x00")
    return digest.hexdigest()[:16]
