"""What comes of a feed document: a feed, or the reason why there is none."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_ENTRIES = 2_000
MAX_TITLE = 1_000
MAX_TEXT = 200_000


class ParseReason(StrEnum):
    """Why a document could not be read as a feed; a closed set, used as a metric label."""

    NOT_A_FEED = "not_a_feed"  # no entries and no known feed version
    ENTITIES = "entities"  # declares XML entities, which no honest feed needs
    TOO_COMPLEX = "too_complex"  # nested deeper or built of more parts than any honest feed
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

    `hubs` are the WebSub hubs the document names, `self_link` the address it gives itself
    (https://www.w3.org/TR/websub/#discovery). All are absolute http or https addresses.
    """

    title: str
    lang: str | None
    entries: tuple[FeedEntry, ...]
    bozo: bool = False
    truncated: bool = False
    hubs: tuple[str, ...] = ()
    self_link: str | None = None
