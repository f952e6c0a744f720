"""What feedparser keeps of a feed or an entry while it reads, and the texts it mends.

Each function follows one of feedparser's (named in its docstring); together with `tree`
they do for well-formed documents what feedparser does, in a tenth of the time.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urljoin
from xml.sax.saxutils import escape

from lxml import etree

from services.poller.parse.names import XHTML, UnusualError, unbased_attributes
from services.poller.parse.raw import RawEntry

_C1 = {c: bytes([c]).decode("cp1252", "ignore") or chr(c) for c in range(0x80, 0xA0)}
_HAS_C1 = re.compile("[\x80-\x9f]")  # translating takes a hundred times as long as looking
_TOO_MANY_SLASHES = re.compile(r"^([A-Za-z][A-Za-z0-9+-.]*://)/*")
_BROKEN_QUERY = re.compile(r"&([A-Za-z0-9_]+);")
_EMAIL = re.compile(
    r"[a-zA-Z0-9_\-.+]+@(?:\[[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.|(?:[a-zA-Z0-9\-]+\.)+)"
    r"(?:[a-zA-Z]{2,63}|[0-9]{1,3})\]?(?:\?subject=\S+)?"
)
_LONGEST_NAME = 1_000
_TYPES = {
    "text": "text/plain",
    "plain": "text/plain",
    "html": "text/html",
    "xhtml": "application/xhtml+xml",
}
HTML_TYPES = frozenset(["text/html", "application/xhtml+xml"])


@dataclass(slots=True)
class Record:
    """A feed or an entry as far as it has been read."""

    is_entry: bool
    texts: dict[str, str] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    contents: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    persons: int = 0
    tags: list[tuple[str | None, str | None, str | None]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    dates: dict[str, datetime | None] = field(default_factory=dict)

    def store(self, key: str, text: str, depth: int) -> None:
        """Keep a text, unless one that is nested less deep is there (`pop`)."""
        if self.is_entry and depth > self.depths.setdefault(key, depth):
            return
        self.depths[key] = depth
        self.texts[key] = text

    def tag(self, term: str | None, scheme: str | None, label: str | None) -> None:
        """Keep a category once (`_add_tag`)."""
        if (term or scheme or label) and (term, scheme, label) not in self.tags:
            self.tags.append((term, scheme, label))

    def tag_text(self, text: str) -> None:
        """The text of the category that was kept last (`_end_category`)."""
        if text and self.tags and not self.tags[-1][0]:
            self.tags[-1] = (text, *self.tags[-1][1:])
        elif text:
            self.tag(text, None, None)

    def as_entry(self) -> RawEntry:
        """The entry, when all of it has been read."""
        return RawEntry(
            guid=self.texts.get("id", ""),
            link=self.texts.get("link", ""),
            title=self.texts.get("title", ""),
            summary=self.texts.get("summary", ""),
            contents=tuple(self.contents),
            authors=tuple(self.authors),
            tags=tuple(term or "" for term, _, _ in self.tags),
            published=self.dates.get("published"),
            updated=self.dates.get("updated"),
        )


def mended(text: str) -> str:
    """UTF-8 that was taken for ISO-8859-1, and C1 controls that were meant as Windows-1252
    (`pop`)."""
    if text.isascii():
        return text
    with suppress(UnicodeError):
        text = text.encode("iso-8859-1").decode()
    return text.translate(_C1) if _HAS_C1.search(text) else text


def leaf_text(element: etree._Element) -> str:
    """The text of an element in which nothing is nested."""
    if len(element):
        raise UnusualError(f"markup in {element.tag}")
    return mended((element.text or "").strip())


def address(text: str, base: str) -> str:
    """An address relative to `base`, without the slashes that are too many (`_urljoin`)."""
    fewer = _TOO_MANY_SLASHES.sub(r"\1", text)
    if not base or not fewer:
        return fewer
    try:
        return urljoin(base, fewer)
    except ValueError:
        return ""


def query_mended(link: str) -> str:
    """`?a=1&b=2` from `?a=1&b;=2` (`pop`)."""
    return _BROKEN_QUERY.sub(r"&\1", link)


def media_type(declared: str) -> str:
    """`text/html` from `html` (`map_content_type`)."""
    return _TYPES.get(declared.lower(), declared.lower())


def author_name(text: str) -> str:
    """The name in `ada@wire.example (Ada Holm)` (`_sync_author_detail`).

    The one place where feedparser is not followed: it knows no domain longer than `.info`.
    """
    # The pattern takes long on long texts without any.
    found = _EMAIL.search(text) if "@" in text and len(text) < _LONGEST_NAME else None
    if not found:
        return text
    for gone in (found[0], "()", "<>", "&lt;&gt;"):
        text = text.replace(gone, "")
    return text.strip().removeprefix("(").removesuffix(")").strip()


def content_text(element: etree._Element, kind: str, without_div: bool) -> str:
    """The text or markup an element holds, which is of the media type `kind`."""
    if not kind.startswith("text/") and not kind.endswith(("+xml", "/xml")):
        raise UnusualError(f"content in base64: {kind}")
    if kind != "application/xhtml+xml":
        return leaf_text(element)
    div = _only_div(element) if without_div else None
    return mended(_markup(element if div is None else div).strip())


def _only_div(element: etree._Element) -> etree._Element | None:
    """The `<div>` that Atom wants around XHTML, if it is all there is."""
    if len(element) != 1 or element[0].tag != f"{XHTML}div":
        return None
    around = f"{element.text or ''}{element[0].tail or ''}"
    return None if around.strip() else element[0]


def _markup(element: etree._Element) -> str:
    pieces = [escape(element.text or "")]
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if inner is element:
            continue
        tag = str(inner.tag)
        name = tag.removeprefix(XHTML).lower()
        if not tag.startswith(XHTML) or name == "body":
            raise UnusualError(f"{tag} in XHTML")
        pieces.append(
            f"<{name}{_written(inner)}>{escape(inner.text or '')}"
            if event == "start"
            else f"</{name}>{escape(inner.tail or '')}"
        )
    return "".join(pieces)


def _written(element: etree._Element) -> str:
    pairs = unbased_attributes(element).items()
    return "".join(f' {name}="{escape(value, {chr(34): "&quot;"})}"' for name, value in pairs)
