"""Hubs and topics are found in the headers, else in the document, else there are none."""

import pytest

from services.poller.websub.links import DocumentLinks, Reply, Shown, shown

FEED = "https://news.example/feed"
HUB = "https://hub.example/"


def found(*headers: str, hubs: tuple[str, ...] = (), self_link: str | None = None) -> Shown | None:
    return shown(Reply(headers, FEED), DocumentLinks(hubs, self_link), FEED)


def test_a_feed_without_a_hub_shows_nothing() -> None:
    assert found() is None
    assert found('<https://news.example/feed>; rel="self"') is None


@pytest.mark.parametrize(
    "header",
    [
        f'<{HUB}>; rel="hub"',
        f"<{HUB}>;rel=hub",
        f"  < {HUB} > ; REL = Hub",
        f"<{HUB}>; rel='hub'".replace("'", '"'),
        f'<{HUB}>; title="a; b, <c> \\" d"; rel="hub"',
        f'<{HUB}>; rel="alternate hub"; type="a/b"',
        f'</style.css>; rel=preload; as=style, <{HUB}>; rel="hub"',
        f'<{HUB}>; rel="hub", </next>; rel="next"',
        f'</a,b>; rel="prev", <{HUB}>; rel="hub"; rel="next"',
    ],
)
def test_a_hub_is_found_however_its_header_is_written(header: str) -> None:
    assert found(header) == Shown(FEED, (HUB,))


def test_the_topic_is_the_self_link_letter_by_letter() -> None:
    topic = "https://NEWS.example:443/feed?b=1&a=%7e"
    assert found(f'<{HUB}>; rel="hub"', f'<{topic}>; rel="self"') == Shown(topic, (HUB,))


def test_relative_addresses_belong_to_the_address_of_the_reply() -> None:
    assert found('<../hub>; rel="hub", <feed.xml>; rel="self"') == Shown(
        "https://news.example/feed.xml", ("https://news.example/hub",)
    )


def test_the_document_counts_only_where_the_headers_show_no_hub() -> None:
    inside = ("https://other.example/",)
    assert found(f"<{HUB}>; rel=hub", hubs=inside, self_link="https://x.example/") == Shown(
        FEED, (HUB,)
    )
    assert found(hubs=inside, self_link="/topic") == Shown("https://news.example/topic", inside)


def test_an_encrypted_hub_comes_before_others_and_each_once() -> None:
    seen = found(
        "<http://one.example/>; rel=hub",
        "<https://two.example/>; rel=hub, <https://three.example/>; rel=hub",
        "<http://one.example/>; rel=hub",
    )
    assert seen is not None
    assert seen.hubs == ("https://two.example/", "https://three.example/", "http://one.example/")


@pytest.mark.parametrize(
    "target",
    [
        "ftp://hub.example/",
        "javascript:alert(1)",
        "https://user:word@hub.example/",
        "https://[::1/",
        "",
        "https://hub.example/" + "a" * 2_000,
    ],
)
def test_what_cannot_be_asked_is_passed_over(target: str) -> None:
    assert found(f"<{target}>; rel=hub") is None
    assert found(hubs=(target,)) is None


@pytest.mark.parametrize(
    "header", ["", ",", "<", "<>", "rel=hub", f"<{HUB}>", f"{HUB}; rel=hub", f"<{HUB}; rel=hub"]
)
def test_a_header_that_makes_no_sense_shows_nothing(header: str) -> None:
    assert found(header) is None


def test_a_link_of_another_document_is_none_of_this_feed() -> None:
    assert found(f'<{HUB}>; rel="hub"; anchor="/other"') is None


def test_a_feed_with_a_hundred_hubs_makes_us_ask_few() -> None:
    many = ", ".join(f"<https://h{n}.example/>; rel=hub" for n in range(100))
    seen = found(many)
    assert seen is not None
    assert len(seen.hubs) == 5


@pytest.mark.parametrize(
    "piece", ["<", " ", "<a>; ", "<a>", "<a>;", '<a>;b="', ';x="\\', ",", "<a>;rel=hub"]
)
def test_a_hostile_header_takes_no_time(piece: str) -> None:
    """A pattern that backtracks would be at this for hours."""
    found(piece * (60_000 // len(piece)))
