"""When two titles are the same title. PURE.

Decides the one spelling by which headlines are compared: in `entry_titles`, and of a line of
a page with the titles of other entries. What follows from it is the callers' decision.
"""

import hashlib
import re
import unicodedata

# "Market wrap", "Morning briefing": fewer words are the name of a series, not one article's.
_WORDS = 4
# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_UNSPACED_LETTERS = 10


def title_key(title: str) -> str | None:
    """32 hex digits that name a title; None where it is too short to name one article.

    Case, punctuation, width and spacing do not count, so the headline in a feed and the link
    to it on a page are the same.
    """
    words = title_words(title)
    if len(words) < _WORDS and len(_UNSPACED.findall("".join(words))) < _UNSPACED_LETTERS:
        return None
    return hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def title_words(title: str) -> list[str]:
    """The words of a title as they are compared."""
    return unicodedata.normalize("NFKC", title).casefold().translate(_COMPARED).split()


def length_in_words(line: str) -> int:
    """How long a line is, in words; two letters count as one where words have no spaces."""
    return len(line.split()) + len(_UNSPACED.findall(line)) // 2


class _Compared(dict[int, int]):
    """What each character is compared as, found out once: every line of an article is read."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        # Combining marks belong to the word they stand in: Hindi and Thai vowels are such.
        is_word = char.isalnum() or unicodedata.category(char).startswith("M")
        self[code] = code if is_word else ord(" ")
        return self[code]


_COMPARED = _Compared()
