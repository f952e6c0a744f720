"""Which characters are letters, ignorable, apostrophes, or of which script.

Facts from the Unicode Character Database: blocks and scripts (Scripts.txt, Blocks.txt)
and Default_Ignorable_Code_Point (DerivedCoreProperties.txt). Decides nothing about words.
"""

import re
import unicodedata
from functools import lru_cache

APOSTROPHES = frozenset("'’‘ʼ´＇׳`｀")
GERSHAYIM = frozenset('"״＂')
ZWNJ = "\u200c"

ANY_STAR = "\U0001fffe"
"""Stands for `*` while a rule's words are cut. Unicode promises never to assign it."""
ANY_ONE = "\U0001ffff"
"""Stands for `?`, likewise."""

IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

_EUROPEAN = re.compile(
    "[0-9A-Za-zªºÀ-ÖØ-öø-\u02b8\u0370-\u0373\u0375-\u0377\u037a-\u03ff\u0400-\u052f"
    "\u1c80-\u1c8f\u1d00-\u1dbf\u1e00-\u1fff\u2c60-\u2c7f\u2de0-\u2dff\ua640-\ua69f"
    "\ua722-\ua7ff\uab30-\uab6f]"
)
_COMMON_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
_HEBREW = re.compile("[\u0590-\u05ff\ufb1d-\ufb4f]")
_HEBREW_LETTER = re.compile("[\u05d0-\u05ea\u05ef-\u05f2\ufb1d\ufb1f-\ufb28\ufb2a-\ufb4f]")
_CUT = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f"
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3040-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U0001aff0-\U0001afff\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
_MEDIAL_OR_FINAL = re.compile("[\u1161-\u1175\u11a8-\u11c2]")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa1-\uffdc]")


def without_placeholders(text: str) -> str:
    """`text` without the two characters that stand for wildcards; offsets stay."""
    return text.replace(ANY_STAR, " ").replace(ANY_ONE, " ")


@lru_cache(maxsize=65536)
def category(char: str) -> str:
    """The general category of a character."""
    return unicodedata.category(char)


def is_mark(char: str) -> bool:
    """A combining mark, spacing or not."""
    return category(char)[0] == "M"


@lru_cache(maxsize=65536)
def joins_before(char: str) -> bool:
    """Whether NFKC may combine the character with the one before it, or put it in order."""
    first = unicodedata.normalize("NFKD", char)[0]
    return (
        is_mark(char)
        or unicodedata.combining(first) != 0
        or _MEDIAL_OR_FINAL.match(first) is not None
    )


def is_letter(char: str) -> bool:
    """A letter; an apostrophe that Unicode calls a letter (U+02BC) is none."""
    return category(char)[0] == "L" and char not in APOSTROPHES


def is_initial(char: str) -> bool:
    """A letter that may stand for a word, with a point behind it."""
    return is_letter(char) and not is_cut(char) and not is_hangul(char)


def is_word_character(char: str) -> bool:
    """A letter, digit or mark; wildcards count, for they stand for such."""
    if char.isalnum():
        return char not in APOSTROPHES
    return is_mark(char) or char in (ANY_STAR, ANY_ONE)


def drops_marks(base: str) -> bool:
    """Whether marks on this letter go: Latin, Greek, Cyrillic, and the digits among them."""
    return _EUROPEAN.match(base) is not None


def is_of_any_script(mark: str) -> bool:
    """A mark that no script owns, accents above all."""
    return _COMMON_MARKS.match(mark) is not None


def is_arabic(char: str) -> bool:
    """A character of the Arabic script."""
    return _ARABIC.match(char) is not None


def is_hebrew(char: str) -> bool:
    """A character of the Hebrew script."""
    return _HEBREW.match(char) is not None


def is_hebrew_letter(char: str) -> bool:
    """A Hebrew letter: what gershayim stand between."""
    return _HEBREW_LETTER.match(char) is not None


def is_cut(char: str) -> bool:
    """Of a script written without spaces: each character is a word. Digits make numbers."""
    return not char.isascii() and _CUT.match(char) is not None and not char.isdecimal()


def is_hangul(char: str) -> bool:
    """A Hangul syllable or letter: each is a word, terms begin at a word start."""
    return not char.isascii() and _HANGUL.match(char) is not None
