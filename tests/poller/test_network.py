"""When most feeds fail at once it is our network: one notice for all of them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.poller.health.episodes import Episode, EpisodeKind, EpisodePolicy, Open
from services.poller.health.network import Survey
from services.poller.schedule import Health
from tests.poller.faring import HOUR, MINUTE, START, Faring

POLICY = EpisodePolicy()
BROKEN = {EpisodeKind.BROKEN: Episode(EpisodeKind.BROKEN, START)}


def well() -> Faring:
    return Faring().answers().answers_for(2 * HOUR)


def struck(minutes: int = 20) -> Faring:
    """A feed that began to fail so long ago."""
    feed = Faring().answers().answers_for(2 * HOUR - minutes * MINUTE, every=MINUTE)
    return feed.fails_for(minutes * MINUTE, every=5 * MINUTE)


def survey(
    *feeds: Faring,
    going_on: Open | None = None,
    spared_until: datetime | None = None,
    down_since: datetime | None = None,
) -> Survey:
    now = max(feed.now for feed in feeds)
    found = Survey(POLICY, now, spared_until, down_since)
    for feed in feeds:
        found.add(feed.memory, going_on or {})
    return found


@pytest.mark.parametrize(
    ("failing", "well_ones", "cut_off"),
    [
        (6, 4, True),
        (5, 5, False),
        (3, 0, True),
        (2, 1, True),
        (2, 0, False),
        (1, 0, False),
        (100, 0, True),
    ],
)
def test_more_than_half_of_the_feeds_are_cut_off(
    failing: int, well_ones: int, cut_off: bool
) -> None:
    feeds = [*(struck() for _ in range(failing)), *(well() for _ in range(well_ones))]
    assert survey(*feeds).is_cut_off is cut_off


def test_an_outage_of_ours_that_counts_for_no_feed_is_one_all_the_same() -> None:
    feeds = [struck() for _ in range(9)]
    for feed in feeds:  # as `offline` leaves it
        feed.memory = replace(feed.memory, health=Health(failures=1))
    assert survey(*feeds).is_cut_off


def test_a_single_failure_each_is_no_outage() -> None:
    assert not survey(*(well().fails() for _ in range(9))).is_cut_off


def test_an_outage_is_told_before_the_first_feed_would_be() -> None:
    assert not any(survey(*[struck(minutes)] * 9).is_cut_off for minutes in (5, 10))
    assert all(survey(*[struck(minutes)] * 9).is_cut_off for minutes in (15, 30, 50))


def test_what_is_refused_at_once_for_all_is_an_outage_at_once() -> None:
    def refused() -> Faring:
        return well().fails("refused_address: 10.0.0.1").fails("refused_address: 10.0.0.1")

    assert survey(*(refused() for _ in range(9))).is_cut_off


def test_feeds_that_broke_one_by_one_are_no_outage() -> None:
    assert not survey(*(struck(119) for _ in range(9)), going_on=BROKEN).is_cut_off


def test_failures_that_began_long_ago_are_something_else() -> None:
    old = [Faring().answers().fails_for(9 * HOUR) for _ in range(9)]
    assert not survey(*old).is_cut_off


def test_feeds_that_have_ended_say_nothing() -> None:
    ended = Faring().answers()
    for _ in range(4):
        ended.pass_by(9 * HOUR).says_gone()
    found = survey(*[ended] * 9)
    assert (found.feeds, found.is_cut_off) == (0, False)


def test_an_outage_names_its_beginning_and_what_most_say() -> None:
    found = survey(*(struck(20) for _ in range(5)), well())
    assert found.since == found.now - 15 * MINUTE
    assert found.error == "http_error"
    assert (len(found.struck), found.feeds) == (5, 6)


def test_an_outage_is_over_when_more_feeds_answer_again_than_fail() -> None:
    down = START + 2 * HOUR - 20 * MINUTE

    def back() -> Faring:
        return struck().pass_by(MINUTE).answers()

    assert not survey(*[struck()] * 9, down_since=down).is_back
    assert not survey(back(), *[struck()] * 9, down_since=down).is_back
    assert survey(*[back()] * 6, *[struck()] * 4, down_since=down).is_back


def test_feeds_that_were_never_cut_off_do_not_end_an_outage() -> None:
    down = START + 2 * HOUR - 20 * MINUTE
    assert not survey(*[well()] * 4, *[struck()] * 3, down_since=down).is_back


def test_feeds_that_are_tried_seldom_need_not_be_tried_again_to_end_an_outage() -> None:
    back = struck().pass_by(9 * HOUR).answers()
    waiting = [struck() for _ in range(9)]  # their waits have doubled
    assert survey(back, *waiting, down_since=START + HOUR).is_back


def test_after_an_outage_failures_from_before_its_end_say_nothing() -> None:
    end = START + 2 * HOUR
    assert not survey(*[struck()] * 9, spared_until=end).is_cut_off
    again = [struck().pass_by(timedelta()).fails_for(20 * MINUTE, every=5 * MINUTE)] * 9
    assert survey(*again, spared_until=end).is_cut_off
