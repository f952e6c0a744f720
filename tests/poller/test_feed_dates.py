"""Dates of feeds: read rightly, or absent."""

from datetime import UTC, datetime

import pytest

from services.poller.parse.dates import read_date

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 05 Mar 2026 12:00:00 GMT",
        "Thu, 05 Mar 2026 13:00:00 +0100",
        "Thu, 5 Mar 2026 07:00:00 EST",
        "Thu, 05 Mar 2026 21:00:00 JST",
        "05 Mar 26 13:00 cet",
        "Thu, 05 Mar 2026 12:00:00",
        "Thursday, 05 March 2026 12:00:00 GMT",
        "2026-03-05T12:00:00Z",
        "2026-03-05T13:00:00.25+01:00",
        "2026-03-05 12:00:00",
        "20260305T120000Z",
        "20260305T1200",
        "Do, 05 Mär 2026 13:00:00 +0100",
        "jeudi 5 mars 2026 13:00:00 +0100",
        "5 de marzo 2026 12:00",
        "чт, 05 марта 2026 15:00:00 MSK",
        " Thu, 05 Mar 2026 12:00:00 GMT\n",
    ],
)
def test_a_time_is_read_in_utc(text: str) -> None:
    assert read_date(text) == NOON


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("Mi, 5 Dez 2025 12:00:00 +0000", 12),
        ("5 août 2025 12:00", 8),
        ("5 fevereiro 2025 12:00", 2),
    ],
)
def test_months_have_names_in_other_languages(text: str, month: int) -> None:
    assert read_date(text) == datetime(2025, month, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "yesterday", "Thu, 31 Feb 2026 12:00:00 GMT", "Thu, 05 Mar 2026 25:00:00 GMT"),
        *("0001-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT", "5 Brumaire 2026 12:00"),
    ],
)
def test_what_is_no_date_is_absent(text: str) -> None:
    assert read_date(text) is None


def test_a_long_text_is_no_date_and_takes_no_time() -> None:
    assert read_date("5 " + "a " * 1_000_000) is None
    assert read_date("1" * 1_000_000) is None
