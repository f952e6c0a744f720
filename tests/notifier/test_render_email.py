"""How an alert looks as a mail."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html

from services.notifier.composing import compose
from services.notifier.render import render_email
from tests.notifier.alerts import (
    IDS,
    NOW,
    article,
    ferry_alert,
    hit,
    hostile_alert,
    matches,
    rule_match,
)
from tests.notifier.golden_files import assert_golden

UNSEEN = set("\x00\x1b\x07\x9b\r\u202e\u2066\u200f")


def test_an_alert_as_a_mail() -> None:
    mail = render_email(ferry_alert(), NOW)
    assert_golden("email.txt", f"Subject: {mail.subject}\n\n{mail.text}")
    assert_golden("email.html", mail.html + "\n")


def test_text_from_outside_is_text_in_html() -> None:
    page = lxml_html.document_fromstring(render_email(ferry_alert(), NOW).html)
    sentences = ["".join(map(str, element.itertext())) for element in with_class(page, "sentence")]
    assert "carried <medicine> & mail" in sentences[0]
    assert [element.text for element in with_class(page, "hit")] == ["ferry", "Nordholm", "Fares"]


def with_class(page: etree._Element, name: str) -> list[etree._Element]:
    return [element for element in page.iter() if element.get("class") == name]


def test_hostile_text_reaches_neither_header_nor_page() -> None:
    mail = render_email(hostile_alert(), NOW)
    for text in mail:
        assert not UNSEEN & set(text)
    assert "\n" not in mail.subject
    assert len(mail.subject) <= 160
    assert "<script" not in mail.html
    assert "javascript:" not in mail.html
    assert len(mail.html) < 300_000


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = render_email(ferry_alert(), NOW).html
    assert not re.search(r"<(img|link|script|iframe)|url\(|@import", page)
    assert "prefers-color-scheme: dark" in page
    assert "max-width:600px" in page


def test_a_headline_without_a_web_link_is_not_linked() -> None:
    assert "<a " not in render_email(ferry_alert(url="javascript:alert(1)"), NOW).html


def test_a_long_link_stays_on_one_line_of_the_text() -> None:
    url = "https://gazette.example/" + "a-b-" * 60
    assert url in render_email(ferry_alert(url=url), NOW).text.splitlines()


@given(st.text(max_size=60), st.text(max_size=60))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_any_text_makes_a_mail(one: str, two: str) -> None:
    of = article(title=one, body=f"{two} ferry {one}", source=two)
    found = rule_match("r", [[hit(of, "ferry")]])
    mail = render_email(compose(matches(of, found), {"r"}, IDS, "UTC"), NOW)
    assert mail.subject.isprintable() or "\u200c" in mail.subject or not one.isprintable()
    assert not UNSEEN & set("".join(mail))
    lxml_html.document_fromstring(mail.html)
