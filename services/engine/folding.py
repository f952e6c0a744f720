"""What makes two spellings the same word: case, marks, letter forms, digits.

Decides the folded form of one word. Where words begin and end is `words`' business.
"""

import unicodedata

from services.engine.characters import (
    ANY_ONE,
    ANY_STAR,
    drops_marks,
    is_arabic,
    is_hebrew,
    is_mark,
    is_of_any_script,
)

_TATWEEL = "\u0640"
_NO_LETTERS = ("", ANY_STAR, ANY_ONE)
"""What a mark may stand on without being part of a letter: at a word's start, a wildcard."""

# Latin letters without a decomposition, then Arabic letters written in several ways.
# ؤ and ئ stay: they tell words apart that the plain letters would not.
_LETTERS = str.maketrans(
    {
        **{"ł": "l", "ø": "o", "đ": "d", "ı": "i", "ħ": "h", "ŋ": "n"},
        **{"æ": "ae", "œ": "oe", "þ": "th", "ð": "d"},
        **dict.fromkeys("\u0622\u0623\u0625\u0671\u0672\u0673\u0675", "\u0627"),
        **dict.fromkeys("\u0649\u06cc", "\u064a"),
        **dict.fromkeys("\u06a9\u06aa", "\u0643"),
        **dict.fromkeys("\u0629\u06c0\u06c1\u06c2\u06c3\u06d5", "\u0647"),
        _TATWEEL: None,
    }
)


def fold(word: str) -> str:
    """The form in which words of rules and articles are compared.

    `word` is in NFKC and free of default-ignorable characters. May be empty: for a word
    of nothing but tatweel, say.
    """
    if word.isascii():
        return word.lower()
    lower = unicodedata.normalize("NFKC", word.casefold()).translate(_LETTERS)
    # Digits first: a mark on a digit goes, whatever script it is of.
    numbered = unicodedata.normalize("NFD", "".join(map(_digit, lower)))
    return unicodedata.normalize("NFC", _without_marks(numbered)).translate(_LETTERS)


def _without_marks(decomposed: str) -> str:
    kept: list[str] = []
    base = ""
    for char in decomposed:
        if not is_mark(char):
            base = char
        elif _is_dropped(char, base):
            continue
        kept.append(char)
    return "".join(kept)


def _is_dropped(mark: str, base: str) -> bool:
    # Hamza (U+0654, U+0655) on waw and yeh is part of ؤ and ئ, not a vowel sign.
    if mark in "\u0654\u0655":
        return base not in ("\u0648", "\u064a")
    if is_arabic(mark) or is_hebrew(mark):
        return True
    return is_of_any_script(mark) if base in _NO_LETTERS else drops_marks(base)


def _digit(char: str) -> str:
    if char.isascii():
        return char
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)
