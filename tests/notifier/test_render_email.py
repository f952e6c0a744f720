"""How an alert looks as a mail."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html

from services.notifier.composing import compose
from services.notifier.message import AlertMessage, OtherReport
from services.notifier.render import render_email
from services.notifier.render.email import LARGEST_HTML
from services.notifier.render.offers import Offers
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
from tests.notifier.summaries import quiet_night

OTHERS = (
    OtherReport(
        source="Associated Wire",
        host="wire.example",
        url="https://wire.example/ferry",
        is_copy=True,
        seen_at=NOW,
    ),
    OtherReport(source="Northern Post", host="post.example", is_copy=False, seen_at=NOW),
)
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
    assert len(mail.html.encode()) <= LARGEST_HTML


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = render_email(ferry_alert(), NOW).html
    assert not re.search(r"<(img|link|script|iframe)|url\(|@import", page)
    assert "prefers-color-scheme: dark" in page
    assert "max-width:600px" in page


def test_the_links_of_an_alert_stand_at_its_end() -> None:
    offers = Offers("https://w.example/a/1", "https://w.example/s/1", "https://w.example/u/1")
    mail = render_email(ferry_alert(), NOW, offers)
    assert mail.text.endswith(
        "\n-- \nSee this alert:\nhttps://w.example/a/1\n"
        "Silence this story:\nhttps://w.example/s/1\nUnsubscribe:\nhttps://w.example/u/1\n"
        "Sent by Wirewatch to the subscription desk.\n"
    )
    links = [a.get("href") for a in lxml_html.document_fromstring(mail.html).iter("a")]
    assert links[-3:] == [offers.alert, offers.silence, offers.unsubscribe]


def test_a_list_of_mails_shows_the_sentence_that_matched() -> None:
    body = lxml_html.document_fromstring(render_email(ferry_alert(), NOW).html).find("body")
    assert body is not None
    assert body[0].get("style", "").startswith("display:none")
    assert (body[0].text or "").startswith("The first ferry carried <medicine> & mail to Nordholm")


def test_who_else_reports_a_story_is_said() -> None:
    mail = render_email(ferry_alert().model_copy(update={"others": OTHERS}), NOW)
    said = "Also reported by Associated Wire (copy) and Northern Post · 3 outlets, 1 of them a copy"
    assert said in " ".join(mail.text.split())
    assert said in mail.html


def test_a_follow_up_says_only_what_is_new_and_is_in_the_thread() -> None:
    told = render_email(ferry_alert(), NOW)
    mail = render_email(ferry_alert().model_copy(update={"others": OTHERS, "update": True}), NOW)
    assert mail.subject == f"Re: {told.subject}"
    assert_golden("email-update.txt", f"Subject: {mail.subject}\n\n{mail.text}")
    assert_golden("email-update.html", mail.html + "\n")
    assert "The first ferry" not in mail.text + mail.html


def test_a_follow_up_of_unknown_reports_is_a_mail_all_the_same() -> None:
    mail = render_email(ferry_alert().model_copy(update={"update": True}), NOW)
    assert "Reported by others, too" in mail.text
    assert "Reported by others, too" in mail.html


def endless(url: str | None) -> AlertMessage:
    """An alert of which everything is as long, and as long in HTML, as it can be."""
    alert = ferry_alert()
    long = {"before": "<" * 900, "after": "&" * 900, "sentence": (('"' * 3_000, True),)}
    other = OTHERS[0].model_copy(update={"url": url, "source": "<" * 900})
    return alert.model_copy(
        update={
            "title": "&" * 1_000,
            "source": '"' * 1_000,
            "url": url,
            "rules": alert.rules[:1] * 60,
            "others": (other,) * 60,
            "excerpts": (alert.excerpts[0].model_copy(update=long),) * 5,
        }
    )


@pytest.mark.parametrize("url", [None, "https://gazette.example/" + "&" * 1_900])
def test_no_mail_is_so_large_that_its_end_is_cut_off(url: str | None) -> None:
    alert = endless(url)
    summary = quiet_night(*(alert.model_copy(update={"delivery_id": str(n)}) for n in range(60)))
    for message in (alert, alert.model_copy(update={"update": True}), summary):
        assert len(render_email(message, NOW).html.encode()) <= LARGEST_HTML
    assert re.search(r"and \d\d more alerts", render_email(summary, NOW).html)


def test_colours_can_be_read() -> None:
    for page in (render_email(ferry_alert(), NOW).html, render_email(quiet_night(), NOW).html):
        for dark, light in (("#57606a", "#ffffff"), ("#1b1f23", "#fff1b8"), *chips_in(page)):
            assert contrast(dark, light) >= 4.5
    for light, dark in (("#a3abb4", "#1a1d21"), ("#fff4c2", "#5c4a00"), ("#eceff2", "#1a1d21")):
        assert contrast(light, dark) >= 4.5
        assert light in page
        assert dark in page


def chips_in(page: str) -> list[tuple[str, str]]:
    return [
        (colour, "#ffffff") for colour in re.findall(r"background:(#\w{6});color:#ffffff", page)
    ]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


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
