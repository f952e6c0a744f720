"""The words that every form of a message shares."""

from datetime import timedelta

import pytest

from schemas.article import TextOrigin, TextReason
from services.notifier.render import wording
from tests.notifier.alerts import NOW, ferry_alert


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3.0, "0 seconds"),
        (0.04, "0 seconds"),
        (0.44, "0.4 seconds"),
        (1.0, "1 second"),
        (9.96, "10 seconds"),
        (59.4, "59 seconds"),
        (59.6, "1 minute"),
        (125.0, "2 minutes 5 seconds"),
        (3600.0, "1 hour"),
        (3605.0, "1 hour"),
        (90061.0, "1 day 1 hour"),
    ],
)
def test_a_delay_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert wording.span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/Oslo", "14 Mar 2026, 10:26 CET"),
        ("UTC", "14 Mar 2026, 09:26 UTC"),
        ("Asia/Riyadh", "14 Mar 2026, 12:26 UTC+03"),
        ("Nowhere/Land", "14 Mar 2026, 09:26 UTC"),
        ("../../etc/passwd", "14 Mar 2026, 09:26 UTC"),
        ("", "14 Mar 2026, 09:26 UTC"),
    ],
)
def test_a_time_is_told_in_the_subscribers_zone(zone: str, words: str) -> None:
    assert wording.moment(NOW, zone) == words


def test_the_latency_names_every_step() -> None:
    assert wording.latency(ferry_alert(), NOW) == (
        "seen 2 minutes after publication, matched 0.5 seconds later, sent 4.5 seconds later"
    )


def test_an_unknown_time_of_publication_is_not_made_up() -> None:
    message = ferry_alert(published_at=None)
    assert wording.published(message) == "not said by the feed"
    assert wording.latency(message, NOW) == (
        "published at an unknown time, matched 0.5 seconds after it was seen, "
        "sent 4.5 seconds later"
    )


def test_a_later_version_is_told_apart_from_the_first() -> None:
    message = ferry_alert(first_seen_at=NOW - timedelta(minutes=62))
    assert "this version seen 1 hour 1 minute later" in wording.latency(message, NOW)


@pytest.mark.parametrize("reason", TextReason)
@pytest.mark.parametrize("text", TextOrigin)
def test_every_reason_has_words(text: TextOrigin, reason: TextReason) -> None:
    said = wording.what_was_read(ferry_alert(text=text, text_reason=reason))
    assert said.startswith("Full text" if text is TextOrigin.FULL else "Only the feed's summary")
    assert reason.value not in said or "_" not in reason.value
