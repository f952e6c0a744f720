"""Bytes of a page into text.

Decides which character set a page is in: its byte order mark, then UTF-8 where it fits,
then what the server declared, then what the page declares, then what most such pages are.
"""

import codecs
import re

_DECLARED = re.compile(r"charset\s*=\s*[\"']?\s*([a-zA-Z0-9_.:-]+)", re.IGNORECASE)
_PRESCAN = 4_096  # where a page has to declare its character set
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What browsers read under these names (https://encoding.spec.whatwg.org/#names-and-labels).
_AS_BROWSERS_DO = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Their bytes are all valid UTF-8, so only the declaration tells.
_STATEFUL = ("utf-16", "utf-32", "iso2022", "hz")


def declared_charset(content_type: str | None) -> str | None:
    """The charset of a Content-Type header."""
    found = _DECLARED.search(content_type or "")
    return found[1] if found else None


def decode(page: bytes, content_type: str | None) -> str:
    """The text of a page; bytes that fit no character set become U+FFFD."""
    for mark, codec in _MARKS:
        if page.startswith(mark):
            return page.decode(codec, "replace")
    declared = _codec(declared_charset(content_type)) or _codec(_in_page(page))
    if declared is None or not declared.startswith(_STATEFUL):
        # Servers name ISO-8859-1 for pages that are UTF-8; text of another character set
        # that happens to be valid UTF-8 is all but impossible.
        try:
            return page.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return page.decode(declared or _fallback(page), "replace")


def _fallback(page: bytes) -> str:
    """UTF-8 with a few broken bytes (cut characters) or, by default, Windows-1252."""
    broken = page.decode("utf-8", "replace").count("\ufffd")
    beyond_ascii = sum(byte >= 0x80 for byte in page)
    return "utf-8" if broken * 10 < beyond_ascii else "cp1252"


def _in_page(page: bytes) -> str | None:
    return declared_charset(page[:_PRESCAN].decode("ascii", "replace"))


def _codec(name: str | None) -> str | None:
    """Python's name for a text codec a page may be written in."""
    try:
        info = codecs.lookup(name or "")
    except (LookupError, ValueError):
        return None
    if not info._is_text_encoding or info.name in {"idna", "punycode", "utf-7", "undefined"}:
        return None
    return _AS_BROWSERS_DO.get(info.name, info.name)
