"""The agenda: whose turn it is, with work that does not grow with the feeds that are not due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.poller import agenda as module
from services.poller import packing
from services.poller.agenda import LOOKS_AT_ONCE, Agenda, Turn
from services.poller.memory import Memory, at_address, new_memory, replace_due
from services.poller.schedule import Health

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def always(memory: Memory, now: datetime) -> None:
    """Every feed may be polled."""


def written(name: str, host: str) -> dict[str, Any]:
    return {"id": name, "url": f"http://{host}/{name}"}


def put(agenda: Agenda, name: str, minutes_due: float = 1, host: str = "") -> Memory:
    spec = written(name, host or f"{name}.example")
    memory = replace_due(
        new_memory(name, spec["url"], NOW, timedelta()), NOW - timedelta(minutes=minutes_due)
    )
    agenda.put(spec, memory)
    return memory


def polled(memory: Memory) -> Memory:
    return replace(memory, last_success_at=NOW, next_due_at=LATER)


def turns(agenda: Agenda, now: datetime = NOW) -> list[Turn]:
    found = []
    while turn := agenda.next(now, always):
        found.append(turn)
    return found


def names(found: list[Turn]) -> list[str]:
    return [turn.feed.id for turn in found]


@pytest.fixture
def agenda() -> Agenda:
    return Agenda(polls_per_host=2)


def test_the_feed_that_is_due_the_longest_comes_first(agenda: Agenda) -> None:
    for name, minutes in (("b", 2), ("a", 1), ("c", 3), ("not-yet", -1)):
        put(agenda, name, minutes)
    assert names(turns(agenda)) == ["c", "b", "a"]
    assert not agenda.is_due(NOW)


def test_a_feed_comes_again_when_it_is_due_by_what_its_poll_left(agenda: Agenda) -> None:
    put(agenda, "a")
    (turn,) = turns(agenda)
    after = polled(turn.memory)
    agenda.end(turn, after)
    assert turns(agenda) == []
    (again,) = turns(agenda, LATER)
    assert again.memory == after


def test_a_feed_is_polled_once_at_a_time_however_often_it_is_put(agenda: Agenda) -> None:
    memory = put(agenda, "a")
    agenda.change(replace_due(memory, NOW))
    agenda.change(memory)
    (turn,) = turns(agenda)
    put(agenda, "a")
    assert turns(agenda) == []
    agenda.end(turn, None)
    assert names(turns(agenda)) == ["a"]


def test_a_poll_that_was_undone_leaves_everything_as_it_was(agenda: Agenda) -> None:
    memory = put(agenda, "a")
    (turn,) = turns(agenda)
    agenda.end(turn, None)
    (again,) = turns(agenda)
    assert again.memory == memory


def test_a_host_gets_no_more_than_its_part_and_its_other_feeds_follow(agenda: Agenda) -> None:
    for number in range(5):
        put(agenda, f"slow-{number}", 9 - number, "slow.example")
    put(agenda, "other")
    first = turns(agenda)
    assert names(first) == ["slow-0", "slow-1", "other"]
    agenda.end(first[0], replace_due(first[0].memory, LATER))
    assert names(turns(agenda)) == ["slow-2"]
    for turn in agenda.turns:
        agenda.end(turn, replace_due(turn.memory, LATER))
    assert names(turns(agenda)) == ["slow-3", "slow-4"]


def test_a_feed_behind_others_of_its_host_that_are_gone_has_its_turn(agenda: Agenda) -> None:
    for number in range(5):
        put(agenda, f"feed-{number}", 9 - number, "one.example")
    under_way = turns(agenda)
    assert names(under_way) == ["feed-0", "feed-1"]
    for number in range(4):
        agenda.drop(f"feed-{number}")
    for turn in under_way:
        agenda.end(turn, polled(turn.memory))
    assert names(turns(agenda)) == ["feed-4"]


def test_a_host_that_is_the_same_in_capitals_and_at_another_port_is_one(agenda: Agenda) -> None:
    for number, host in enumerate(("a.example", "A.example", "a.example:8080")):
        put(agenda, f"f{number}", 9 - number, host)
    assert names(turns(agenda)) == ["f0", "f1"]


def test_a_feed_that_may_not_be_polled_is_looked_at_again_at_the_time_given(
    agenda: Agenda,
) -> None:
    put(agenda, "paused", 2)
    put(agenda, "other", 1)

    def goes_on_at(memory: Memory, now: datetime) -> datetime | None:
        return LATER if memory.feed_id == "paused" and now < LATER else None

    turn = agenda.next(NOW, goes_on_at)
    assert turn is not None and turn.feed.id == "other"
    assert agenda.next(NOW, goes_on_at) is None
    assert names(turns(agenda, LATER)) == ["paused"]


def test_a_feed_that_was_dropped_comes_no_more(agenda: Agenda) -> None:
    put(agenda, "waiting")
    put(agenda, "polled", 2)
    turn = agenda.next(NOW, always)
    assert turn is not None and turn.feed.id == "polled"
    agenda.drop("waiting")
    agenda.drop("polled")
    agenda.end(turn, replace_due(turn.memory, NOW))
    assert turns(agenda, LATER) == []
    assert not list(agenda)
    assert not any(agenda.states.values())


def test_an_agenda_that_was_cleared_begins_anew(agenda: Agenda) -> None:
    for name in ("a", "b"):
        put(agenda, name)
    turn = agenda.next(NOW, always)
    assert turn is not None
    agenda.clear()
    assert not list(agenda) and not any(agenda.states.values()) and not agenda.is_due(NOW)
    put(agenda, "a")
    assert turns(agenda) == []
    agenda.end(turn, polled(turn.memory))
    assert names(turns(agenda, LATER)) == ["a"]


def test_a_feed_that_moves_while_it_is_polled_goes_on_at_its_new_address(agenda: Agenda) -> None:
    put(agenda, "a")
    (turn,) = turns(agenda)
    moved = written("a", "new.example")
    agenda.put(moved, at_address(turn.memory, moved["url"], NOW))
    agenda.end(turn, polled(turn.memory))
    (again,) = turns(agenda)
    assert again.feed.url == again.memory.url == moved["url"]
    assert again.memory.last_success_at is None


def test_a_feed_that_is_renamed_while_it_is_polled_keeps_what_the_poll_left(
    agenda: Agenda,
) -> None:
    memory = put(agenda, "a")
    (turn,) = turns(agenda)
    agenda.put({"id": "a", "url": memory.url, "name": "The Wire"}, memory)
    after = polled(turn.memory)
    agenda.end(turn, after)
    (again,) = turns(agenda, LATER)
    assert (again.feed.name, again.memory) == ("The Wire", after)


def test_a_feed_that_has_ended_is_kept_and_never_due(agenda: Agenda) -> None:
    memory = put(agenda, "a")
    (turn,) = turns(agenda)
    agenda.end(turn, replace(memory, next_due_at=None, health=Health(3, 3, disabled=True)))
    assert turns(agenda, NOW + timedelta(days=999)) == []
    assert "a" in agenda and agenda.states["gone"] == 1


def test_the_states_of_feeds_are_counted_as_they_change(agenda: Agenda) -> None:
    put(agenda, "a")
    put(agenda, "b", -9)
    put(agenda, "b", -9)
    (turn,) = turns(agenda)
    assert +agenda.states == {"new": 2}
    agenda.end(turn, polled(turn.memory))
    assert +agenda.states == {"ok": 1, "new": 1}
    (turn,) = turns(agenda, LATER)
    agenda.end(turn, replace(turn.memory, health=Health(failures=1)))
    agenda.drop("b")
    assert +agenda.states == {"failing": 1}


def test_feeds_that_are_not_due_are_not_looked_at(
    agenda: Agenda, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2_000):
        put(agenda, f"f{number}", -1)
    put(agenda, "due")
    looked = 0
    real = packing.unpack

    def unpack(packed: packing.Packed) -> Any:
        nonlocal looked
        looked += 1
        return real(packed)

    monkeypatch.setattr(module, "unpack", unpack)
    (turn,) = turns(agenda)
    agenda.end(turn, replace_due(turn.memory, LATER))
    assert not turns(agenda)
    assert looked == 1


def test_not_many_feeds_are_looked_at_in_one_go_though_none_may_be_polled(agenda: Agenda) -> None:
    for number in range(3 * LOOKS_AT_ONCE):
        put(agenda, f"f{number}", 9)
    put(agenda, "other", 1)
    looked = 0

    def goes_on_at(memory: Memory, now: datetime) -> datetime | None:
        nonlocal looked
        looked += 1
        return None if memory.feed_id == "other" else LATER

    for part in range(1, 4):
        assert agenda.next(NOW, goes_on_at) is None
        assert looked == part * LOOKS_AT_ONCE
        assert agenda.is_due(NOW)
    turn = agenda.next(NOW, goes_on_at)
    assert turn is not None and turn.feed.id == "other"
