"""How much poison is too much, and what a dead letter carries."""

from datetime import UTC, datetime

import pytest

from schemas.dead_letter import MAX_ERROR_CHARS, DeadLetter, original_headers
from schemas.message import MalformedMessageError
from schemas.topics import ARTICLES_DLQ
from services.bus.poison import (
    Bad,
    Continue,
    PoisonPolicy,
    Stop,
    dead_letter_of,
    judge,
    offsets_of,
)
from services.bus.port import Record

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
POLICY = PoisonPolicy()


def letter(offset: int = 7, partition: int = 2, topic: str = "articles") -> DeadLetter:
    return DeadLetter(
        topic=topic,
        partition=partition,
        offset=offset,
        error="no title",
        attempts=4,
        first_failure=NOON,
    )


def stored(headers: dict[str, bytes]) -> Record:
    return Record("articles-dlq", 0, 0, "k", b"v", headers, NOON)


def test_up_to_the_limit_bad_records_are_put_aside() -> None:
    assert judge(range(0, 19), 50, POLICY) == Continue()
    assert judge(range(0, 20), 50, POLICY) == Stop("21 of the 100 records up to offset 50 are bad")


def test_only_the_window_counts() -> None:
    twenty = range(1, 21)
    assert isinstance(judge(twenty, 100, POLICY), Stop)
    assert judge(twenty, 101, POLICY) == Continue()


def test_repeats_count_once_and_later_records_do_not_count() -> None:
    assert judge([5] * 100, 6, POLICY) == Continue()
    assert judge(range(100, 150), 50, POLICY) == Continue()


def test_a_record_that_is_among_the_letters_already_counts_once() -> None:
    assert judge(range(31, 51), 50, POLICY) == Continue()


def test_a_limit_of_zero_stops_at_the_first() -> None:
    assert isinstance(judge([], 0, PoisonPolicy(limit=0)), Stop)


def test_headers_carry_a_letter_there_and_back() -> None:
    headers = letter().to_headers()
    assert set(headers) == {"topic", "partition", "offset", "error", "attempts", "first_failure"}
    assert DeadLetter.from_headers({**headers, "other": b"\xff"}) == letter()
    assert original_headers({**headers, "other": b"\xff"}) == {"other": b"\xff"}


def test_a_long_error_is_cut_and_an_unprintable_one_is_kept_as_far_as_possible() -> None:
    long = letter().model_copy(update={"error": "\ud800" + "x" * 10_000})
    read = DeadLetter.from_headers(long.to_headers())
    assert read.error == "?" + "x" * (MAX_ERROR_CHARS - 1)


def test_headers_without_a_letter_are_malformed_and_say_what_is_missing() -> None:
    headers = letter().to_headers()
    del headers["offset"]
    with pytest.raises(MalformedMessageError, match="missing offset"):
        DeadLetter.from_headers(headers | {"error": b"\xff"})


def test_letters_of_other_partitions_topics_and_strangers_are_left_out() -> None:
    records = [
        stored(letter(offset=1).to_headers()),
        stored(letter(offset=2, partition=3).to_headers()),
        stored(letter(offset=3, topic="matches").to_headers()),
        stored({"topic": b"articles"}),
        stored(letter(offset=5).to_headers()),
    ]
    assert offsets_of(records, "articles", 2) == [1, 5]


def test_a_dead_letter_of_a_dead_letter_names_where_it_was_last() -> None:
    headers = {**letter().to_headers(), "own": b"1"}
    record = Record("articles", 1, 99, "k", None, headers, NOON)
    outgoing = dead_letter_of(Bad(record, "worse", 1, NOON), ARTICLES_DLQ)
    read = DeadLetter.from_headers(outgoing.headers)
    assert (read.partition, read.offset, read.error) == (1, 99, "worse")
    assert (outgoing.value, outgoing.headers["own"]) == (None, b"1")
