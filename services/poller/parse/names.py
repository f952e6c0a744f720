"""The names of elements and attributes, spelled as feedparser spells them.

Decides which elements `tree` may pass over. feedparser knows namespaces by their address
and calls their elements by a prefix of its own (`dc_creator`); an element of no namespace
it knows keeps the document's prefix. What it treats in some way of its own is asked of the
installed library, so that a new version cannot disagree silently.
"""

from typing import Any

from feedparser.api import StrictFeedParser
from lxml import etree

_PREFIXES = {uri.lower(): prefix for uri, prefix in StrictFeedParser.namespaces.items()}
MAX_ATTRIBUTES = 500  # of one element; lxml and feedparser take minutes over 500,000
_MAX_NAMESPACES = 100
_RESERVED = frozenset(prefix.lower() for prefix in _PREFIXES.values())
XHTML = "{http://www.w3.org/1999/xhtml}"

HANDLED = frozenset(
    name.removeprefix(start)
    for name in dir(StrictFeedParser)
    for start in ("_start_", "_end_")
    if name.startswith(start)
)
# Handled, but without effect on anything read here, as long as nothing is nested in them.
INERT = frozenset(
    [
        *("cloud", "copyright", "created", "email", "enclosure", "expirationdate", "generator"),
        *("height", "homepage", "info", "language", "name", "rights", "subtitle", "tagline"),
        *("uri", "url", "webmaster", "width", "feedburner_browserfriendly"),
        *("cc_license", "creativecommons_license", "georss_point"),
        *("dc_contributor", "dc_language", "dc_publisher", "dc_rights"),
        *("dcterms_created", "dcterms_valid", "contributor"),
        *("itunes_block", "itunes_email", "itunes_explicit", "itunes_image", "itunes_link"),
        *("itunes_name", "itunes_subtitle", "media_credit", "media_license", "media_player"),
        *("media_rating", "media_restriction", "media_thumbnail"),
    ]
)
# An element by such a name would replace what feedparser keeps under it.
_TAKEN = frozenset(["authors", "contributors", "links", "entries", "items_detail", "where"])


class UnusualError(Exception):
    """A document uses something that only feedparser reads as feedparser does."""


def is_quiet(name: str) -> bool:
    """Whether feedparser does nothing with an element by this name but keep it."""
    return name not in HANDLED and name not in _TAKEN and not name.endswith(("_parsed", "_detail"))


class Names:
    """Spells the names of one document's elements."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], str] = {}

    def of(self, element: etree._Element) -> str:
        """`title`, `dc_creator`, `foo_bar`: what feedparser calls an element."""
        spelled = (str(element.tag), element.prefix)
        if spelled not in self._known:
            self._known[spelled] = _spell(element)
        return self._known[spelled]


def _split(tag: str) -> tuple[str, str]:
    """The namespace and the local name, in small letters."""
    uri, _, local = tag.rpartition("}")
    return uri.removeprefix("{").lower(), local.lower()


def _spell(element: etree._Element) -> str:
    uri, local = _split(str(element.tag))
    if "backend.userland.com/rss" in uri:  # any of them, as feedparser has it
        return local
    prefix = _PREFIXES.get(uri)
    if prefix is None:
        prefix = (element.prefix or "").lower()
        if prefix:
            _check(element, prefix, uri)
    return f"{prefix.lower()}_{local}" if prefix else local


def _check(element: etree._Element, prefix: str, uri: str) -> None:
    """A prefix of feedparser's own for something else is taken for what it says, if it says
    so from the beginning."""
    declared = element.getroottree().getroot().nsmap
    if len(declared) > _MAX_NAMESPACES:
        raise UnusualError(f"more than {_MAX_NAMESPACES} namespaces")
    same = [p for p, where in declared.items() if where.lower() == uri]
    known = {p.lower() for p, where in declared.items() if p and where.lower() in _PREFIXES}
    if prefix in known or (prefix in _RESERVED and same != [prefix]):
        raise UnusualError(f"the prefix {prefix} stands for something else")


def _has_no_namespace(attribute: tuple[Any, Any]) -> bool:
    return not str(attribute[0]).startswith("{")


def attributes(element: etree._Element) -> dict[str, str]:
    """The attributes of an element, by feedparser's names; those of no namespace prevail."""
    found: dict[str, str] = {}
    if len(element.attrib) > MAX_ATTRIBUTES:
        raise UnusualError(f"more than {MAX_ATTRIBUTES} attributes")
    # Sorting keeps the order otherwise: those without a namespace come last.
    for key, value in sorted(element.attrib.items(), key=_has_no_namespace):
        uri, local = _split(str(key))
        prefix = _PREFIXES.get(uri, "")
        name = f"{prefix}:{local}" if prefix else local
        found[name] = str(value).lower() if name in {"rel", "type"} else str(value)
    return found


def unbased_attributes(element: etree._Element) -> dict[str, str]:
    """The attributes of an element in which no other base for addresses may be set."""
    found = attributes(element)
    if "base" in found or "xml:base" in found:
        raise UnusualError("xml:base within an element that is read as a whole")
    return found
