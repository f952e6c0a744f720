"""What language a text is in: what is declared, where the text agrees, else what it looks like.

Decides how a declaration is read and when the text overrules it. The look itself is the
detector's (`detection`), which is slow to load: it runs where pages and feeds are read.
"""

import re
from collections.abc import Mapping

from services.poller.detection import language_chances

_TAG = re.compile(r"\s*([a-zA-Z]{2,3})(?:[-_]|\s*$)")
# ISO 639-2 codes and names that are met in feeds and pages, and codes withdrawn.
_ALIASES = {
    "ara": "ar",
    "deu": "de",
    "ger": "de",
    "eng": "en",
    "spa": "es",
    "fas": "fa",
    "per": "fa",
    "fra": "fr",
    "fre": "fr",
    "heb": "he",
    "iw": "he",
    "hin": "hi",
    "in": "id",
    "ita": "it",
    "jpn": "ja",
    "kor": "ko",
    "nld": "nl",
    "dut": "nl",
    "nb": "no",
    "nn": "no",
    "nob": "no",
    "pol": "pl",
    "por": "pt",
    "rus": "ru",
    "swe": "sv",
    "tur": "tr",
    "ukr": "uk",
    "ji": "yi",
    "zho": "zh",
    "chi": "zh",
}
# Below this many bytes of letters the detector errs on one English text in fifty and more.
# In bytes, because the scripts that put more into a letter also narrow the choice.
_ENOUGH_BYTES = 60
# Measured on the first 60 to 400 characters of 5,000 English articles: a guess of another
# language never reached .57, so the first threshold erred once in 30,000 and the second never.
_SURE = 0.5
_SURER = 0.8
# Written so much alike that the declaration knows better.
_KIN = (
    frozenset(("bs", "hr", "sh", "sr", "me")),
    frozenset(("da", "no")),
    frozenset(("cs", "sk")),
    frozenset(("id", "ms", "jv", "su")),
    frozenset(("gl", "pt")),
    frozenset(("fa", "tg")),
    frozenset(("hi", "mr", "ne")),
    frozenset(("af", "nl", "fy")),
)


def language_of(text: str, declared: str | None = None) -> str | None:
    """The ISO 639-1 code of the language `text` is written in; None where nobody can tell.

    `declared` is a code of the same kind. It stands unless the text is long enough and clearly
    in another language.
    """
    if _letters_bytes(text) < _ENOUGH_BYTES:
        return declared
    return _judged(language_chances(text), declared)


def _judged(chances: Mapping[str, float], declared: str | None) -> str | None:
    lang = max(chances, key=chances.__getitem__, default=None)
    if lang is None:
        return declared
    if declared is None:
        return lang if chances[lang] >= _SURE else None
    # Indonesian and Malay share the probability of not being English.
    kin = next((kin for kin in _KIN if lang in kin), frozenset((lang,)))
    together = sum(chances.get(member, 0.0) for member in kin)
    return declared if declared in kin or together < _SURER else lang


def _letters_bytes(text: str) -> int:
    return len("".join(filter(str.isalpha, text[: 4 * _ENOUGH_BYTES])).encode("utf-8", "ignore"))


def iso_639_1(declared: str | None) -> str | None:
    """`en` for `en-GB`, `EN_us` or `eng`; None for what is no language code."""
    found = _TAG.match(declared or "")
    if not found:
        return None
    code = found[1].lower()
    code = _ALIASES.get(code, code)
    return code if len(code) == 2 else None
