"""Feed documents: from the bytes of a reply to entries in plain text.

What is found where: `reading` decides which reader a document gets, `document` makes clean
UTF-8 of its bytes, `tree` reads well-formed documents, `reference` all others with
feedparser, `jsonfeed` JSON Feed; `plain` makes text of what they found.
"""

from services.poller.parse.parsed import (
    MAX_ENTRIES,
    MAX_TEXT,
    MAX_TITLE,
    FeedEntry,
    ParsedFeed,
    ParseFailed,
    ParseReason,
)
from services.poller.parse.reading import parse_feed

__all__ = [
    "MAX_ENTRIES",
    "MAX_TEXT",
    "MAX_TITLE",
    "FeedEntry",
    "ParseFailed",
    "ParseReason",
    "ParsedFeed",
    "parse_feed",
]
