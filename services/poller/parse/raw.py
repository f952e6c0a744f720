"""What the readers find in a document, before text is made of it.

The readers agree on this shape, so that they can be compared field by field
(tests/poller/test_feed_readers.py) and everything after them is the same code.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry in the feed's own words: addresses and markup as they stand there.

    `contents` are the texts the feed calls content; `plain` says that they hold no markup,
    whatever they look like.
    """

    guid: str = ""
    link: str = ""
    title: str = ""
    summary: str = ""
    contents: tuple[str, ...] = ()
    plain: bool = False
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    published: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class RawFeed:
    """A feed in its own words. `known` says that the format is a known one; `links` are
    pairs of relation and address."""

    known: bool
    entries: tuple[RawEntry, ...]
    title: str = ""
    link: str = ""
    language: str = ""
    links: tuple[tuple[str, str], ...] = ()
    truncated: bool = False
