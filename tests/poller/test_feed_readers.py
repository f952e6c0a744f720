"""The faster reader proves that it changes nothing: what it finds, feedparser finds."""

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from lxml import etree

from services.poller.parse import MAX_ENTRIES, ParsedFeed, ParseFailed, parse_feed
from services.poller.parse.document import clean_document
from services.poller.parse.names import HANDLED, INERT, is_quiet
from services.poller.parse.plain import plain_feed
from services.poller.parse.raw import RawFeed
from services.poller.parse.reading import well_formed
from services.poller.parse.reference import read_with_feedparser
from services.poller.parse.tree import read_tree
from tests.poller.random_feeds import damaged, feeds

URL = "https://wire.example/feeds/world"
REAL = Path(__file__).parents[3] / "shared" / "data" / "feeds.tar.gz"
needs_real_feeds = pytest.mark.skipif(not REAL.exists(), reason="the real feeds are not there")


def comparable(raw: RawFeed) -> RawFeed:
    """Of links only those that are read: feedparser keeps those to audio files, too."""
    wanted = tuple(link for link in raw.links if {"hub", "self"} & set(link[0].split()))
    return replace(raw, links=wanted, known=True)


def real_feeds() -> list[tuple[str, bytes]]:
    with tarfile.open(REAL) as tar:
        streams = ((member.name, tar.extractfile(member)) for member in tar)
        return [(name, stream.read()) for name, stream in streams if stream]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(feeds())
@example(
    b"<rss xmlns:m='http://search.yahoo.com/mrss/'><channel><item>"
    b"<m:title>a</m:title><title>b</title><m:title>c</m:title></item></channel></rss>"
)
@example(b"<rss><channel><item><title/><link/><guid>http://a/</guid></item></channel></rss>")
def test_a_well_formed_feed_is_read_as_feedparser_reads_it(document: bytes) -> None:
    root = well_formed(document)
    assert isinstance(root, etree._Element), root
    found = read_tree(root)
    if found is not None:
        assert comparable(found) == comparable(read_with_feedparser(document))


# The same examples every time: what feedparser makes of rubbish is no measure.
@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(damaged())
def test_a_damaged_feed_loses_no_entry_that_feedparser_finds(document: bytes) -> None:
    found = parse_feed(document, None, URL)
    try:
        wanted = plain_feed(read_with_feedparser(document), URL, True)
    except Exception:  # what breaks feedparser down is no measure
        return
    entries = () if isinstance(found, ParseFailed) else found.entries
    assert len(entries) >= len(wanted.entries)


def test_every_element_that_feedparser_treats_is_known_here() -> None:
    """A new version of feedparser may treat more; then somebody has to look at it."""
    only_feedparser = {
        *("body", "xhtml_body", "rss", "feed", "newlocation", "where"),
        *("georss_box", "georss_line", "georss_polygon", "georss_where", "georssgeom", "geom"),
        *("gml_exterior", "gml_linearring", "gml_linestring", "gml_point", "gml_polygon"),
        *("gml_pos", "gml_poslist", "psc_chapter", "psc_chapters"),
        *("textInput", "creativeCommons_license"),  # the loose parser's spelling
    }
    from services.poller.parse import tree  # noqa: PLC0415

    read = {*tree._HANDLERS, *tree._ENTRIES, *tree._TRANSPARENT, "channel"}
    assert read | only_feedparser | (INERT & HANDLED) == HANDLED
    assert not any(map(is_quiet, HANDLED))


@needs_real_feeds
def test_real_feeds_are_read_as_feedparser_reads_them() -> None:
    fast = 0
    for name, body in real_feeds():
        document = clean_document(body, None)
        if isinstance(document, ParseFailed):
            assert not read_with_feedparser(body).entries, name
            continue
        root = well_formed(document.data)
        found = read_tree(root) if isinstance(root, etree._Element) else None
        if found is not None:
            fast += 1
            assert comparable(found) == comparable(read_with_feedparser(document.data)), name
    assert fast >= 140


@needs_real_feeds
def test_no_entry_of_a_real_feed_is_lost() -> None:
    for name, body in real_feeds():
        found = parse_feed(body, None, URL)
        plain = read_with_feedparser(body)
        if isinstance(found, ParseFailed):
            assert not plain.entries, name
        else:
            filled = [entry for entry in plain.entries if entry.title or entry.link or entry.guid]
            assert len(found.entries) >= min(len(filled), MAX_ENTRIES), name


def test_the_extra_entry_tells_that_there_are_more() -> None:
    item = b"<item><title>x</title><own><title/></own></item>"  # one that feedparser reads
    for count, truncated in ((MAX_ENTRIES, False), (MAX_ENTRIES + 5, True)):
        body = b"<rss version='2.0'><channel>" + item * count + b"</channel></rss>"
        found = parse_feed(body, None, URL)
        assert isinstance(found, ParsedFeed)
        assert (len(found.entries), found.truncated) == (MAX_ENTRIES, truncated)
