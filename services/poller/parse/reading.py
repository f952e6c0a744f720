"""Which reader a document gets.

JSON goes to `jsonfeed`, well-formed XML to `tree`, and what is malformed or unusual to
feedparser. A document that is built of too many parts is cut behind its last entry that
counts, before it costs time. feedparser still takes seconds on some hostile input, so
callers run this in a process that can be killed (see `pages`).
"""

import re
from dataclasses import replace
from itertools import islice

from lxml import etree

from services.poller.parse.ampersands import with_plain_ampersands
from services.poller.parse.document import clean_document, unpacked, what_it_is
from services.poller.parse.jsonfeed import is_json, read_json
from services.poller.parse.names import MAX_ATTRIBUTES
from services.poller.parse.parsed import MAX_ENTRIES, ParsedFeed, ParseFailed, ParseReason
from services.poller.parse.plain import plain_feed
from services.poller.parse.raw import RawFeed
from services.poller.parse.reference import read_with_feedparser
from services.poller.parse.tree import read_tree, read_what_is_usual

_MAX_TAGS = 400_000  # 2,000 entries of a hundred elements; a tree takes 150 bytes an element
_ENTRY_START = re.compile(rb"<(?:[\w.-]+:)?(?:item|entry)[\s>/]", re.IGNORECASE)
_ROOT = re.compile(rb"<((?:[\w.-]+:)?(?:rss|rdf|feed))[\s>]", re.IGNORECASE)
_LIMITS = frozenset([etree.ErrorTypes.ERR_RESOURCE_LIMIT, etree.ErrorTypes.ERR_NAME_TOO_LONG])


def parse_feed(body: bytes, content_type: str | None, url: str) -> ParsedFeed | ParseFailed:
    """The feed in `body`, which was served as `content_type` from `url`."""
    try:
        return _parse(unpacked(body), content_type, url)
    except Exception as error:  # a parser fed with hostile bytes may raise anything
        return ParseFailed(ParseReason.CRASHED, f"{type(error).__name__}: {error}"[:300])


def _parse(body: bytes, content_type: str | None, url: str) -> ParsedFeed | ParseFailed:
    if is_json(body):
        found = read_json(body)
        return found if isinstance(found, ParseFailed) else plain_feed(found, url, bozo=False)
    document = clean_document(body, content_type)
    if isinstance(document, ParseFailed):
        return document
    raw, is_well_formed = read_document(document.data)
    if isinstance(raw, ParseFailed):
        return raw
    if not raw.entries and not raw.known:
        return ParseFailed(ParseReason.NOT_A_FEED, what_it_is(body, content_type))
    return plain_feed(raw, url, bozo=document.mended or not is_well_formed)


def read_document(data: bytes) -> tuple[RawFeed | ParseFailed, bool]:
    """The feed in a document, and whether it is well-formed."""
    few = shortened(data) if tag_count(data) > _MAX_TAGS else data
    cut = few is not data
    if tag_count(few) > _MAX_TAGS:
        return ParseFailed(ParseReason.TOO_COMPLEX, f"more than {_MAX_TAGS:,} elements"), True
    root = well_formed(few)
    if root is not None:
        return _found(root, few, cut), True
    # Where that does not make it well-formed, feedparser gets it as it came: it might lose
    # entries of a document that was mended by half.
    mended = with_plain_ampersands(few)
    root = well_formed(mended)
    return _found(root, few if root is None else mended, cut), False


def _found(
    root: etree._Element | ParseFailed | None, data: bytes, cut: bool
) -> RawFeed | ParseFailed:
    if isinstance(root, ParseFailed):
        return root
    found = read_tree(root) if root is not None else None
    if found is None and root is not None and _has_crowded_tag(root):
        detail = f"an element of more than {MAX_ATTRIBUTES} attributes"
        return ParseFailed(ParseReason.TOO_COMPLEX, detail)
    found = found or _read_the_rest(shortened(data))
    return replace(found, truncated=found.truncated or cut)


def _read_the_rest(data: bytes) -> RawFeed:
    try:
        return read_with_feedparser(data)
    except Exception:
        # One element feedparser stumbles over (a `<width>` of nothing) must not cost the feed.
        root = _parsed(data, recover=True)
        found = read_what_is_usual(root) if root is not None else None
        if found is None:
            raise
        return found


def _has_crowded_tag(root: etree._Element) -> bool:
    return any(len(element.attrib) > MAX_ATTRIBUTES for element in root.iter())


def tag_count(data: bytes) -> int:
    """About how many tags stand in a document; what stands in CDATA sections is text."""
    count, at = 0, 0
    while (section := data.find(b"<![CDATA[", at)) >= 0:
        count += data.count(b"<", at, section)
        if (at := data.find(b"]]>", section)) < 0:
            return count
    return count + data.count(b"<", at)


def shortened(data: bytes) -> bytes:
    """The document up to its 2,001st entry, which is one more than is read."""
    later = next(islice(_ENTRY_START.finditer(data), MAX_ENTRIES + 1, None), None)
    root = _ROOT.search(data)
    if later is None or root is None:
        return data
    ends = b"</channel>" if root[1].lower() == b"rss" else b""
    return data[: later.start()] + ends + b"</" + root[1] + b">"


def well_formed(document: bytes) -> etree._Element | ParseFailed | None:
    """The tree of a document, None where it is malformed, or why nobody should read it.

    No network, no file, no entity: what a document declares is not followed. (Without
    `collect_ids` the parser would be a little faster, and would load the DTD.)
    """
    try:
        return _parsed(document, recover=False)
    except etree.XMLSyntaxError as error:
        if error.code in _LIMITS:  # type: ignore[attr-defined]  # missing in lxml-stubs
            return ParseFailed(ParseReason.TOO_COMPLEX, f"{error.msg}"[:300])
        return None


def _parsed(document: bytes, recover: bool) -> etree._Element | None:
    parser = etree.XMLParser(
        recover=recover,
        no_network=True,
        load_dtd=False,
        resolve_entities=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    return etree.fromstring(document, parser)
