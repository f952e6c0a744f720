"""Which address a page may claim to be known by."""

import pytest

from services.poller.canonical import sane_canonical

URL = "https://courier.example/world/article-1.html?utm_source=feed"


@pytest.mark.parametrize(
    ("href", "address"),
    [
        ("/world/article-1.html", "https://courier.example/world/article-1.html"),
        (" https://courier.example/a#top ", "https://courier.example/a"),
        ("//www.courier.example/a", "https://www.courier.example/a"),
        ("https://agency.example/original", "https://agency.example/original"),
        ("http://courier.example/?p=17", "http://courier.example/?p=17"),
    ],
)
def test_an_address_of_the_page_or_of_its_original_is_believed(href: str, address: str) -> None:
    assert sane_canonical(href, URL) == address


@pytest.mark.parametrize(
    "href",
    [
        "/",
        "https://courier.example",
        "http://localhost:3000/world/article-1.html",
        "http://10.1.2.3/world/article-1.html",
        "https://staging/world/article-1.html",
        "https://user:secret@courier.example/a",
        "javascript:void(0)",
        "mailto:desk@courier.example",
        "http://[broken/",
        "https://courier.example/" + "a" * 3_000,
    ],
)
def test_home_pages_developers_machines_and_nonsense_are_not(href: str) -> None:
    assert sane_canonical(href, URL) is None


def test_a_home_page_may_be_its_own_address() -> None:
    assert sane_canonical("/", "https://courier.example/#news") == "https://courier.example/"
