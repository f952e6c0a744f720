"""Cleaning of texts: what a title or a paragraph looks like when it is stored.

Decides which characters are kept and where paragraphs end. Offsets of matches refer to
the text as it leaves this module. HTML trees are `markup`'s business, related links are
`related`'s.
"""

import html
import re
import unicodedata
from collections.abc import Iterable

# An entity that is still there after the parser decoded the markup was escaped twice.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
# A tag starts with a letter right after the bracket, so "5 < 6" and "<3" are text. A comment
# is looked for up to the next one: thousands that never end would take seconds.
_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]*)(?:\s[^<>]*|/)?>|<!--(?:(?!<!--).)*?-->", re.DOTALL)
_INLINE = frozenset(
    [
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em"),
        *("font", "i", "ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strike"),
        *("strong", "sub", "sup", "tt", "u", "var", "wbr"),
    ]
)
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")

# C0 and C1 controls, soft hyphen, zero-width characters, bidi controls, surrogates without
# a partner (no message can carry them). ZWNJ (200C) and ZWJ (200D) stay: Persian, Hindi
# and emoji are spelled with them.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u061c\u180e"
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)


def clean(text: str) -> str:
    """`text` as one line: visible characters only, NFC, white space folded."""
    visible = _INVISIBLE.sub("", text)
    return " ".join(unicodedata.normalize("NFC", visible).split())


def clean_title(text: str) -> str:
    """A title as one line of plain text, without markup and entities.

    Feeds escape titles twice, so an entity that remains is decoded once more.
    """
    return clean(_without_tags(decoded(text)))


def has_tags(text: str) -> bool:
    """Whether `text` has to be read as HTML."""
    return bool(_TAG.search(text))


def decoded(text: str) -> str:
    """`text` with its entities decoded, once."""
    return html.unescape(text) if _ENTITY.search(text) else text


def paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs of a plain text, cleaned; a single line break is white space."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2029", "\n\n")
    return cleaned(_BLANK_LINE.split(unified))


def cleaned(lines: Iterable[str]) -> tuple[str, ...]:
    """Every line cleaned, without those that held nothing."""
    return tuple(line for line in map(clean, lines) if line)


def join(lines: Iterable[str]) -> str:
    """Paragraphs as one text, a blank line between: rules depend on it."""
    return "\n\n".join(lines)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, ending between words where that is near."""
    if len(text) <= limit:
        return text
    at = text.rfind(" ", limit - 100, limit + 1)
    return text[: at if at > 0 else limit].rstrip()


def _without_tags(text: str) -> str:
    return _TAG.sub(lambda tag: "" if (tag[1] or "").lower() in _INLINE else " ", text)
