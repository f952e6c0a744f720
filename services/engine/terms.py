"""Reads the words of a rule: the text of a bare word or a quoted phrase becomes a Term.

Decides what words a term has and which wildcards are allowed. The cutting is the
analyser's own, so that rules and articles agree.
"""

import re
from typing import NoReturn

from services.engine.characters import (
    ANY_ONE,
    ANY_STAR,
    IGNORABLE,
    is_cut,
    is_hangul,
    is_mark,
    without_placeholders,
)
from services.engine.errors import RuleError, shortened
from services.engine.query import Span, Term
from services.engine.words import cut

MIN_STEM = 3
MAX_WILDCARDS = 4
_CHUNK = re.compile(r"\S+")
_WILDCARDS = re.compile(r"[*?]+")
_TO_PLACEHOLDERS = str.maketrans({"*": ANY_STAR, "?": ANY_ONE})
_FROM_PLACEHOLDERS = str.maketrans({ANY_STAR: "*", ANY_ONE: "?"})


class TermReader:
    """Reads terms of one rule; errors point into `query`."""

    def __init__(self, query: str) -> None:
        self._query = query

    def read(self, text: str, inside: int, span: Span, *, exact: bool = False) -> Term:
        """The term whose characters `text` stand at `inside`; raises RuleError."""
        if exact and ("*" in text or "?" in text):
            self._fail("exact: takes no wildcards; leave out the * or ?, or exact:", span.start)
        if not exact and text.isascii() and text.replace(" ", "").isalnum():
            plain = tuple(text.lower().split())
            return Term(plain, False, span, plain)
        words: list[tuple[str, str]] = []
        for chunk in _CHUNK.finditer(without_placeholders(text)):
            words += self._words(chunk.group(), inside + chunk.start(), exact)
        if not words:
            self._fail(_no_words(text), span.start)
        compared, marked = zip(*words, strict=True)
        return Term(compared, exact, span, marked)

    def _words(self, chunk: str, offset: int, exact: bool) -> list[tuple[str, str]]:
        """Each word as it is compared, and with its marks."""
        if exact:
            return [(word.exact, word.exact) for word in cut(chunk)]
        if not ("*" in chunk or "?" in chunk):
            return [(word.folded, word.exact.casefold()) for word in cut(chunk)]
        self._check_scripts(chunk, offset)
        words = []
        for word in cut(chunk.translate(_TO_PLACEHOLDERS)):
            folded = word.folded.translate(_FROM_PLACEHOLDERS)
            self._check_wildcards(folded, offset + word.start)
            words.append((folded, folded))
        return words

    def _check_scripts(self, chunk: str, offset: int) -> None:
        if any(_touches_cut_script(chunk, match) for match in _WILDCARDS.finditer(chunk)):
            self._fail(
                "no wildcard beside a script matched by single characters; "
                "leave it out, parts of words are found there anyway",
                offset,
            )

    def _check_wildcards(self, word: str, offset: int) -> None:
        wildcards = [place for place, char in enumerate(word) if char in "*?"]
        if wildcards and wildcards[0] < MIN_STEM:
            few = f"at least {MIN_STEM} letters must stand before a wildcard, as in syr*"
            self._fail(f'"{shortened(word)}": {few}', offset)
        if len(wildcards) > MAX_WILDCARDS:
            most = f"at most {MAX_WILDCARDS} wildcards in a word"
            self._fail(f'"{shortened(word)}": {most}', offset)

    def _fail(self, message: str, offset: int) -> NoReturn:
        raise RuleError(message, offset, self._query)


def _no_words(text: str) -> str:
    other_spelling = {"&": "AND", "&&": "AND", "!": "NOT", "||": "OR"}.get(text)
    if other_spelling:
        return f"{text} is no operator here; write {other_spelling}"
    return "there is no letter or digit to search for here"


def _touches_cut_script(chunk: str, wildcards: re.Match[str]) -> bool:
    before, end = wildcards.start() - 1, wildcards.end()
    while before > 0 and (is_mark(chunk[before]) or IGNORABLE.match(chunk[before])):
        before -= 1
    beside = chunk[max(before, 0) : wildcards.start()] + chunk[end : end + 1]
    return any(is_cut(char) or is_hangul(char) for char in beside)
