"""Feeds from an OPML file, as other readers export it, and into one for them.

Decides which outlines are feeds and which ids they get. An outline with `xmlUrl` is a
feed, any other is a heading. Whether ids and URLs are good, the folder's checks decide.

An id is made from the title: lower-case letters and digits, everything else a dash
(`BBC News: World` is `bbc-news-world`); marks are dropped, other scripts too. Feeds whose
titles make the same id, or none, get a dash and six hex digits of their URL's SHA-256
after it, *every* one of them, so that their order in the file does not matter. An id
therefore survives reordering and a new URL; it changes with the title, or when the title
gets a namesake. Who wants more than that writes feeds.yaml, where ids are explicit. The
same feed under two headings (same title, same URL) counts once. A file that was written here
carries the ids themselves, in an attribute of its own namespace.

A document type declaration is refused: OPML needs none, and entities are how a small file
becomes gigabytes or reads other files.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.parsers import expat

from services.config.problem import Problem
from services.config.yaml_lines import Located

_LONGEST_NAME = 200
_NAMESPACE = "urn:wirewatch:opml"
_ID = "wirewatch:id"
_LONGEST_SLUG = 70


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed of an OPML file."""

    title: str
    url: str
    line: int
    feed_id: str | None = None


def write_opml(outlines: Iterable[Outline], title: str) -> str:
    """An OPML 2.0 document of these feeds; `line` is not looked at."""
    root = ElementTree.Element("opml", {"version": "2.0", "xmlns:wirewatch": _NAMESPACE})
    head = ElementTree.SubElement(root, "head")
    ElementTree.SubElement(head, "title").text = title
    body = ElementTree.SubElement(root, "body")
    for outline in outlines:
        names = {"type": "rss", "text": outline.title, "title": outline.title}
        known_as = {_ID: outline.feed_id} if outline.feed_id else {}
        ElementTree.SubElement(body, "outline", {**names, "xmlUrl": outline.url, **known_as})
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def read_opml(data: bytes, file: str) -> tuple[tuple[Located, ...], tuple[Problem, ...]]:
    """The feeds in `data` as items of feeds.yaml (`id`, `url`, `name`) with their lines.

    And what is wrong with it; `file` only names the file there.
    """
    reader = _Reader()
    try:
        reader.read(data)
    except expat.ExpatError as error:
        reader.note(f"not XML: {expat.ErrorString(error.code)}", error.lineno)
    except _StopReadingError:
        pass
    if not reader.outlines and not reader.notes:
        reader.note("no feeds in it: no outline has an xmlUrl", 1)
    problems = tuple(Problem(file, line, message) for message, line in reader.notes)
    return located(reader.outlines), problems


def located(outlines: Iterable[Outline]) -> tuple[Located, ...]:
    """The outlines with their ids, each feed once."""
    once = list({(outline.title, outline.url): outline for outline in outlines}.values())
    slugs = [slug(outline.title) for outline in once]
    uses = Counter(slugs) + Counter(outline.feed_id for outline in once if outline.feed_id)
    return tuple(
        _item(
            outline,
            outline.feed_id or _id(each, outline.url, alone=bool(each) and uses[each] == 1),
        )
        for outline, each in zip(once, slugs, strict=True)
    )


def slug(title: str) -> str:
    """The letters and digits of `title` that an id may have, joined by dashes."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_SLUG].strip("-")


def _id(from_title: str, url: str, *, alone: bool) -> str:
    if alone:
        return from_title
    digest = hashlib.sha256(url.encode()).hexdigest()[:6]
    return f"{from_title or 'feed'}-{digest}"


def _item(outline: Outline, feed_id: str) -> Located:
    value = {"id": feed_id, "url": outline.url}
    if outline.title != outline.feed_id:  # in a file of ours: a feed that has no name
        value["name"] = outline.title[:_LONGEST_NAME]
    return Located(value, {(): outline.line})


class _StopReadingError(Exception):
    """What was noted last makes the rest of the document meaningless."""


class _Reader:
    """Collects the outlines of one document, and notes on what is wrong with it."""

    def __init__(self) -> None:
        self.outlines: list[Outline] = []
        self.notes: list[tuple[str, int]] = []
        self._seen_root = False
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, True)
        finally:  # the handlers and the parser refer to each other
            self._parser.StartElementHandler = None
            self._parser.StartDoctypeDeclHandler = None

    def note(self, message: str, line: int) -> None:
        self.notes.append((message, line))

    def _stop(self, message: str) -> NoReturn:
        self.note(message, self._parser.CurrentLineNumber)
        raise _StopReadingError

    def _doctype(self, *_: object) -> NoReturn:
        self._stop("a document type declaration (<!DOCTYPE …>) is not read; remove it")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self._seen_root and name.lower() != "opml":
            self._stop(f"not OPML: it begins with <{name[:40]}>")
        self._seen_root = True
        if name.lower() == "outline":
            self._outline({key.lower(): value.strip() for key, value in attributes.items()})

    def _outline(self, attributes: Mapping[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        url = attributes.get("xmlurl", "")
        if url:
            title = attributes.get("title") or attributes.get("text") or _host(url)
            title = " ".join(title.split())
            self.outlines.append(Outline(title, url, line, attributes.get(_ID) or None))
        elif attributes.get("type", "").lower() in {"rss", "atom"} or "xmlurl" in attributes:
            self.note("this outline is a feed, but has no xmlUrl", line)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "feed"
    except ValueError:
        return "feed"
