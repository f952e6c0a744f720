"""An article as the index reads it: its words as numbers, with their places.

Here by the analyser itself, word by word; `kernel` does the same by looking pieces up.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from schemas.matches import ArticleField
from services.engine.analysis import Text
from services.engine.document import Document
from services.engine.index.columns import Array
from services.engine.index.lexicon import Lexicon


class Reading(NamedTuple):
    """The tokens of title and body, or summary where there is no body, one after the other.

    The arrays may be longer than `size`.
    """

    words: Array
    starts: Array
    """Code points into the token's own field; `ends` likewise."""
    ends: Array
    paragraphs: Array
    """A number for each paragraph; those of the title come first."""
    size: int
    title_end: int
    """The first token that is not the title's."""
    lead_end: int
    """The first token behind the lead."""
    has_body: bool

    @property
    def second_field(self) -> ArticleField:
        """What stands behind the title."""
        return ArticleField.BODY if self.has_body else ArticleField.SUMMARY


def read(document: Document, lexicon: Lexicon) -> Reading:
    """The words of an article; new ones are given numbers."""
    title, (field, text) = (
        document.texts[ArticleField.TITLE],
        next((f, t) for f, t in document.texts.items() if f is not ArticleField.TITLE),
    )
    has_body = field is ArticleField.BODY
    both = (title, text)
    paragraphs = np.array([*_paragraphs(both)], np.int32)
    title_end, size = len(title.words), len(title.words) + len(text.words)
    in_lead = sum(number == 0 for number in text.paragraphs) if has_body else len(text.words)
    reading = Reading(
        np.array([lexicon.number(w.folded) for t in both for w in t.words], np.int32),
        np.array([w.start for t in both for w in t.words], np.int32),
        np.array([w.end for t in both for w in t.words], np.int32),
        paragraphs,
        size,
        title_end,
        title_end + in_lead,
        has_body,
    )
    np.add.at(lexicon.frequencies.counts.room, np.unique(reading.words), 1)
    lexicon.frequencies.seen_an_article()
    return reading


def _paragraphs(texts: tuple[Text, Text]) -> Iterator[int]:
    title, text = texts
    yield from title.paragraphs
    beyond = title.paragraphs[-1] + 1 if title.paragraphs else 0
    yield from (beyond + number for number in text.paragraphs)
