"""The stem of a word in the language of an article.

Decides which languages have a stemmer (Snowball's; the codes are those of `languages`) and
what of a word it sees: the case-folded word with its marks, since stemmers know й from и.
Words are compared by the folded stem. What counts as equal beside it is `places`' business.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import import_module
from threading import Lock
from typing import Any

from services.engine.folding import fold

SNOWBALL: Mapping[str, str] = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "in": "indonesian",
    "it": "italian",
    "ji": "yiddish",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "st": "sesotho",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
"""The name of each language's stemmer."""
_ONE_AT_A_TIME = Lock()
# Stemmers take time that grows with the square of the length.
_LONGEST = 64


def has_stemmer(language: str | None) -> bool:
    """Whether words of this language (a code of ISO 639-1, None if unknown) have stems."""
    return language in SNOWBALL


def stem(marked: str, language: str) -> str:
    """The folded stem of a case-folded word with its marks; may be empty.

    `language` is one that has a stemmer. A word that is longer than words are is its stem.
    """
    return _stem(marked, language) if len(marked) <= _LONGEST else fold(marked)


# News repeats its words, and rules theirs.
@lru_cache(maxsize=131072)
def _stem(marked: str, language: str) -> str:
    stemmer = _stemmer(SNOWBALL[language])
    # A Snowball stemmer keeps the word it works on in itself.
    with _ONE_AT_A_TIME:
        stemmed = str(stemmer.stemWord(marked))
    return fold(stemmed)


@cache
def _stemmer(algorithm: str) -> Any:
    # By its own module: the package's factory takes another implementation where one is
    # installed, and then rules would mean something else there.
    module = import_module(f"snowballstemmer.{algorithm}_stemmer")
    return getattr(module, f"{algorithm.title()}Stemmer")()
