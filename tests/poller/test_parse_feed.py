"""Real bytes in, plain entries out; each ugly document is named for its trouble."""

from datetime import UTC, datetime

import pytest

from services.poller.parse import (
    MAX_ENTRIES,
    FeedEntry,
    ParsedFeed,
    ParseFailed,
    ParseReason,
    parse_feed,
)

URL = "https://wire.example/feeds/world.xml"


def rss(items: str, channel: str = "<title>Wire</title>", head: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<rss version="2.0" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel>{channel}{items}</channel></rss>"
    ).encode()


def parsed(body: bytes, content_type: str | None = "application/rss+xml") -> ParsedFeed:
    result = parse_feed(body, content_type, URL)
    assert isinstance(result, ParsedFeed), result
    return result


def only_entry(item: str, channel: str = "<title>Wire</title>") -> FeedEntry:
    (entry,) = parsed(rss(f"<item>{item}</item>", channel)).entries
    return entry


def test_an_rss_feed() -> None:
    feed = parsed(
        rss(
            "<item><guid isPermaLink='false'>urn:1</guid><link>https://wire.example/1</link>"
            "<title>Ports reopen</title><description>All &lt;b&gt;of&lt;/b&gt; them.</description>"
            "<content:encoded><![CDATA[<p>One.</p><p>Two<br>three.</p>]]></content:encoded>"
            "<dc:creator>Ada Holm</dc:creator><category>World</category><category>Sea</category>"
            "<pubDate>Thu, 05 Mar 2026 13:00:00 +0100</pubDate></item>",
            "<title>Wire &amp;amp; Sea</title><language>en-gb</language>",
        )
    )
    assert (feed.title, feed.lang, feed.bozo, feed.truncated) == ("Wire & Sea", "en", False, False)
    assert feed.entries == (
        FeedEntry(
            guid="urn:1",
            link="https://wire.example/1",
            title="Ports reopen",
            summary="All of them.",
            body="One.\n\nTwo three.",
            author=("Ada Holm",),
            category=("World", "Sea"),
            published=datetime(2026, 3, 5, 12, tzinfo=UTC),
        ),
    )


def test_an_atom_feed() -> None:
    feed = parsed(
        b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de">
        <title>Draht</title><link href="https://draht.example/"/>
        <entry><id>tag:draht.example,2026:1</id><title type="html">H&amp;auml;fen &lt;i>offen&lt;/i>
        </title><link href="/1"/><updated>2026-03-05T12:00:00Z</updated>
        <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Eins.</p><p>Zwei.</p>
        </div></content></entry></feed>"""
    )
    (entry,) = feed.entries
    assert (entry.title, entry.link) == ("Häfen offen", "https://draht.example/1")
    assert (entry.summary, entry.body) == ("", "Eins.\n\nZwei.")
    assert entry.published is None
    assert entry.updated == datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", ParseReason.NOT_A_FEED),
        (b"<html><body><p>Log in</p></body></html>", ParseReason.NOT_A_FEED),
        (b'{"error": "log in"}', ParseReason.NOT_A_FEED),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ParseReason.NOT_A_FEED),
        (b"<opml version='1.0'><body/></opml>", ParseReason.NOT_A_FEED),
        (
            rss("", head='<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
            ParseReason.ENTITIES,
        ),
        (
            rss("", head='<!DOCTYPE rss [<!ENTITY a "b">]>').decode().encode("utf-16"),
            ParseReason.ENTITIES,
        ),
    ],
)
def test_what_is_no_feed_is_named(body: bytes, reason: ParseReason) -> None:
    result = parse_feed(body, "application/xml", URL)
    assert isinstance(result, ParseFailed), result
    assert result.reason is reason


def test_no_external_entity_is_ever_read() -> None:
    body = rss(
        "<item><title>a&x;b</title></item>", head='<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/">'
    )
    assert "root:" not in repr(parse_feed(body, None, URL))


def test_an_article_about_entities_is_no_attack() -> None:
    entry = only_entry("<title><![CDATA[Why <!ENTITY is dangerous]]></title>")
    assert entry.title.startswith("Why")


def test_an_empty_feed_is_a_feed() -> None:
    assert parsed(rss("")).entries == ()


def test_malformed_xml_keeps_its_text() -> None:
    feed = parsed(rss("<item><title>A &nbsp; B & C</title><guid>1</guid></item>"))
    assert feed.bozo
    assert feed.entries[0].title.replace(" ", "") == "AB&C"


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("Fish &amp;amp; chips", "Fish & chips"),
        ("&lt;b&gt;Ports&lt;/b&gt; reopen", "Ports reopen"),
        ("&amp;lt;b&amp;gt;Ports&amp;lt;/b&amp;gt; reopen", "Ports reopen"),
        ("Growth &lt; 3 % and &gt; 1 %", "Growth < 3 % and > 1 %"),
        ("<![CDATA[Ports &#8216;reopen&#8217;]]>", "Ports ‘reopen’"),
        ("  Ports\n\t reopen ", "Ports reopen"),
        ("Po\u00adrts\u200b re\u202eopen", "Ports reopen"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_titles_are_one_line_of_plain_text(markup: str, title: str) -> None:
    assert only_entry(f"<guid>1</guid><title>{markup}</title>").title == title


def test_a_plain_summary_keeps_its_paragraphs() -> None:
    entry = only_entry("<description>One\nline.\n\nTwo 1 &lt; 2 lines.</description>")
    assert entry.summary == "One line.\n\nTwo 1 < 2 lines."


def test_a_summary_that_was_escaped_twice_is_read_as_html() -> None:
    twice = "&amp;lt;p&amp;gt;One.&amp;lt;/p&amp;gt; &amp;lt;p&amp;gt;Two.&amp;lt;/p&amp;gt;"
    assert only_entry(f"<description>{twice}</description>").summary == "One.\n\nTwo."


def test_related_links_are_dropped_from_summaries_and_bodies() -> None:
    entry = only_entry(
        "<description>Ports reopen.\n\nRead more: Glacier drained</description>"
        "<content:encoded><![CDATA[<p>Ports reopen at noon.</p><p>Read More: <a href='/x'>Glacier "
        "drained</a></p><p><a href='/y'>Chess prodigy banned for life</a></p><ul><li><a href='/z'>"
        "Orchestra strike ends after talks</a></li></ul><p>Ships <a href='/s'>sail</a>.</p>]]>"
        "</content:encoded>"
    )
    assert entry.summary == "Ports reopen."
    assert entry.body == "Ports reopen at noon.\n\nShips sail."


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("/2026/1", "https://www.wire.example/2026/1"),
        ("2026/1", "https://www.wire.example/news/2026/1"),
        ("//cdn.example/1", "https://cdn.example/1"),
        (" https://wire.example/1 ", "https://wire.example/1"),
        ("mailto:desk@wire.example", None),
        ("javascript:alert(1)", None),
        ("http://[broken", None),
    ],
)
def test_links_are_absolute_web_addresses(link: str, wanted: str | None) -> None:
    channel = "<title>Wire</title><link>https://www.wire.example/news/</link>"
    assert only_entry(f"<title>x</title><link>{link}</link>", channel).link == wanted


def test_a_relative_link_without_a_home_is_relative_to_the_feed() -> None:
    assert only_entry("<title>x</title><link>1.html</link>").link == (
        "https://wire.example/feeds/1.html"
    )


@pytest.mark.parametrize(
    "date", ["never", "0001-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT", ""]
)
def test_a_date_that_is_none_is_absent(date: str) -> None:
    assert only_entry(f"<title>x</title><pubDate>{date}</pubDate>").published is None


def test_sizes_are_capped() -> None:
    items = "<item><guid>{}</guid><title>" + "t " * 900 + "</title></item>"
    feed = parsed(rss("".join(items.format(n) for n in range(MAX_ENTRIES + 1))))
    assert feed.truncated
    assert len(feed.entries) == MAX_ENTRIES
    assert len(feed.entries[0].title) <= 1_000
    entry = only_entry("<description>" + "word " * 60_000 + "</description>")
    assert 199_000 < len(entry.summary) <= 200_000


def test_entries_without_anything_are_left_out() -> None:
    assert parsed(rss("<item></item><item><title> </title></item>")).entries == ()


def test_the_declared_character_set_of_the_server_counts() -> None:
    body = '<rss version="2.0"><channel><title>Köln</title></channel></rss>'.encode("latin-1")
    assert parsed(body, "text/xml; charset=iso-8859-1").title == "Köln"


ATOM = "xmlns:atom='http://www.w3.org/2005/Atom'"


@pytest.mark.parametrize(
    ("links", "hub", "own"),
    [
        ("<atom:link rel='hub' href='https://hub.example/'/>", "https://hub.example/", None),
        ("<atom:link rel='HUB' href='//hub.example/'/>", "https://hub.example/", None),
        (
            "<atom:link rel='hub' href='javascript:x'/><atom:link rel='hub' href='http://b/'/>",
            "http://b/",
            None,
        ),
        ("<atom:link rel='self' href='/rss'/>", None, "https://wire.example/rss"),
        ("<link>https://wire.example/</link>", None, None),
    ],
)
def test_an_rss_feed_names_its_hub_and_itself(links: str, hub: str | None, own: str | None) -> None:
    body = f"<rss version='2.0' {ATOM}><channel><title>x</title>{links}</channel></rss>".encode()
    feed = parsed(body)
    assert (feed.hubs, feed.self_link) == ((hub,) if hub else (), own)


def test_an_atom_feed_names_its_hub_and_itself() -> None:
    feed = parsed(
        b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Draht</title>
        <link rel="hub" href="https://hub.example/"/><link rel="hub" href="https://b.example/"/>
        <link rel="self" href="https://draht.example/atom"/></feed>"""
    )
    assert (feed.hubs, feed.self_link) == (
        ("https://hub.example/", "https://b.example/"),
        "https://draht.example/atom",
    )


def test_what_breaks_feedparser_down_costs_one_element() -> None:
    broken = "<width><content>x</content></width>"  # feedparser raises TypeError
    item = f"<item><title>One</title><guid>1</guid>{broken}<description>Text.</description></item>"
    for undeclared in ("", "<un:declared/>"):
        feed = parsed(rss(f"{item}<item><title>Two</title></item>{undeclared}"))
        assert [entry.title for entry in feed.entries] == ["One", "Two"]
        assert feed.entries[0].summary == "Text."
        assert feed.bozo is bool(undeclared)


def test_a_guid_is_a_link_only_if_it_is_an_address() -> None:
    assert only_entry("<title>x</title><guid>4711</guid>").link is None
    assert only_entry("<title>x</title><guid>/4711</guid>").link == "https://wire.example/4711"
    other = "<title>x</title><link/><guid isPermaLink='false'>https://wire.example/1</guid>"
    assert only_entry(other).link == "https://wire.example/1"


def test_a_name_is_freed_of_an_address_of_any_length() -> None:
    entry = only_entry("<title>x</title><author>ada@wire.example (Ada Holm)</author>")
    assert entry.author == ("Ada Holm",)
