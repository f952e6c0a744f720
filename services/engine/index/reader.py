"""Reads articles with the compiled kernel, and teaches the lexicon what it does not know."""

import re
from functools import cache

import numpy as np

from schemas.article import Article
from services.engine.analysis import BREAKS
from services.engine.characters import ANY_ONE, ANY_STAR, IGNORABLE
from services.engine.index import kernel
from services.engine.index.columns import Array
from services.engine.index.lexicon import SEED, Lexicon
from services.engine.index.reading import Reading
from services.engine.sentences import has_text

_TOKENS = 4096
_UNKNOWN_AT_ONCE = 4096
_LAST_CLASSED = 0x20000


class Reader:
    """Token arrays that are used again for the next article."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._unknown: Array = np.zeros((_UNKNOWN_AT_ONCE, 3), np.int64)
        self._marks: Array = np.zeros(0, np.uint32)
        self._mark = 0
        self._make(_TOKENS)

    def _make(self, room: int) -> None:
        self._tokens = tuple(np.zeros(room, np.int32) for _ in range(4))

    def read(self, article: Article) -> Reading:
        """The tokens of an article; valid until the next one is read."""
        if self._lexicon.is_full:
            self._lexicon.forget()
        has_body = has_text(article.body)
        texts = (article.title, article.body if has_body else article.summary)
        codes = [np.frombuffer(t.encode("utf-32-le", "surrogatepass"), np.uint32) for t in texts]
        while True:
            title_end, last = self._read(texts[0], codes[0], 0, -1)
            size, _ = self._read(texts[1], codes[1], title_end, last)
            if title_end >= 0 and size >= 0:
                break
            self._make(2 * len(self._tokens[0]))
        words, starts, ends, paragraphs = self._tokens
        lead_end = size
        if has_body:
            lead_end = title_end + int((paragraphs[title_end:size] == last + 1).sum())
        reading = Reading(words, starts, ends, paragraphs, size, title_end, lead_end, has_body)
        self._count(reading)
        return reading

    def _read(self, text: str, codes: Array, at: int, paragraph: int) -> tuple[int, int]:
        """Where the tokens end, -1 where there is no room for them; the last paragraph."""
        if at < 0:
            return at, paragraph
        while True:
            end, last, missing = kernel.read_text(
                codes,
                classes(),
                np.uint64(SEED),
                self._lexicon.arrays(),
                self._tokens,
                at,
                paragraph,
                self._unknown,
            )
            if missing <= 0:
                return (end if missing == 0 else -1), last
            self._learn(text, missing)

    def _learn(self, text: str, missing: int) -> None:
        for start, end, is_piece in self._unknown[:missing].tolist():
            if is_piece:
                self._lexicon.learn_piece(text[start:end])
            else:
                self._lexicon.learn_word(text[start:end])

    def _count(self, reading: Reading) -> None:
        counts = self._lexicon.frequencies.counts
        if len(self._marks) < counts.size:
            self._marks = np.zeros(2 * counts.size, np.uint32)
            self._mark = 0
        self._mark += 1
        kernel.count_words(reading.words, reading.size, counts.room, self._marks, self._mark)
        self._lexicon.frequencies.seen_an_article()


@cache
def classes() -> Array:
    """What each character is between pieces of text, as `analysis.analyse` cuts them."""
    table = np.zeros(_LAST_CLASSED, np.uint8)
    a_break = re.compile(f"[{BREAKS}{ANY_STAR}{ANY_ONE}]")
    for code in range(_LAST_CLASSED):
        char = chr(code)
        if char.isspace():
            table[code] = kernel.SPACE
        elif char in ",，":
            table[code] = kernel.COMMA
        elif a_break.match(char):
            table[code] = kernel.BREAK
        elif IGNORABLE.match(char):
            table[code] = kernel.UNSEEN
        elif char.isdecimal():
            table[code] = kernel.DIGIT
    return table
