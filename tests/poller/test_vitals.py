"""What is remembered of how a feed fares, poll by poll."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.article import TextOrigin, TextReason
from services.poller import memory as remembered
from services.poller.health import vitals
from services.poller.health.gaps import Gaps
from services.poller.health.texts import NO_TEXTS, Texts, text_of, with_more
from services.poller.health.vitals import NOTHING_KNOWN, Vitals, quiet_for
from tests.notifier.alerts import article
from tests.poller.faring import DAY, HOUR, MINUTE, START, Faring


def quiet(feed: Faring) -> timedelta | None:
    return quiet_for(feed.memory.vitals, feed.memory.last_success_at)


def test_a_feed_without_a_new_entry_so_far_is_not_quiet() -> None:
    assert quiet(Faring().answers().answers_for(DAY)) is None


def test_quiet_is_the_time_since_the_last_new_entry() -> None:
    feed = Faring().answers().publishes_every(HOUR, 1).answers_for(5 * HOUR)
    assert quiet(feed) == 5 * HOUR


def test_time_in_which_nobody_looked_is_not_quiet() -> None:
    feed = Faring().answers().publishes_every(HOUR, 1).answers_for(HOUR)
    feed.pass_by(3 * DAY).answers()
    assert quiet(feed) == 3 * HOUR  # at most two hours of a standstill count
    feed.answers_for(HOUR)
    assert quiet(feed) == 4 * HOUR


def test_failures_are_no_quiet_either() -> None:
    feed = Faring().answers().publishes_every(HOUR, 1).fails_for(3 * DAY).answers()
    assert quiet(feed) == 2 * HOUR


def test_a_feed_that_is_polled_seldom_is_watched_between_its_polls() -> None:
    feed = Faring().answers().publishes_every(HOUR, 1)
    feed.memory = replace(feed.memory, interval=12 * HOUR)
    assert quiet(feed.pass_by(20 * HOUR).answers()) == 20 * HOUR


def test_a_standstill_of_ours_is_no_gap_of_the_feed() -> None:
    feed = Faring().answers().publishes_every(HOUR, 3)
    feed.pass_by(9 * DAY).answers(new=True)
    longest = feed.memory.vitals.gaps.longest_gap
    assert longest is not None
    assert longest < 3 * HOUR


def test_failures_have_a_beginning_and_an_end() -> None:
    feed = Faring().answers().pass_by(MINUTE).fails().pass_by(MINUTE).fails()
    seen = feed.memory.vitals
    assert (seen.failing_since, seen.failed_at) == (START + MINUTE, START + 2 * MINUTE)
    assert seen.answering_since is None
    feed.pass_by(MINUTE).answers().pass_by(MINUTE).answers()
    seen = feed.memory.vitals
    assert (seen.failing_since, seen.failed_at) == (None, None)
    assert seen.answering_since == START + 3 * MINUTE


def test_an_unchanged_answer_changes_nothing() -> None:
    feed = Faring().answers().pass_by(MINUTE).answers()
    before = feed.memory.vitals
    assert feed.pass_by(MINUTE).answers().memory.vitals is before


def test_at_another_address_the_failures_of_the_old_one_are_past() -> None:
    feed = Faring().answers().publishes_every(HOUR, 3).fails()
    moved = remembered.at_address(feed.memory, "https://new.example/feed", feed.now)
    assert moved.vitals.failing_since is None
    assert moved.vitals.gaps == feed.memory.vitals.gaps


def test_of_an_address_that_was_never_read_nothing_is_known() -> None:
    assert vitals.from_json(None) == vitals.from_json({}) == NOTHING_KNOWN
    assert vitals.to_json(NOTHING_KNOWN) == {}


TIMES = st.none() | st.datetimes().map(lambda t: t.replace(tzinfo=START.tzinfo))


@given(
    st.builds(
        Vitals,
        failures=st.integers(0, 10**6),
        failing_since=TIMES,
        failed_at=TIMES,
        answering_since=TIMES,
        last_new_at=TIMES,
        unwatched=st.integers(0, 10**9).map(lambda s: timedelta(seconds=s)),
        gaps=st.builds(
            Gaps, st.binary(min_size=1, max_size=20), st.binary(max_size=28), st.integers(0, 10**6)
        ),
        texts=st.builds(Texts, st.integers(0, 99), st.integers(1, 99)),
    )
)
def test_what_is_stored_reads_the_same(seen: Vitals) -> None:
    assert vitals.from_json(json.loads(json.dumps(vitals.to_json(seen)))) == seen


@pytest.mark.parametrize(
    ("text", "reason", "counted"),
    [
        (TextOrigin.FULL, TextReason.PAGE, Texts(1, 1)),
        (TextOrigin.FULL, TextReason.FEED_BODY, Texts(1, 1)),
        (TextOrigin.SUMMARY, TextReason.FORBIDDEN, Texts(0, 1)),
        (TextOrigin.SUMMARY, TextReason.NOT_WANTED, NO_TEXTS),
    ],
)
def test_texts_that_were_wanted_count(text: TextOrigin, reason: TextReason, counted: Texts) -> None:
    assert text_of(article(text=text, text_reason=reason)) == counted


def test_the_rate_of_texts_follows_the_last_hundred() -> None:
    texts = with_more(NO_TEXTS, Texts(1000, 1000))
    for _ in range(100):
        texts = with_more(texts, Texts(0, 1))
    assert texts.wanted <= 100
    assert texts.rate is not None
    assert texts.rate < 0.4
    assert NO_TEXTS.rate is None
