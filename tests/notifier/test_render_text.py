"""Text and links from outside made fit to be shown."""

import pytest

from services.notifier import clean
from services.notifier.links import host_of, safe_link


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("  two\n lines\tand\u2028more ", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b31m\x85x", "31m x"),
        ("\u202eabc\u2066\u200e\u061c", "abc"),
        ("lone \ud800 surrogate\ufffe", "lone surrogate"),
        ("می‌خواهم", "می‌خواهم"),
        ("👩‍🚀", "👩‍🚀"),
        ("hid\U000e0041den", "hidden"),
        ("z\u200be\u200bro\u00ad wi\u2060dth", "zero width"),
        ("\u200b\u3164 \u200d\u200d\u200c\u2800", ""),
        ("a" + "\u0301" * 500 + "b", "a" + "\u0301" * 4 + "b"),
    ],
)
def test_a_line_is_one_line_of_what_can_be_seen(raw: str, shown: str) -> None:
    assert clean.line(raw, 100) == shown


def test_cutting_keeps_words_whole_and_says_so() -> None:
    assert clean.cut("one two three", 10) == "one two…"
    assert clean.cut("one two", 7) == "one two"
    assert clean.cut("x" * 50, 10) == "x" * 9 + "…"
    assert clean.cut_front("one two three", 10) == "…three"
    assert clean.cut_front("x" * 50, 10) == "…" + "x" * 9


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://a.example/x?y=1&z=2#f", "https://a.example/x?y=1&z=2#f"),
        ("https://a.example/a b|c<d>e\"f'g", "https://a.example/a%20b%7Cc%3Cd%3Ee%22f%27g"),
        ("https://a.example/already%20encoded", "https://a.example/already%20encoded"),
        ("https://a.example/straße", "https://a.example/stra%C3%9Fe"),
        ("https://xn--80ak6aa92e.com/", "https://xn--80ak6aa92e.com/"),
        ("https://аррӏе.com/login", "https://xn--80ak6aa92e.com/login"),
        ("https://bank.example@evil.example/", "https://evil.example/"),
        ("http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("HTTPS://A.example/X", "https://a.example/X"),
        ("javascript:alert(1)", None),
        ("ftp://a.example/", None),
        ("data:text/html,x", None),
        ("//a.example/x", None),
        ("https:///x", None),
        ("https://[broken/", None),
        ("https://a.example:99999/", None),
        ("https://a.example/\x1b[2J", None),
        ("https://a.example/" + "x" * 3000, None),
        ("", None),
        (None, None),
    ],
)
def test_only_web_links_are_linked_and_nothing_breaks_out(
    url: str | None, link: str | None
) -> None:
    assert safe_link(url) == link
    assert safe_link(link) == link


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://News.Example:8443/x", "news.example"),
        ("https://аррӏе.com/", "xn--80ak6aa92e.com"),
        ("https://" + "é" * 80 + ".example/", None),
        ("https://a<b.example/", None),
        ("mailto:a@b.example", None),
        (None, None),
    ],
)
def test_a_host_is_shown_in_ascii(url: str | None, host: str | None) -> None:
    assert host_of(url) == host
