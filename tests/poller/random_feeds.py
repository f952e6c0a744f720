"""Well-formed feeds of every kind, at random: usual elements in unusual order and company."""

from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

_NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "m": "http://search.yahoo.com/mrss/",
    "media": "urn:not:media",  # a known prefix for something else
    "own": "urn:own",
    "Own": "urn:capital",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
_NAMES = [
    *("title", "link", "guid", "id", "description", "summary", "content", "author", "category"),
    *("pubDate", "published", "updated", "issued", "modified", "lastBuildDate", "language"),
    *("source", "image", "textInput", "enclosure", "comments", "contributor", "keywords", "tags"),
    *("name", "url", "uri", "email", "rights", "subtitle", "generator", "managingEditor"),
    *("abstract", "fullitem", "items", "created", "width", "expirationDate", "webMaster"),
    *("dc:title", "dc:creator", "dc:date", "dc:subject", "dc:description", "dc:language"),
    *("dcterms:modified", "dcterms:issued", "content:encoded", "atom:link", "atom:author"),
    *("atom:id", "atom:updated", "atom:title", "itunes:author", "itunes:summary", "itunes:image"),
    *("itunes:keywords", "itunes:category", "itunes:owner", "itunes:subtitle", "m:title"),
    *("m:description", "m:content", "m:group", "m:thumbnail", "m:keywords", "m:category"),
    *("m:credit", "media:title", "media:group", "own:title", "own:thing", "Own:thing", "thing"),
]
_RARE = ["body", "links", "authors", "updated_parsed", "where", "item", "entry", "channel", "feed"]
_DATES = [
    *("Thu, 05 Mar 2026 13:00:00 +0100", "2026-03-05T13:00:00Z", "2026-03-05", "never", ""),
    *("Thu, 05 Mar 2026 13:00:00 JST", "5 März 2026 13:00", "20260305T130000Z", "0001-01-01"),
]
_TEXTS = st.one_of(
    st.text("abÄ é<>&\"';=?/\x85\x93\xa0\u2028😀 \n\t", max_size=12),
    st.sampled_from(
        [
            *(
                "https://wire.example/1",
                "http:////wire.example/a",
                "/2?a=1&b=2&c;=3",
                "x/3",
                "urn:1",
            ),
            *(
                "<p>One.</p><p>Two.</p>",
                "&lt;b&gt;twice&lt;/b&gt;",
                "Köln".encode().decode("latin1"),
            ),
            *("ada@wire.com (Ada Holm)", "Ada Holm <ada@wire.com>", "(ada@wire.com)", "de_DE", ""),
            *_DATES,
        ]
    ),
)
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        [
            *("type", "rel", "href", "url", "term", "scheme", "label", "domain", "text", "mode"),
            *("isPermaLink", "xml:lang", "lang", "src", "rdf:about", "own:href", "Href"),
        ]
    ),
    st.sampled_from(
        [
            *(
                "text",
                "html",
                "xhtml",
                "text/plain",
                "TEXT/HTML",
                "application/xhtml+xml",
                "text/xml",
            ),
            *(
                "alternate",
                "self",
                "hub",
                "Hub",
                "true",
                "false",
                "de",
                "sea",
                "image/png",
                "escaped",
            ),
            *("https://wire.example/a", "/b", "c?d=1&e=2", ""),
        ]
    ),
    max_size=3,
)
_ENTRY_ATTRIBUTES = st.dictionaries(
    st.sampled_from(["rdf:about", "xml:lang", "type", "own:key", "xml:base"]),
    st.sampled_from(["https://wire.example/a", "de", "text/html"]),
    max_size=1,
)
_BASES = st.sampled_from(["https://base.example/x/", "deeper/", "/top/", "javascript:x", "urn:x"])


def _written(name: str, attributes: dict[str, str], inside: str) -> str:
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{inside}</{name}>"


@st.composite
def _texts(draw: st.DrawFn) -> str:
    text = draw(_TEXTS).replace("]]>", "")
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return f"<![CDATA[{text}]]>"
    half = len(text) // 2
    return escape(text[:half]) + ("<!-- no -->" if kind == 1 else "") + escape(text[half:])


@st.composite
def _xhtml(draw: st.DrawFn) -> str:
    around = draw(st.sampled_from(["", " ", "x"]))
    inner = draw(st.sampled_from(["p", "br", "a href='/x'", "title", "b xml:lang='de'", "body"]))
    text = draw(_texts())
    name = inner.split()[0]
    return (
        f"{around}<div xmlns='http://www.w3.org/1999/xhtml'>{text}<{inner}>{draw(_texts())}</{name}>"
        f"{draw(_texts())}</div>{draw(st.sampled_from(['', ' ']))}"
    )


@st.composite
def _elements(draw: st.DrawFn, depth: int = 2) -> str:
    name = draw(st.sampled_from(_NAMES if draw(st.integers(0, 60)) else _RARE))
    attributes = draw(_ATTRIBUTES)
    if draw(st.integers(0, 30)) == 0:
        attributes["xml:base"] = draw(_BASES)
    kind = draw(st.integers(0, 15))
    if kind == 0 and depth:
        return _written(name, attributes, "".join(draw(st.lists(_elements(depth - 1), max_size=3))))
    if kind == 1:
        name = draw(st.sampled_from(["title", "summary", "content", "rights", "own:thing"]))
        attributes["type"] = "xhtml"
        return _written(name, attributes, draw(_xhtml()))
    if kind == 2:
        person = f"<name>{draw(_texts())}</name><email>{draw(_texts())}</email>"
        return _written("author", attributes, person)
    return _written(name, attributes, draw(_texts()))


@st.composite
def feeds(draw: st.DrawFn) -> bytes:
    """A whole document in UTF-8."""
    kind = draw(st.sampled_from(["rss", "rdf:RDF", "feed"]))
    base = f" xml:base={quoteattr(draw(_BASES))}" if draw(st.integers(0, 5)) == 0 else ""
    entry = "entry" if kind == "feed" else "item"
    entries = [
        _written(entry, draw(_ENTRY_ATTRIBUTES), "".join(draw(st.lists(_elements(), max_size=6))))
        for _ in range(draw(st.integers(0, 3)))
    ]
    about = draw(st.lists(_elements(), max_size=4))
    inside = "".join(draw(st.permutations(entries + about)))
    default = {
        "rss": "",
        "rdf:RDF": ' xmlns="http://purl.org/rss/1.0/"',
        "feed": draw(st.sampled_from([' xmlns="http://www.w3.org/2005/Atom"', ""])),
    }[kind]
    if kind != "feed":
        inside = f"<channel>{inside}</channel>"
    root = f"<{kind}{default} {_DECLARED}{base}>{inside}</{kind}>"
    return f"<?xml version='1.0' encoding='utf-8'?>\n{root}".encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A feed with the faults that feeds have."""
    document = draw(feeds())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(document)))
        fault = draw(st.sampled_from(_FAULTS))
        document = document[:at] + fault + document[at + draw(st.integers(0, 3)) :]
    return document


_FAULTS = [
    *(b"&", b"&nbsp;", b"&foo;", b"&#31;", b"\x00", b"\x92", b"\x0b", b"<", b">", b"<br>", b"</p>"),
    *(b"]]>", b"<![CDATA[", b'"', b"<!--", b"<?", b"", b"\xef\xbb\xbf", b" ", b"<x:y/>"),
]
