"""Arabic and Hebrew words behind their one-letter particles and the article.

Decides which spellings `clitics` accepts for a folded word: وسوريا, لسوريا, السوريا
for سوريا. Particles follow each other in a fixed order in both languages.
"""

from functools import lru_cache
from itertools import product

from services.engine.characters import is_arabic, is_hebrew_letter

_ARABIC = tuple(map("".join, product(("", "و", "ف"), ("", "ب", "ك", "ل"), ("", "ال"))))
_HEBREW = tuple(
    map(
        "".join,
        product(("", "ו"), ("", "ש", "כש", "מש"), ("", "ב", "ל", "כ", "מ"), ("", "ה")),
    )
)
_ARTICLE = "ال"
# ل and the article write as لل.
_TO_THE = tuple(conjunction + "لل" for conjunction in ("", "و", "ف"))


@lru_cache(maxsize=65536)
def with_clitics(word: str) -> tuple[str, ...]:
    """The spellings of `word` with and without particles, `word` itself first."""
    if is_arabic(word[0]):
        bare = word.removeprefix(_ARTICLE)
        return (*(p + word for p in _ARABIC), *(p + bare for p in _TO_THE))
    if is_hebrew_letter(word[0]):
        return tuple(prefix + word for prefix in _HEBREW)
    return (word,)
