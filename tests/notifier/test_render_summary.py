"""How several alerts look in one message: whatever they say, however many they are."""

import json

import pytest

from schemas.rule import Severity
from services.notifier.message import (
    MOST_ITEMS,
    OtherReport,
    SummaryKind,
    SummaryMessage,
    decode,
)
from services.notifier.render import render_email, render_slack
from services.notifier.summaries import Occasion, compose_summary
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.golden_files import assert_golden
from tests.notifier.summaries import IDS, alert, hostile_summary, quiet_night
from tests.notifier.test_render_console import printed
from tests.notifier.test_render_email import UNSEEN
from tests.notifier.test_render_slack import assert_nothing_is_live, assert_slack_accepts, texts_of


def test_a_summary_on_a_terminal() -> None:
    assert_golden("summary-console-80.txt", printed(quiet_night(), 80))


def test_a_summary_in_slack() -> None:
    payload = render_slack(quiet_night(), NOW)
    assert_golden("summary-slack.json", json.dumps(payload, indent=2, ensure_ascii=False) + "\n")
    assert_slack_accepts(payload)
    assert_nothing_is_live(payload)


def test_a_summary_as_a_mail() -> None:
    mail = render_email(quiet_night(), NOW)
    assert_golden("summary-email.txt", f"Subject: {mail.subject}\n\n{mail.text}")
    assert_golden("summary-email.html", mail.html + "\n")


def test_a_summary_without_alerts_is_still_a_message() -> None:
    occasion = Occasion(SummaryKind.FLOOD_BEGINS, "Rule ferries floods", NOW, ("More at 11:00.",))
    message = compose_summary(occasion, [], IDS, "UTC")
    payload = render_slack(message, NOW)
    assert_slack_accepts(payload)
    assert payload["text"] == "*Rule ferries floods*\nMore at 11:00."
    assert "More at 11:00." in printed(message, 80)
    assert "More at 11:00." in render_email(message, NOW).html


def test_the_gravest_come_first_and_then_the_latest() -> None:
    titles = [item.title.split()[0] for item in quiet_night().items]
    assert titles == ["Ferry", "Harbour", "Fares", "Timetable"]


def test_a_line_counts_the_alerts_of_each_rule() -> None:
    assert quiet_night().lines == ("Rule fares 3, Rule ferries 1, Rule harbour 1",)
    assert quiet_night(alert("One"), alert("Another")).lines == ()
    assert quiet_night(ferry_alert()).lines == ()


def many(alerts: int) -> SummaryMessage:
    return quiet_night(*(alert(f"Fares number {n}", hours_ago=n) for n in range(alerts)))


@pytest.mark.parametrize("alerts", [1, 50, 51, 400])
def test_no_alert_is_neither_shown_nor_counted(alerts: int) -> None:
    message = many(alerts)
    assert len(message.items) == min(alerts, MOST_ITEMS)
    assert len(message.items) + message.left_out == alerts
    payload, mail = render_slack(message, NOW), render_email(message, NOW)
    assert_slack_accepts(payload)
    for shown, text in (
        (sum(b["type"] == "section" for b in payload["blocks"]), json.dumps(payload["blocks"])),
        (mail.text.count("\n- "), mail.text),
        (mail.html.count("<h2"), mail.html),
        (printed(message, 100).count("Fares number"), printed(message, 100)),
    ):
        left = alerts - shown
        assert (f"and {left} more alert" in text) == bool(left)
        assert shown


def test_hostile_text_notifies_nobody_and_keeps_to_the_limits() -> None:
    payload = render_slack(hostile_summary(), NOW)
    assert_slack_accepts(payload)
    assert_nothing_is_live(payload)
    assert sum(len(text["text"]) for text in texts_of(payload)) < 13_000
    assert "<!channel>" not in json.dumps(payload)
    assert "javascript" not in json.dumps(payload)


def test_hostile_text_steers_no_terminal_and_reaches_no_header() -> None:
    shown, mail = printed(hostile_summary(), 80), render_email(hostile_summary(), NOW)
    for text in (shown, *mail):
        assert not UNSEEN & set(text)
        assert len(text) < 300_000
    assert "\n" not in mail.subject
    assert len(mail.subject) <= 160
    assert "<script" not in mail.html
    assert "javascript:" not in mail.html


def test_a_full_mail_is_shown_whole_by_the_large_mail_services() -> None:
    """They cut at 102 kB."""
    assert len(render_email(many(MOST_ITEMS), NOW).html.encode()) < 100_000


def test_the_colour_is_that_of_the_gravest() -> None:
    header = render_slack(quiet_night(), NOW)["blocks"][0]["text"]["text"]
    assert header.startswith("🔴 4 alerts from quiet hours, 22:00 to 07:00")
    low = quiet_night(alert("Dogs travel free", severity=Severity.LOW))
    assert render_slack(low, NOW)["blocks"][0]["text"]["text"].startswith("⚪ 1 alert from")


def test_an_alert_in_a_summary_says_who_else_reports_it() -> None:
    other = OtherReport(source="The Island Post", is_copy=True, seen_at=NOW)
    message = quiet_night(ferry_alert().model_copy(update={"others": (other,)}))
    slack = json.dumps(render_slack(message, NOW)["blocks"], ensure_ascii=False)
    for shown in (slack, printed(message, 100), *render_email(message, NOW)[1:]):
        assert "The Island Post" in shown


def test_a_stored_summary_reads_the_same() -> None:
    message = quiet_night()
    assert decode(message.encode()) == message
    assert isinstance(decode(message.encode()), SummaryMessage)
