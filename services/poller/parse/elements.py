"""What the elements of a well-formed document say, each as feedparser reads it.

Decides what one element adds to the feed or entry in which it stands; `tree` decides which
elements are read. Every function takes the state of reading, the element, feedparser's name
of it and its depth; what only feedparser reads rightly raises UnusualError.
"""

from dataclasses import dataclass, field

from feedparser.urls import make_safe_absolute_uri
from lxml import etree

from services.poller.parse.dates import read_date
from services.poller.parse.names import (
    HANDLED,
    INERT,
    Names,
    UnusualError,
    attributes,
    is_quiet,
    unbased_attributes,
)
from services.poller.parse.records import (
    HTML_TYPES,
    Record,
    address,
    author_name,
    content_text,
    leaf_text,
    media_type,
    mended,
    query_mended,
)

_ITUNES = "http://www.itunes.com/"
_MEDIA = "http://search.yahoo.com/mrss/category_schema"
PERSON = frozenset(["name", "uri", "url", "email", "homepage"])
_IN_IMAGE = frozenset(["title", "link", "description", "url", "href", "width", "height"])
_IN_INPUT = frozenset(["title", "link", "description", "name"])
_PARTED = frozenset(["source", "author", "contributor"])
_IN_SOURCE = frozenset(
    [
        *("title", "id", "link", "updated", "rights", "subtitle", "generator", "category"),
        *PERSON,
        *_PARTED,
    ]
)


@dataclass(slots=True)
class Element:
    """An element by feedparser's names; the root has depth 1."""

    tag: etree._Element
    name: str
    depth: int
    attributes: dict[str, str]


@dataclass(slots=True)
class Reading:
    """How far a document has been read. `record` is the feed or the entry being read."""

    feed: Record = field(default_factory=lambda: Record(is_entry=False))
    record: Record = field(init=False)
    names: Names = field(default_factory=Names)
    title_depth: int = -1  # of the title that counts
    has_content: bool = False
    atom_10: bool = False

    base: str = ""
    bases: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.record = self.feed

    def enter(self, tag: etree._Element, depth: int) -> Element:
        """Begin an element: addresses may be relative to another base from here on."""
        element = Element(tag, self.names.of(tag), depth, attributes(tag))
        given = element.attributes.get("xml:base", element.attributes.get("base"))
        if given and self.base:
            self.base = make_safe_absolute_uri(self.base, given) or self.base
        elif given:
            self.base = address(given, "")
        self.bases.append(self.base)
        return element

    def leave(self, depth: int) -> None:
        """End the element of this depth. Where nothing was the base, the element's stays."""
        del self.bases[depth - 1 :]
        if self.bases and self.bases[-1]:
            self.base = self.bases[-1]


def read_title(state: Reading, found: Element) -> None:
    """The first title counts; that of a medium only until there is another."""
    text = _content_of(state, found)
    if not -1 < state.title_depth <= found.depth:
        state.record.store("title", text, found.depth)
    if text and found.name != "media_title":
        state.title_depth = found.depth


def read_summary(state: Reading, found: Element) -> None:
    """A description or summary; the second one is taken for content."""
    record = state.record
    if found.name != "abstract" and "summary" in record.texts and not state.has_content:
        read_content(state, found)
        return
    is_subtitle = not record.is_entry and not found.name.endswith("summary")
    record.store("subtitle" if is_subtitle else "summary", _content_of(state, found), found.depth)


def read_content(state: Reading, found: Element) -> None:
    """The full text; a copy is the summary where none has come yet."""
    state.has_content = True
    kind = media_type(found.attributes.get("type", "text/plain"))
    text = _content_of(state, found)
    state.record.contents.append(text)
    if kind == "text/plain" or kind in HTML_TYPES:
        state.record.texts.setdefault("summary", text)


def _content_of(state: Reading, found: Element) -> str:
    if found.attributes.get("mode") == "base64":
        raise UnusualError("base64")
    kind = media_type(found.attributes.get("type", "text/plain"))
    return content_text(found.tag, kind, without_div=state.atom_10)


def read_link(state: Reading, found: Element) -> None:
    """The last link counts that leads to the article or the feed's home."""
    text, record = leaf_text(found.tag), state.record
    relation = found.attributes.get("rel", "alternate")
    given = found.attributes.get("href")
    href = found.attributes.get("url", found.attributes.get("uri", given)) or given
    if href is None:
        link = query_mended(mended(address(text, state.base)))
        record.texts["link"] = link.replace("&amp;", "&") if record.is_entry else link
        record.links.append((relation, link))
        return
    record.links.append((relation, address(href, state.base)))
    default = "application/atom+xml" if relation == "self" else "text/html"
    if relation == "alternate" and media_type(found.attributes.get("type", default)) in HTML_TYPES:
        record.texts["link"] = address(href, state.base)


def read_guid(state: Reading, found: Element) -> None:
    """A guid is the link, too, unless it says that it is none or there is one."""
    is_link = found.attributes.get("ispermalink", "true") == "true"
    text = (found.tag.text or "").strip()
    leaf_text(found.tag)
    guid = mended(address(text, state.base) if is_link else text)
    state.record.store("id", guid, found.depth)
    if is_link:
        state.record.texts.setdefault("link", guid)


def read_author(state: Reading, found: Element) -> None:
    """A name, perhaps with an e-mail address, or a person of Atom."""
    if len(found.tag):
        _read_person(state, found)
        return
    text = leaf_text(found.tag)
    state.record.store("author", text, found.depth)
    if state.record.texts["author"] != text:
        raise UnusualError("an author deep in an entry")
    state.record.authors.append(author_name(text))


def _read_person(state: Reading, found: Element) -> None:
    names = [child for child in found.tag if state.names.of(child) == "name"]
    if len(names) != 1 or any(len(child) for child in found.tag):
        raise UnusualError("a person without one name")
    if len(state.record.authors) > state.record.persons:  # its name would replace theirs
        raise UnusualError("a person after other authors")
    state.record.persons += 1
    for child in found.tag:
        unbased_attributes(child)
        name = state.names.of(child)
        if name not in PERSON and not is_quiet(name):
            raise UnusualError(f"{name} in a person")
    state.record.store("author", "", found.depth)
    state.record.authors.append((names[0].text or "").strip())


def read_category(state: Reading, found: Element) -> None:
    """A category by attribute, by text or both."""
    declared = found.attributes
    if not state.record.is_entry:
        _pass_nested(state, found)
        return
    text = leaf_text(found.tag)
    if found.name == "itunes_category":
        state.record.tag(declared.get("text"), _ITUNES, None)
    else:
        scheme = declared.get("domain") if found.name != "media_category" else _MEDIA
        scheme = declared.get("scheme", scheme)
        state.record.tag(declared.get("term"), scheme, declared.get("label"))
    state.record.tag_text(text)


def _pass_nested(state: Reading, found: Element) -> None:
    """Categories of the feed; podcasts nest theirs."""
    for inner in found.tag.iterdescendants():
        unbased_attributes(inner)
        if state.names.of(inner) != found.name:
            raise UnusualError(f"{inner.tag} in a category")


def read_keywords(state: Reading, found: Element) -> None:
    """Categories with commas between."""
    text = leaf_text(found.tag)
    if found.attributes and found.name != "tags":
        return
    scheme = _ITUNES if found.name == "itunes_keywords" else None
    for term in filter(None, map(str.strip, text.split(","))):
        state.record.tag(term, scheme, None)


def read_published(state: Reading, found: Element) -> None:
    """When the entry appeared."""
    state.record.dates["published"] = read_date(leaf_text(found.tag))


def read_updated(state: Reading, found: Element) -> None:
    """When the entry was changed."""
    state.record.dates["updated"] = read_date(leaf_text(found.tag))


def read_language(state: Reading, found: Element) -> None:
    """The language of all entries."""
    state.record.store("language", leaf_text(found.tag), found.depth)


def pass_image(state: Reading, found: Element) -> None:
    """A picture or search field of the feed has a title and link of its own."""
    state.title_depth = -1
    allowed = _IN_IMAGE if found.name == "image" else _IN_INPUT
    for child in found.tag:
        inner = state.names.of(child)
        if state.record.is_entry or inner not in allowed or len(child):
            raise UnusualError(f"{inner} in {found.name}")
        unbased_attributes(child)
        if inner == "title" and (child.text or "").strip():
            state.title_depth = found.depth + 1


def pass_source(state: Reading, found: Element) -> None:
    """Where an entry was taken from: nothing of it belongs to the entry."""
    state.title_depth = -1
    for inner in found.tag.iterdescendants():
        named = state.names.of(inner)
        unbased_attributes(inner)
        if named in HANDLED and named not in _IN_SOURCE:
            raise UnusualError(f"{named} in a source")
        if len(inner) and named not in _PARTED:
            raise UnusualError(f"markup in {named} of a source")
        if named == "title" and (inner.text or "").strip():
            state.title_depth = found.depth + 1


def pass_owner(state: Reading, found: Element) -> None:
    """Who runs a podcast."""
    for child in found.tag:
        inner = state.names.of(child)
        if state.record.is_entry or inner not in {"itunes_name", "itunes_email"} or len(child):
            raise UnusualError(f"{inner} in an owner")


def pass_inert(state: Reading, found: Element) -> None:
    """An element that feedparser treats, but that changes nothing that is read."""
    for child in found.tag:
        inner = state.names.of(child)
        if found.name != "contributor" or inner not in PERSON or len(child):
            raise UnusualError(f"{inner} in {found.name}")


def pass_quiet(state: Reading, found: Element) -> None:
    """An element that nobody knows, with all it holds."""
    if not is_quiet(found.name):
        raise UnusualError(f"{found.name} where there is none in feeds")
    for inner in found.tag.iterdescendants():
        name = state.names.of(inner)
        unbased_attributes(inner)
        if not is_quiet(name) and (name not in INERT or len(inner)):
            raise UnusualError(f"{name} in {found.name}")
