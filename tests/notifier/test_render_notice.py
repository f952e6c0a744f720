"""How a notice to the operator looks, wherever it goes, and whatever a feed says."""

import json
from typing import Any

import pytest

from schemas.notice import NoticeKind
from services.notifier.message import AlertMessage, NoticeMessage, decode
from services.notifier.render import render_email, render_slack
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.golden_files import assert_golden
from tests.notifier.notices import HOSTILE, hostile_notice, told
from tests.notifier.test_render_console import printed
from tests.notifier.test_render_email import UNSEEN
from tests.notifier.test_render_slack import assert_nothing_is_live, assert_slack_accepts


def test_a_broken_feed_on_a_terminal() -> None:
    assert_golden("notice-console-80.txt", printed(told(), 80))


def test_a_broken_feed_in_slack() -> None:
    payload = render_slack(told(), NOW)
    assert_golden("notice-slack.json", json.dumps(payload, indent=2, ensure_ascii=False) + "\n")
    assert_slack_accepts(payload)
    assert_nothing_is_live(payload)


def test_a_broken_feed_as_a_mail() -> None:
    mail = render_email(told(), NOW)
    assert_golden("notice-email.txt", f"Subject: {mail.subject}\n\n{mail.text}")
    assert_golden("notice-email.html", mail.html + "\n")


def test_what_every_notice_says() -> None:
    texts = [f"{render_email(told(kind), NOW).text}" for kind in NoticeKind]
    assert_golden("notices.txt", "\n".join(texts))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"next_poll_at": None, "error": "gone: answered 410 Gone"}, "has ended"),
        ({"next_poll_at": None}, "It is polled no more."),
        ({"last_success_at": None}, "It has never answered: 6 polls failed since"),
        ({"failures": 1}, "1 poll in a row failed"),
        ({"feed_name": None}, "harbour cannot be read"),
    ],
)
def test_a_broken_feed_is_told_as_it_is(changes: dict[str, Any], said: str) -> None:
    assert said in " ".join(render_email(told(**changes), NOW).text.split())


def test_times_are_those_of_the_subscriber() -> None:
    assert "failed since 14 Mar 2026, 09:26 CET" in told().lines[0]


def test_hostile_text_notifies_nobody_and_keeps_to_the_limits() -> None:
    payload = render_slack(hostile_notice(), NOW)
    assert_slack_accepts(payload)
    assert_nothing_is_live(payload)
    assert "<!channel>" not in json.dumps(payload)


def test_hostile_text_steers_no_terminal_and_reaches_no_header() -> None:
    shown, mail = printed(hostile_notice(), 80), render_email(hostile_notice(), NOW)
    for text in (shown, *mail):
        assert not UNSEEN & set(text)
        assert len(text) < 60_000
    assert "\n" not in mail.subject
    assert len(mail.subject) <= 160
    assert "<script" not in mail.html


def test_the_name_and_the_error_of_a_feed_are_clean_when_they_are_stored() -> None:
    message = told(feed_name=HOSTILE, error=HOSTILE * 1000, host=HOSTILE)
    assert not UNSEEN & set(message.encode().decode())
    assert len(message.encode()) < 5000


def test_a_stored_notice_reads_the_same() -> None:
    message = told()
    assert decode(message.encode()) == message
    assert isinstance(decode(message.encode()), NoticeMessage)


def test_an_alert_that_was_stored_before_there_were_notices_is_still_an_alert() -> None:
    old = json.loads(ferry_alert().encode())
    del old["type"]
    assert decode(json.dumps(old).encode()) == ferry_alert()
    assert isinstance(decode(ferry_alert().encode()), AlertMessage)
