"""What language a document says it is written in.

Decides only how a declaration is read; whether the text agrees with it is not judged here.
"""

import re

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


def iso_639_1(declared: str | None) -> str | None:
    """`en` for `en-GB`, `EN_us` or `eng`; None for what is no language code."""
    found = _TAG.match(declared or "")
    if not found:
        return None
    code = found[1].lower()
    code = _ALIASES.get(code, code)
    return code if len(code) == 2 else None
