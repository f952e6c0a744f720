"""What goes over the wire as a mail: its headers, its identity, and that nothing breaks them."""

import email
import email.policy
from datetime import UTC
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier import clean
from services.notifier.channels import mime
from services.notifier.channels.mail import Letter, in_ascii, letter_to
from services.notifier.composing import compose
from services.notifier.message import AlertMessage, AnyMessage
from services.notifier.render import render_email
from services.notifier.render.offers import NO_OFFERS, Offers
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
from tests.notifier.notices import told

ANN, SENDER = "ann@desk.example", "alerts@wire.example"


def letter(
    message: AnyMessage, recipient: str = ANN, offers: Offers = NO_OFFERS, sender: str = SENDER
) -> Letter:
    return letter_to(recipient, message, sender, NOW, offers)


def read(of: Letter) -> EmailMessage:
    """The mail as a mail program reads it."""
    mail = email.message_from_bytes(of.content, policy=email.policy.SMTP)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    return mail


def changed(**changes: Any) -> AlertMessage:
    return ferry_alert().model_copy(update=changes)


def test_what_stands_in_the_headers() -> None:
    mail = read(letter(ferry_alert()))
    assert {name: str(value) for name, value in mail.items() if name != "Date"} == {
        "Subject": "Ferry line to the northern islands stops & starts again "
        "[Urgent: Rule ferries and 1 more rule]",
        "From": "Wirewatch <alerts@wire.example>",
        "To": ANN,
        "Message-ID": "<0123456789abcdef.f579a70cc192@wire.example>",
        "References": "<story.fedcba9876543210@wire.example>",
        "List-Id": "Wirewatch desk <desk.wirewatch.wire.example>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Importance": "high",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="=_0123456789abcdef"',
    }
    assert mail["Date"].datetime.astimezone(UTC) == NOW.replace(microsecond=0)


def test_both_texts_arrive_as_they_were_rendered() -> None:
    mail, rendered = read(letter(ferry_alert())), render_email(ferry_alert(), NOW)
    parts = [(part.get_content_type(), part.get_content()) for part in mail.iter_parts()]
    assert [kind for kind, _ in parts] == ["text/plain", "text/html"]
    assert parts[0][1].splitlines() == rendered.text.splitlines()
    assert parts[1][1].splitlines() == rendered.html.splitlines()


def test_only_what_is_urgent_claims_to_be_important() -> None:
    calm = [rule.model_copy(update={"severity": "high"}) for rule in ferry_alert().rules]
    assert read(letter(changed(rules=tuple(calm))))["Importance"] is None
    assert read(letter(told()))["Importance"] is None


def test_a_repeat_has_the_same_identity_and_everybody_has_one_of_their_own() -> None:
    ids = [
        str(read(letter(ferry_alert(), who))["Message-ID"]) for who in (ANN, ANN, "bob@x.example")
    ]
    assert ids[0] == ids[1] != ids[2]


def test_mails_of_one_story_are_one_thread_and_later_ones_answer_it() -> None:
    later = [changed(delivery_id="b", sequence=2), changed(delivery_id="c", update=True)]
    first, *others = [read(letter(message)) for message in (ferry_alert(), *later)]
    assert len({str(mail["Message-ID"]) for mail in (first, *others)}) == 3
    assert {str(mail["References"]) for mail in (first, *others)} == {
        "<story.fedcba9876543210@wire.example>"
    }
    assert first["In-Reply-To"] is None
    assert {str(mail["In-Reply-To"]) for mail in others} == {str(first["References"])}


@pytest.mark.parametrize(
    ("url", "post"),
    [
        ("https://wire.example/unsubscribe/abc", "List-Unsubscribe=One-Click"),
        ("http://wire.example/unsubscribe/abc", None),
    ],
)
def test_one_click_is_offered_where_the_link_is_safe(url: str, post: str | None) -> None:
    mail = read(letter(ferry_alert(), offers=Offers(unsubscribe=url)))
    assert mail["List-Unsubscribe"] == f"<{url}>"
    assert mail["List-Unsubscribe-Post"] == post


def test_without_a_public_address_no_link_is_offered() -> None:
    mail = read(letter(ferry_alert()))
    assert mail["List-Unsubscribe"] is None
    assert mail["List-Unsubscribe-Post"] is None


def test_a_link_that_is_longer_than_a_line_may_be_stands_in_the_text_alone() -> None:
    url = "https://wire.example/" + "a" * 1_000
    mail = letter(ferry_alert(), offers=Offers(unsubscribe=url))
    assert read(mail)["List-Unsubscribe"] is None
    assert url in read(mail).get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_headline_cannot_add_a_header() -> None:
    mail = read(letter(hostile_alert()))
    assert mail["Bcc"] is None
    assert set(mail.keys()) == set(read(letter(ferry_alert())).keys()) - {"Importance"}
    assert len(mail["Subject"]) <= 160


@pytest.mark.parametrize(
    "text", ["a\r\nBcc: b@c.example", "a\x00", "a\x85b", "a\u2028b", "x" * 999]
)
def test_what_is_no_line_of_a_header_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="this is not a line"):
        mime.field("To", text)


@pytest.mark.parametrize(
    "subject",
    [
        "plain",
        "=?utf-8?b?bm90IG1pbmU=?=",
        "Fähre nach Nordholm fällt aus, und zwar für länger als man es am Montag noch geglaubt hat",
        "渡轮停运" * 20,
        "👩‍👩‍👧‍👦" * 30,
        "one blank  and two, and a very long line of plain words that does not fit into a line",
    ],
)
def test_a_subject_is_read_as_it_was_written(subject: str) -> None:
    field = mime.subject(subject)
    assert field.isascii()
    assert max(map(len, field.split("\r\n"))) <= 84
    mail = email.message_from_bytes(mime.mail([field], "t", "h", "b"), policy=email.policy.SMTP)
    assert mail["Subject"] == subject


@given(st.text(max_size=200), st.text(max_size=40), st.text(max_size=40))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_any_text_and_any_identity_make_a_mail(title: str, source: str, identity: str) -> None:
    of = article(title=title, source=source)
    message = compose(matches(of, rule_match("r", [[hit(of, "ferry")]])), {"r"}, IDS, "UTC")
    ids = {"delivery_id": identity, "story_id": identity, "subscription_id": identity}
    made = letter(message.model_copy(update=ids))
    assert made.content.isascii()
    lines = made.content.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 200
    assert read(made)["Subject"] == render_email(message, NOW).subject


@given(st.text(max_size=400))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_any_text_arrives_as_it_was(text: str) -> None:
    text = clean.piece(text)
    mail = email.message_from_bytes(mime.mail([], text, text, "=_b"), policy=email.policy.SMTP)
    for part in mail.iter_parts():
        assert part.get_content().removesuffix("\r\n") == text


def test_an_installation_with_letters_beyond_ascii_in_its_address_breaks_no_header() -> None:
    offers = Offers(unsubscribe="https://wächter.example/ä/unsubscribe/t0k3n")
    sent = letter(ferry_alert(), offers=offers)
    head = sent.content.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert (
        read(sent)["List-Unsubscribe"]
        == "<https://xn--wchter-bua.example/%C3%A4/unsubscribe/t0k3n>"
    )


@pytest.mark.parametrize(
    ("address", "ascii_"),
    [
        ("ann@faß.example", "ann@xn--fa-hia.example"),  # and not fass.example, which is another's
        ("ann@München.example", "ann@xn--mnchen-3ya.example"),
        ("Ann@Desk.example", "Ann@Desk.example"),
        ("jörg@desk.example", "jörg@desk.example"),
    ],
)
def test_a_mail_goes_to_the_domain_that_was_written(address: str, ascii_: str) -> None:
    assert in_ascii(address) == ascii_
