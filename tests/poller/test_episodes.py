"""When a feed counts as broken or silent, and when that is over."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.poller import memory as remembered
from services.poller.health.episodes import (
    Began,
    Change,
    Ended,
    Episode,
    EpisodeKind,
    EpisodePolicy,
    judge,
)
from services.poller.health.states import STATES, state_of
from services.poller.schedule import Health
from tests.poller.faring import DAY, HOUR, MINUTE, START, Faring

POLICY = EpisodePolicy()


@dataclass
class Watched:
    """A feed whose episodes are kept, as the watch keeps them."""

    feed: Faring
    going_on: dict[EpisodeKind, Episode] = field(default_factory=dict)
    told: list[Change] = field(default_factory=list)

    def look(self, spared_until: datetime | None = None) -> list[str]:
        """What is told now: `+broken`, `-silent`."""
        changes = list(judge(self.feed.memory, self.going_on, POLICY, spared_until))
        for change in changes:
            if isinstance(change, Began):
                assert change.episode.kind not in self.going_on
                self.going_on[change.episode.kind] = change.episode
            else:
                assert self.going_on.pop(change.episode.kind) == change.episode
        self.told += changes
        return [f"{'+-'[isinstance(c, Ended)]}{c.episode.kind.value}" for c in changes]


def watched(feed: Faring | None = None) -> Watched:
    return Watched(feed or Faring().answers())


def never_answered(feed: Faring) -> Faring:
    feed.memory = Faring().memory
    return feed


BROKEN: dict[str, tuple[Callable[[Faring], object], bool]] = {
    "one failure": (lambda f: f.fails(), False),
    "many failures in a short time": (lambda f: f.fails_for(50 * MINUTE), False),
    "two failures far apart": (lambda f: f.fails().pass_by(9 * HOUR).fails(), False),
    "failures for an hour": (lambda f: f.fails_for(70 * MINUTE), True),
    "failures with good polls between": (
        lambda f: [f.fails_for(50 * MINUTE).answers() for _ in range(9)],
        False,
    ),
    "a secret that is missing, once": (lambda f: f.fails("bad_credentials: unset"), False),
    "a secret that is missing": (
        lambda f: f.fails("bad_credentials: unset").pass_by(MINUTE).fails("bad_credentials: unset"),
        True,
    ),
    "an address that is refused": (
        lambda f: f.fails("refused_address: 10.0.0.1").fails("refused_address: 10.0.0.1"),
        True,
    ),
    "gone, not yet for good": (lambda f: f.says_gone(), False),
    "gone for a day": (lambda f: [f.pass_by(9 * HOUR).says_gone() for _ in range(4)], True),
    "never answered": (lambda f: never_answered(f).fails_for(70 * MINUTE), True),
}


@pytest.mark.parametrize(("happens", "is_broken"), BROKEN.values(), ids=BROKEN)
def test_when_a_feed_is_broken(happens: Callable[[Faring], object], is_broken: bool) -> None:
    feed = watched()
    happens(feed.feed)
    assert feed.look() == (["+broken"] if is_broken else [])
    assert feed.look() == []


def test_a_feed_that_nobody_polls_does_not_break() -> None:
    feed = watched()
    feed.feed.fails_for(30 * MINUTE)
    feed.feed.pass_by(9 * DAY)
    assert feed.look() == []


def test_failures_that_are_laid_to_our_network_break_a_feed_as_well() -> None:
    feed = watched()
    feed.feed.fails_for(2 * HOUR)
    feed.feed.memory = replace(feed.feed.memory, health=Health(failures=1))
    assert feed.look() == ["+broken"]


def test_failures_begin_with_the_first() -> None:
    feed = watched()
    feed.feed.pass_by(HOUR).fails_for(2 * HOUR, every=30 * MINUTE)
    feed.look()
    assert feed.told[0].episode.since == START + HOUR + 30 * MINUTE


def test_a_broken_feed_is_mended_when_it_has_answered_for_a_while() -> None:
    feed = watched()
    feed.feed.fails_for(2 * HOUR)
    assert feed.look() == ["+broken"]
    feed.feed.pass_by(MINUTE).answers()
    assert feed.look() == []
    feed.feed.pass_by(MINUTE).fails().pass_by(MINUTE).answers()
    mended = feed.feed.now
    assert feed.look() == []
    feed.feed.answers_for(15 * MINUTE)
    assert feed.look() == ["-broken"]
    assert feed.told[-1] == Ended(feed.told[0].episode, mended)


def test_failures_from_while_our_network_was_down_are_not_the_feeds_own() -> None:
    feed = watched()
    feed.feed.fails_for(9 * HOUR)
    back = feed.feed.now
    assert feed.look(back) == []
    feed.feed.fails_for(50 * MINUTE)
    assert feed.look(back) == []
    feed.feed.fails_for(20 * MINUTE)
    assert feed.look(back) == ["+broken"]
    assert feed.told[0].episode.since == back


def test_a_feed_is_silent_when_it_is_quiet_for_longer_than_it_ever_is() -> None:
    feed = watched(Faring().answers().publishes_every(2 * HOUR, 12 * 15))
    feed.feed.answers_for(23 * HOUR)
    assert feed.look() == []
    last = feed.feed.memory.vitals.last_new_at
    feed.feed.answers_for(2 * HOUR)
    assert feed.look() == ["+silent"]
    assert feed.told[0].episode.since == last
    feed.feed.answers_for(40 * DAY)
    assert feed.look() == []
    feed.feed.pass_by(MINUTE).answers(new=True)
    assert feed.look() == ["-silent"]
    assert feed.told[-1] == Ended(feed.told[0].episode, feed.feed.now)


def test_nights_and_weekends_are_no_silence() -> None:
    feed = watched()
    for _ in range(8):
        feed.feed.keeps_office_hours(1)
        assert feed.look() == []
    feed.feed.answers_for(5 * DAY)  # after the weekend
    assert feed.look() == ["+silent"]


@pytest.mark.parametrize("hour", range(0, 24, 7))
def test_no_moment_of_a_weekend_is_a_silence(hour: int) -> None:
    feed = watched(Faring().answers().keeps_office_hours(3))
    feed.feed.keeps_office_hours(1)
    feed.feed.answers_for(timedelta(hours=hour))
    assert feed.look() == []


def test_a_feed_with_little_history_is_never_silent() -> None:
    feed = watched(Faring().answers().publishes_every(HOUR, 10))
    feed.feed.answers_for(60 * DAY)
    assert feed.look() == []


def test_an_outage_of_ours_makes_no_feed_silent() -> None:
    feed = watched(Faring().answers().publishes_every(HOUR, 24 * 15))
    feed.feed.pass_by(9 * DAY)
    assert feed.look() == []
    feed.feed.answers()
    assert feed.look() == []


def test_a_silent_feed_that_breaks_is_told_as_both() -> None:
    feed = watched(Faring().answers().publishes_every(HOUR, 24 * 15))
    feed.feed.answers_for(30 * HOUR)
    assert feed.look() == ["+silent"]
    feed.feed.fails_for(2 * HOUR)
    assert feed.look() == ["+broken"]
    feed.feed.answers_for(HOUR)
    assert feed.look() == ["-broken"]
    feed.feed.pass_by(MINUTE).answers(new=True)
    assert feed.look() == ["-silent"]


def test_a_feed_that_gets_another_address_is_mended_when_that_one_answers() -> None:
    feed = watched()
    for _ in range(4):
        feed.feed.pass_by(9 * HOUR).says_gone()
    assert feed.look() == ["+broken"]
    feed.feed.memory = remembered.at_address(feed.feed.memory, "https://b.example/", feed.feed.now)
    assert feed.look() == []
    feed.feed.answers_for(HOUR)
    assert feed.look() == ["-broken"]


STEPS = st.sampled_from(["answers", "news", "fails", "gone", "hour", "week", "restart", "moves"])


@given(st.lists(st.tuples(STEPS, st.integers(1, 300)), max_size=60))
@settings(max_examples=150, deadline=None)
def test_no_course_of_events_tells_twice_that_an_episode_has_begun(
    steps: list[tuple[str, int]],
) -> None:
    feed = watched()
    for step, minutes in steps:
        faring = feed.feed.pass_by(minutes * MINUTE)
        match step:
            case "answers":
                faring.answers()
            case "news":
                faring.answers(new=True)
            case "fails":
                faring.fails()
            case "gone":
                faring.says_gone()
            case "hour":
                faring.fails_for(HOUR)
            case "week":
                faring.answers_for(7 * DAY, every=6 * HOUR)
            case "restart":
                stored = remembered.to_state(faring.memory, faring.now)
                faring.memory = remembered.from_state(stored)
            case "moves":
                faring.memory = remembered.at_address(
                    faring.memory, f"https://{minutes}.example/", faring.now
                )
        feed.look()  # asserts that nothing begins twice or ends that has not begun
        assert feed.look() == []
        assert state_of(faring.memory, POLICY) in STATES
    for kind in EpisodeKind:
        course = [isinstance(c, Began) for c in feed.told if c.episode.kind is kind]
        assert course == [n % 2 == 0 for n in range(len(course))]


def test_a_feed_in_one_word() -> None:
    def word(feed: Faring) -> str:
        return state_of(feed.memory, POLICY)

    assert word(Faring()) == "new"
    assert word(Faring().answers()) == "ok"
    assert word(Faring().answers().fails()) == "failing"
    assert word(Faring().answers().fails_for(2 * HOUR)) == "broken"
    quiet = Faring().answers().publishes_every(HOUR, 24 * 15).answers_for(30 * HOUR)
    assert word(quiet) == "silent"
    gone = Faring().answers()
    for _ in range(4):
        gone.pass_by(9 * HOUR).says_gone()
    assert word(gone) == "gone"
