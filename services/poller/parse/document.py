"""The bytes of a reply into a document that the readers agree on.

Decides the character set (the same way as for pages: see `charset`), what may stand before
and between the markup, and what is refused before any parser sees it. Readers get UTF-8
with a declaration that says so: what a server, a prolog and a byte order mark say against
each other is settled here, once.
"""

import codecs
import re
import zlib
from dataclasses import dataclass

from services.poller.charset import declared_charset, decode
from services.poller.parse.parsed import ParseFailed, ParseReason
from services.poller.text import clean, clean_title

MAX_BYTES = 10_000_000  # of a document packed once more than the transport knows
_DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'
_LOOK = 4_000  # where a document tells what it is; a program's warnings may stand before it
_PROLOG = re.compile(r"<\?xml\s[^>]*>")
_ENCODING = re.compile(rb"<\?xml[^>]*?\bencoding\s*=\s*[\"']\s*([A-Za-z0-9._:-]+)")
# Characters no XML document may hold; `clean` would take them out of the text anyway.
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_WHITE = frozenset([b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x1f"])
# Whatever feedparser finds an entry or a version in.
_FEED_TAG = re.compile(rb"<(?:[\w.-]+:)?(?:rss|rdf|feed|channel|item|entry)[\s>/:]", re.IGNORECASE)
_BEFORE_ROOT = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->|<![^>]*>", re.DOTALL)
_HTML = re.compile(rb"<html[\s>]", re.IGNORECASE)
_HTML_SIGNS = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_HTML_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_TOKEN = re.compile(rb"<!--|<!\[CDATA\[|<!ENTITY", re.IGNORECASE)
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Document:
    """A document in UTF-8, beginning with its declaration. `mended` says that something was
    wrong with its bytes."""

    data: bytes
    mended: bool


def unpacked(body: bytes) -> bytes:
    """A gzip file that was served as if it were the feed, unpacked; else the body.

    What unpacks to more than MAX_BYTES is cut there.
    """
    if not body.startswith(b"\x1f\x8b"):
        return body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, MAX_BYTES)
    except zlib.error:
        return body


def clean_document(body: bytes, content_type: str | None) -> Document | ParseFailed:
    """The XML document in `body`, or why there cannot be a feed in it."""
    text = _decoded(body, content_type)
    start = _from_markup(text)
    data = _DECLARATION + _PROLOG.sub("", start, count=1).encode()
    allowed, forbidden = _FORBIDDEN.subn(_instead, data)
    if declares_entities(allowed):
        return ParseFailed(ParseReason.ENTITIES, "the document declares XML entities")
    if _root_is_html(allowed) or not _FEED_TAG.search(allowed):
        return ParseFailed(ParseReason.NOT_A_FEED, what_it_is(body, content_type))
    return Document(allowed, mended=bool(forbidden) or len(start) < len(text))


def _instead(forbidden: re.Match[bytes]) -> bytes:
    return b" " if forbidden[0] in _WHITE else b""


def declares_entities(data: bytes) -> bool:
    """Whether a document in UTF-8 declares entities, outside CDATA sections and comments."""
    if b"<!entity" not in data.lower():
        return False
    at = 0
    while token := _TOKEN.search(data, at):
        end = {b"<!--": b"-->", b"<![CDATA[": b"]]>"}.get(token[0].upper())
        found = data.find(end, token.end()) if end else -1
        if end is None or found < 0:  # what is never closed hides nothing
            return end is None or bool(_ENTITY.search(data, token.end()))
        at = found + 3
    return False


def what_it_is(body: bytes, content_type: str | None) -> str:
    """What a document is that is no feed, for whoever reads the feed's state."""
    served = content_type or "no content type"
    if not body.strip():
        return f"no feed: an empty body, {served}"
    if _HTML_SIGNS.search(body[:_LOOK]):
        title = _HTML_TITLE.search(body[:_LOOK])
        name = clean_title(title[1].decode("utf-8", "replace")) if title else "without a title"
        return f"no feed: an HTML page, {name!r}, {served}"
    start = clean(body[:60].decode("utf-8", "replace"))
    return f"no feed: {served}, begins with {start!r}"


def _decoded(body: bytes, content_type: str | None) -> str:
    wide = _without_mark(body)
    if wide:
        return body.decode(wide, "replace")
    # Servers name a default for everything. It is noticed only where the bytes do not fit;
    # then the prolog is asked.
    prolog = _ENCODING.search(body[:_LOOK])
    named = (declared_charset(content_type), prolog[1].decode() if prolog else None)
    fitting = next((name for name in named if name and _fits(body, name)), None)
    if fitting or body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return decode(body, f"text/xml; charset={fitting}" if fitting else None)
    return body.decode("utf-8", _MIXED)


def _without_mark(body: bytes) -> str | None:
    """UTF-16 that begins with markup instead of a byte order mark."""
    return {b"<\x00": "utf-16-le", b"\x00<": "utf-16-be"}.get(body[:2])


def _fits(body: bytes, name: str) -> bool:
    try:
        codec = codecs.lookup(name)
        # Names that cannot be true of bytes in which they can be read.
        wide = codec.name.startswith(("utf-16", "utf-32")) and b"\x00" not in body[:_LOOK]
        return not wide and isinstance(body.decode(codec.name), str)
    except (LookupError, ValueError):
        return False


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8 are what editors on Windows left in it."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_MIXED = "utf-8 with windows-1252"
codecs.register_error(_MIXED, _as_windows_1252)


def _from_markup(text: str) -> str:
    """The text from its XML declaration, or else its first markup, on."""
    prolog = _PROLOG.search(text, 0, _LOOK)
    return text[prolog.start() if prolog else max(0, text.find("<", 0, _LOOK)) :]


def _root_is_html(data: bytes) -> bool:
    start, at = data[:_LOOK], 0
    while before := _BEFORE_ROOT.match(start, at):
        at = before.end()
    return bool(_HTML.match(start, at))
