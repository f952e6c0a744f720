"""Well-formed documents, read from lxml's tree.

Finds in a tenth of the time what feedparser finds, or says that only feedparser can: the
readers are compared on real and on generated feeds (tests/poller/test_feed_readers.py). A
document goes to feedparser when elements stand where feeds have none, or when it uses
xml:base, base64, a DOCTYPE or a known prefix for an unknown namespace. The quirks are
feedparser's: which of two titles counts, and when a description is taken for content.
"""

from collections.abc import Callable

from lxml import etree

from services.poller.parse import elements
from services.poller.parse.elements import Element, Reading
from services.poller.parse.names import INERT, UnusualError
from services.poller.parse.parsed import MAX_ENTRIES
from services.poller.parse.raw import RawEntry, RawFeed
from services.poller.parse.records import Record

_ENTRIES = frozenset(["item", "entry"])
_ROOTS = frozenset(["rss", "rdf_rdf", "feed"])
_BESIDE_CHANNEL = frozenset(["channel", "image", "textinput", *_ENTRIES])
_TRANSPARENT = frozenset(["media_group", "media_content"])  # as if what they hold stood alone
_OF_CDF = frozenset(["href", "lastmod"])
_ATOM = "http://www.w3.org/2005/atom"
_OTHER_VERSIONS = ("http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/")
_Handler = Callable[[Reading, Element], None]


def read_tree(root: etree._Element) -> RawFeed | None:
    """The feed in a tree without comments; None where feedparser has to read it."""
    try:
        return TreeReader(root).read()
    except UnusualError:
        return None


def read_what_is_usual(root: etree._Element) -> RawFeed | None:
    """The feed without the elements that only feedparser reads: the last resort where
    feedparser itself breaks down."""
    try:
        return TreeReader(root, forgiving=True).read()
    except UnusualError:
        return None


class TreeReader:
    """Reads one document, element by element in the order in which they stand."""

    def __init__(self, root: etree._Element, forgiving: bool = False) -> None:
        self._root = root
        self._forgiving = forgiving
        self._state = Reading()
        self._entries: list[RawEntry] = []
        self._entry_count = 0

    def read(self) -> RawFeed:
        """The feed. Raises UnusualError where only feedparser reads as feedparser does."""
        root = self._state.enter(self._root, 1)
        if root.name not in _ROOTS or self._root.getroottree().docinfo.doctype:  # type: ignore[attr-defined]  # missing in lxml-stubs
            raise UnusualError(f"a document of {root.name}")
        if root.name != "rdf_rdf":  # feedparser looks for the language on `rdf:RDF`, in capitals
            language = root.attributes.get("xml:lang", root.attributes.get("lang", ""))
            self._state.feed.texts["language"] = language.replace("_", "-")
        if root.name == "feed":
            self._state.atom_10 = self._says_atom_10()
            self._read_children(root)
        else:
            self._read_rss(root)
        return self._found()

    def _found(self) -> RawFeed:
        texts = self._state.feed.texts
        return RawFeed(
            known=True,
            entries=tuple(self._entries),
            title=texts.get("title", ""),
            link=texts.get("link", ""),
            language=texts.get("language", ""),
            links=tuple(self._state.feed.links),
            truncated=self._entry_count > MAX_ENTRIES,
        )

    def _says_atom_10(self) -> bool:
        uris = {uri.lower() for uri in self._root.nsmap.values()}
        if _ATOM in uris and uris.intersection(_OTHER_VERSIONS):
            raise UnusualError("two versions at once")
        return _ATOM in uris

    def _read_rss(self, root: Element) -> None:
        names = [self._state.names.of(child) for child in root.tag]
        if names.count("channel") != 1 or not _BESIDE_CHANNEL.issuperset(names):
            raise UnusualError("something beside the channel")
        self._read_children(root)

    def _read_children(self, parent: Element) -> None:
        for child in parent.tag:
            try:
                self._read(self._state.enter(child, parent.depth + 1))
            except UnusualError:
                if not self._forgiving:
                    raise
            self._state.leave(parent.depth + 1)

    def _read(self, element: Element) -> None:
        if handler := _HANDLERS.get(element.name):
            handler(self._state, element)
        elif element.name in _ENTRIES:
            self._read_entry(element)
        elif element.name in _TRANSPARENT or (element.name == "channel" and element.depth == 2):
            _no_cdf(element)
            self._read_children(element)
        else:
            elements.pass_quiet(self._state, element)

    def _read_entry(self, element: Element) -> None:
        if self._state.record.is_entry:
            raise UnusualError("an entry in an entry")
        self._entry_count += 1
        if self._entry_count > MAX_ENTRIES:
            return
        _no_cdf(element)
        self._state.record, self._state.title_depth = Record(is_entry=True), -1
        if about := element.attributes.get("rdf:about"):
            self._state.record.texts["id"] = about
        self._read_children(element)
        self._entries.append(self._state.record.as_entry())
        self._state.record, self._state.has_content = self._state.feed, False


def _no_cdf(element: Element) -> None:
    if element.name in {"channel", *_ENTRIES} and _OF_CDF & element.attributes.keys():
        raise UnusualError("an element of CDF")


_HANDLERS: dict[str, _Handler] = {
    name: handler
    for handler, names in (
        (elements.pass_inert, tuple(INERT - {"language", "dc_language"})),
        (elements.read_title, ("title", "dc_title", "media_title")),
        (elements.read_summary, ("description", "dc_description", "media_description")),
        (elements.read_summary, ("summary", "itunes_summary", "abstract")),
        (elements.read_content, ("content", "content_encoded", "fullitem")),
        (elements.read_link, ("link",)),
        (elements.read_guid, ("guid", "id")),
        (elements.read_author, ("author", "managingeditor", "dc_author", "dc_creator")),
        (elements.read_author, ("itunes_author",)),
        (elements.read_category, ("category", "keywords", "dc_subject")),
        (elements.read_category, ("itunes_category", "media_category")),
        (elements.read_keywords, ("tags", "itunes_keywords", "media_keywords")),
        (elements.read_published, ("published", "issued", "pubdate", "dcterms_issued")),
        (elements.read_updated, ("updated", "modified", "lastbuilddate")),
        (elements.read_updated, ("dc_date", "dcterms_modified")),
        (elements.read_language, ("language", "dc_language")),
        (elements.pass_image, ("image", "textinput")),
        (elements.pass_source, ("source",)),
        (elements.pass_owner, ("itunes_owner",)),
    )
    for name in names
}
