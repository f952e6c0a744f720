"""Facts about an article: what each field compares, and how values are written."""

import pytest

from tests.engine.newsroom import article, does_match

_TOLD = article(
    "Ships wait.",
    title="Karvala",
    feed_id="coast-wire",
    source="The Coast Wire",
    url="https://News.Coast.example:8443/World/2015/strike?id=4*5",
    author=("Ana O’Low", "Ilse Brandt", "홍길동"),
    category=("World", "Middle Coast", "港口新闻"),
    lang="en-GB",
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # source: the feed's id or name as a whole, the host or a domain above it
        ("source:coast-wire", True),
        ("source:COAST-WIRE", True),
        ("source:coast", False),
        ('source:"the coast wire"', True),
        ('source:"coast wire"', False),
        ("source:news.coast.example", True),
        ("source:coast.example", True),
        ("source:Coast.Example", True),
        ("source:oast.example", False),
        ("source:www.news.coast.example", False),
        ("source:news", False),
        ("source:news.coast.example:8443", True),
        ("source:coast.example.", True),
        ("source:(nowhere.example OR coast.example)", True),
        ("source:(nowhere.example|coast.example)", True),
        ('source:("The Coast Wire" OR nowhere.example)', True),
        ("source:(nowhere.example OR elsewhere.example)", False),
        ("source:(coast.example)", True),
        ("source:( coast.example\nOR\tnowhere.example )", True),
        ("-source:coast.example ships", False),
        ("-source:nowhere.example ships", True),
        # lang: regions ignored on both sides
        ("lang:en", True),
        ("lang:EN", True),
        ("lang:en-US", True),
        ("lang:en_gb", True),
        ("lang:de", False),
        ("lang:(de OR en)", True),
        ('lang:"en"', True),
        # url: any part, * and ? as they are
        ("url:coast", True),
        ("url:/world/2015", True),
        ("url:STRIKE?ID=4*5", True),
        ("url:str?ke", False),
        ("url:stri*", False),
        ("url:https://news", True),
        ("url:8443", True),
        ("url:(nowhere OR strike)", True),
        # author, category: words in a row within one value
        ("author:ana", True),
        ("author:ANA", True),
        ("author:o'low", True),
        ('author:"o low"', True),
        ('author:"ilse brandt"', True),
        ('author:"brandt ilse"', False),
        ('author:"low ilse"', False),
        ("author:bran", False),
        ("author:(nobody OR brandt)", True),
        ("author:홍길", True),
        ("author:길동", False),
        ("category:world", True),
        ('category:"middle coast"', True),
        ('category:"world middle"', False),
        ("category:middle category:world", True),
        ("category:新闻", True),
        ("category:Mïddle", True),
        # values run to white space or a bracket
        ("(source:coast-wire)ships", True),
        ("source:coast-wire ships", True),
        ("source:the coast wire", False),
        ("source:coast-wire(ships)", True),
        ("author:「ilse brandt」", True),
        # what nobody sees is no part of a value
        ("source:\u200fcoast-wire\u200f", True),
        ("lang:\u200een", True),
        ("url:\u200fstrike", True),
        # combined
        ("karvala AND (source:nowhere OR lang:en)", True),
        ("NOT lang:de AND ships", True),
        ("lang:en NOT category:sport", True),
    ],
)
def test_metadata(query: str, expected: bool) -> None:
    assert does_match(query, _TOLD) is expected


@pytest.mark.parametrize(
    "query",
    ["source:coast.example", "lang:en", "url:coast", "author:ana", "category:world"],
)
def test_an_article_that_lacks_a_fact_has_no_value(query: str) -> None:
    bare = article("Ships wait.")
    assert not does_match(query, bare)
    assert does_match(f"ships -{query}", bare)


@pytest.mark.parametrize("url", ["https://[coast.example", "coast.example", "", "http://", "::"])
def test_an_address_without_a_host_is_of_no_domain(url: str) -> None:
    assert not does_match("source:coast.example", article(url=url))


@pytest.mark.parametrize("url", [None, "https://coast.example"])
def test_a_port_alone_names_no_source(url: str | None) -> None:
    assert not does_match('source:":80"', article(url=url))


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("hafen.example", "http://hafen.example/1"),
        ("häfen.example", "https://xn--hfen-loa.example/1"),
        ("HÄFEN.example", "https://www.häfen.example/1"),
        ("xn--hfen-loa.example", "https://häfen.example/1"),
        ("порт.example", "https://xn--n1abei.example/"),
        ("hafen.example", "https://user:secret@hafen.example:80/"),
        ("hafen.example", "https://hafen.example./"),
    ],
)
def test_a_host_in_any_way_of_writing_it(value: str, url: str) -> None:
    assert does_match(f"source:{value}", article(url=url))
