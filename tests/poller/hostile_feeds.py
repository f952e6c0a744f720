"""Feed documents made to cost time or memory, and what is to come of each.

As a program: reads the largest in one process and prints its peak of memory in megabytes.
"""

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

from services.poller.parse import ParseReason, parse_feed

_HEAD, _TAIL = b"<rss version='2.0'><channel><title>Wire</title>", b"</channel></rss>"
_JSON = b'{"version":"https://jsonfeed.org/version/1.1","title":"Wire","items":'
_LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n + 1, b"&l%d;" % n * 10) for n in range(9))


def _rss(items: bytes, before: bytes = b"") -> bytes:
    return before + _HEAD + items + _TAIL


def _doctype(declarations: bytes, use: bytes = b"&x;") -> bytes:
    return _rss(b"<item><title>a%sb</title></item>" % use, b"<!DOCTYPE rss [%s]>" % declarations)


def _gzip_bomb() -> bytes:
    return gzip.compress(_HEAD + b"<item><title>x</title></item>" * 3_000_000)


# None: a feed. Made when needed: they take tens of megabytes together.
DOCUMENTS: dict[str, tuple[Callable[[], bytes], ParseReason | None]] = {
    "300,000 items": (lambda: _rss(b"<item><title>x</title></item>" * 300_000), None),
    "200,000 items, malformed": (
        lambda: _rss(b"<item><title>&x</title><y:z/></item>" * 200_000),
        None,
    ),
    "150,000 items that only feedparser reads": (
        lambda: _rss(b"<item><title>x</title><y><title/></y></item>" * 150_000),
        None,
    ),
    "100,000 nested tags": (
        lambda: _rss(b"<item>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</item>"),
        ParseReason.TOO_COMPLEX,
    ),
    "100,000 nested tags, malformed": (
        lambda: b"<rss><y:z/><channel><item>" + b"<a>" * 100_000,
        None,
    ),
    "2,000,000 tags": (lambda: _rss(b"<a/>" * 2_000_000), ParseReason.TOO_COMPLEX),
    "500,000 attributes": (
        lambda: _rss(b"<item %s/>" % b" ".join(b'a%d="1"' % n for n in range(500_000))),
        ParseReason.TOO_COMPLEX,
    ),
    "20,000 namespaces": (
        lambda: (
            b"<rss %s><channel/></rss>" % b" ".join(b'xmlns:a%d="u"' % n for n in range(20_000))
        ),
        None,
    ),
    "a title of 9 MB": (lambda: _rss(b"<item><title>%s</title></item>" % (b"x" * 9_000_000)), None),
    "a text of a million paragraphs": (
        lambda: _rss(
            b"<item><description><![CDATA[%s]]></description></item>" % (b"<p>x</p>" * 1_000_000)
        ),
        None,
    ),
    "an author's name of 200 kB": (
        lambda: _rss(b"<item><title>x</title><author>%s@</author></item>" % (b"a" * 200_000)),
        None,
    ),
    "two million ampersands": (lambda: _rss(b"<title>%s</title>" % (b"&" * 2_000_000)), None),
    "comments never closed": (lambda: b"<!-- x>" * 1_000_000 + _rss(b""), ParseReason.TOO_COMPLEX),
    "CDATA never closed": (lambda: _HEAD + b"<![CDATA[" * 1_000_000, None),
    "NUL and bidi characters": (
        lambda: _rss("<item><title>P\x00o\u202er\u2066ts</title></item>".encode() * 3),
        None,
    ),
    "gzip bomb": (_gzip_bomb, None),
    "JSON of 300,000 items": (lambda: _JSON + b"[%s{}]}" % (b'{"id":1},' * 300_000), None),
    "JSON of 3,000,000 parts": (
        lambda: _JSON + b"[%s{}]}" % (b"{}," * 3_000_000),
        ParseReason.TOO_COMPLEX,
    ),
    "JSON nested 1,000,000 deep": (lambda: _JSON + b"[" * 1_000_000, ParseReason.TOO_COMPLEX),
    "a number of 9 MB": (lambda: _JSON + b'[{"id":%s}]}' % (b"9" * 9_000_000), None),
    "titles of comments without an end": (
        lambda: _rss(b"<item><title>%s</title></item>" % (b"&lt;!--" * 4_000) * 60),
        None,
    ),
    "billion laughs": (
        lambda: _doctype(b'<!ENTITY l0 "lol">' + _LAUGHS, b"&l9;"),
        ParseReason.ENTITIES,
    ),
    "billion laughs in UTF-16": (
        lambda: _doctype(b'<!ENTITY l0 "lol">' + _LAUGHS, b"&l9;").decode().encode("utf-16"),
        ParseReason.ENTITIES,
    ),
    "billion laughs in UTF-16 without a mark": (
        lambda: _doctype(b'<!ENTITY l0 "lol">' + _LAUGHS, b"&l9;").decode().encode("utf-16-le"),
        ParseReason.ENTITIES,
    ),
    "quadratic blow-up": (
        lambda: _doctype(b'<!ENTITY x "%s">' % (b"x" * 100_000), b"&x;" * 100_000),
        ParseReason.ENTITIES,
    ),
    "parameter entities": (
        lambda: _doctype(b"<!ENTITY % p \"<!ENTITY x SYSTEM 'file:///etc/hostname'>\"> %p;"),
        ParseReason.ENTITIES,
    ),
    "declared with a character in it that is taken out": (
        lambda: _doctype(b'<!ENT\x01ITY x "y">'),
        ParseReason.ENTITIES,
    ),
    "declared in small letters": (lambda: _doctype(b'<!entity x "y">'), ParseReason.ENTITIES),
    "declared behind a comment that hides the root": (
        lambda: b"<!-- <rss> -->" + _doctype(b'<!ENTITY x "y">'),
        ParseReason.ENTITIES,
    ),
}


_LARGE = (
    *("300,000 items", "2,000,000 tags", "500,000 attributes", "a title of 9 MB", "gzip bomb"),
    *("a text of a million paragraphs", "JSON of 3,000,000 parts", "JSON of 300,000 items"),
)


def _most_memory() -> int:
    """In kB, of this program: ru_maxrss counts the process that started it as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    for name in _LARGE:
        parse_feed(DOCUMENTS[name][0](), None, "https://wire.example/")
    sys.stdout.write(f"{_most_memory() // 1024}")
