"""Bare ampersands and HTML's entities, the commonest faults of feeds.

Decides what a `&` means in a document that is malformed: XML's own entities and characters
stay, HTML's become characters, anything else is an ampersand. feedparser would make
`AT&T;` of `AT&T`, and another address of `?a=1&copy=2`.
"""

import html
import re
from html.entities import html5

_AMPERSAND = re.compile(rb"&(?:(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)?")
_OF_XML = frozenset([b"amp", b"lt", b"gt", b"quot", b"apos"])


def with_plain_ampersands(data: bytes) -> bytes:
    """The document with every `&` that XML cannot mean escaped; CDATA sections stay."""
    pieces, at = [], 0
    while (section := data.find(b"<![CDATA[", at)) >= 0:
        end = data.find(b"]]>", section)
        pieces += [_AMPERSAND.sub(_meant, data[at:section]), data[section : max(end, section)]]
        if end < 0:
            return b"".join([*pieces, data[section:]])
        at = end
    return b"".join([*pieces, _AMPERSAND.sub(_meant, data[at:])])


def _meant(found: re.Match[bytes]) -> bytes:
    name = found[1]
    if name is None:
        return b"&amp;"
    if name in _OF_XML:
        return found[0]
    if not name.startswith(b"#") and f"{name.decode()};" not in html5:
        return b"&amp;" + found[0][1:]
    # Numbers of controls and surrogates, which no XML may hold, come out empty.
    meant = html.unescape(found[0].decode())
    return html.escape(meant, quote=True).encode("utf-8", "ignore")
