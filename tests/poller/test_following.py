"""Following the configuration: page by page, reading no more than there is to learn."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from services.poller import following as module
from services.poller import memory as remembered
from services.poller.agenda import Agenda
from services.poller.following import Following
from services.poller.memory import new_memory
from services.poller.replies import UNCONDITIONAL
from services.poller.schedule import Health
from services.poller.sharing import Everything
from services.store import feeds, written
from services.store.database import Database, DatabaseUnavailableError
from services.store.written import Kind
from tests.servers.faults import FaultyDatabase

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Half(Everything):
    """The share of a poller among two; which half it is may change."""

    ours = "a"

    def has(self, url: str) -> bool:
        return url.startswith(f"http://{self.ours}")

    def is_lost(self) -> bool:
        return self.ours == "none"


@dataclass
class Desk:
    """A configuration and an agenda that follows it."""

    database: FaultyDatabase
    share: Half | Everything = field(default_factory=Everything)

    def __post_init__(self) -> None:
        self.agenda = Agenda(2)
        self.following = Following(self.database, self.agenda, self.share)

    async def write(self, *names: str, **details: Any) -> None:
        """These feeds are configured now, and no others."""
        specs = {n: {"id": n, "url": f"http://{n}.example/feed"} | details for n in names}
        async with self.database.write() as tx:
            generation = await written.begin_change(tx) + 1
            await written.remove(tx, Kind.FEEDS, await written.items(tx, Kind.FEEDS))
            await written.put(tx, Kind.FEEDS, specs, "apply", NOW)
            await written.set_counter(tx, written.GENERATION, generation)
            await written.set_counter(tx, written.BROADCAST, generation)

    async def look(self) -> set[str]:
        await self.following.look(NOW)
        return set(self.agenda)


@pytest.fixture
async def desk(database: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    return Desk(FaultyDatabase(database))


async def test_all_feeds_are_taken_over_however_many_pages_they_fill(desk: Desk) -> None:
    for count in (7, 3, 0, 4):
        names = [f"f{n}" for n in range(count)]
        await desk.write(*names)
        assert await desk.look() == set(names)


async def test_a_feed_is_taken_up_where_it_was_left(desk: Desk) -> None:
    await desk.write("a")
    left = replace(
        new_memory("a", "http://a.example/feed", NOW, timedelta()),
        last_success_at=NOW - timedelta(days=1),
    )
    async with desk.database.write() as tx:
        await feeds.save_state(tx, remembered.to_state(left, NOW))
    await desk.look()
    assert desk.agenda.memory("a") == left


async def test_a_feed_that_was_polled_by_a_clock_that_was_ahead_is_due_at_once(
    desk: Desk,
) -> None:
    await desk.write("a")
    years = timedelta(days=999)
    left = replace(
        new_memory("a", "http://a.example/feed", NOW + years, timedelta()),
        last_success_at=NOW + years,
    )
    async with desk.database.write() as tx:
        await feeds.save_state(tx, remembered.to_state(left, NOW))
    await desk.look()
    assert desk.agenda.memory("a") == replace(left, next_due_at=NOW)
    assert left.to_send(NOW) == UNCONDITIONAL


async def test_what_is_known_in_the_process_is_newer_than_what_is_recorded(desk: Desk) -> None:
    await desk.write("a")
    await desk.look()
    turn = desk.agenda.next(NOW + timedelta(days=1), lambda *_: None)
    assert turn is not None
    desk.agenda.end(turn, replace(turn.memory, last_success_at=NOW))
    await desk.write("a", name="A better name")
    await desk.look()
    memory = desk.agenda.memory("a")
    assert memory is not None and memory.last_success_at == NOW
    assert desk.agenda.spec("a") == {
        "id": "a",
        "url": "http://a.example/feed",
        "name": "A better name",
    }


async def test_a_feed_that_has_ended_begins_anew_though_its_removal_went_unseen(
    desk: Desk,
) -> None:
    await desk.write("a")
    ended = replace(
        new_memory("a", "http://a.example/feed", NOW, timedelta()),
        next_due_at=None,
        health=Health(gone=3, disabled=True),
    )
    async with desk.database.write() as tx:
        await feeds.save_state(tx, remembered.to_state(ended, NOW))
    await desk.look()
    await desk.write("a")
    await desk.look()
    assert desk.agenda.memory("a") == ended
    await desk.write()
    async with desk.database.write() as tx:
        await feeds.forget_feeds(tx, ["a"])
    await desk.write("a")
    await desk.look()
    memory = desk.agenda.memory("a")
    assert memory is not None and memory.next_due_at is not None


async def test_first_polls_of_many_feeds_are_spread_over_time(desk: Desk) -> None:
    await desk.write(*(f"f{n}" for n in range(40)))
    await desk.look()
    due = [
        m.next_due_at - NOW for i in desk.agenda if (m := desk.agenda.memory(i)) and m.next_due_at
    ]
    assert max(due) < timedelta(seconds=2) < 3 * max(due)
    assert len(set(due)) > 20


async def test_a_change_of_rules_touches_no_feed_and_reads_no_state(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.write("a", "b", "c", "d")
    await desk.look()
    asked: list[str] = []
    real = feeds.states_of

    async def states_of(tx: AsyncConnection, ids: Any) -> Mapping[str, Any]:
        asked.extend(ids)
        return await real(tx, ids)

    monkeypatch.setattr(feeds, "states_of", states_of)
    packed = dict(desk.agenda._packed)
    await desk.write("a", "b", "c", "d")
    await desk.look()
    assert not asked
    assert all(desk.agenda._packed[i] is p for i, p in packed.items())


async def test_another_share_brings_other_feeds_and_takes_those_of_others(
    database: Database,
) -> None:
    share = Half()
    desk = Desk(FaultyDatabase(database), share)
    await desk.write("a1", "a2", "b1")
    assert await desk.look() == {"a1", "a2"}
    share.ours = "b"
    assert await desk.look() == {"a1", "a2"}
    desk.following.begin_again()
    assert await desk.look() == {"b1"}


async def test_what_others_may_have_polled_meanwhile_is_read_anew(database: Database) -> None:
    share = Half()
    desk = Desk(FaultyDatabase(database), share)
    await desk.write("a1")
    await desk.look()
    share.ours = "none"
    desk.following.begin_again()
    assert not set(desk.agenda), "at once, for the database may be away"
    of_another = replace(
        new_memory("a1", "http://a1.example/feed", NOW, timedelta()),
        last_success_at=NOW - timedelta(hours=1),
    )
    async with database.write() as tx:
        await feeds.save_state(tx, remembered.to_state(of_another, NOW))
    share.ours = "a"
    desk.following.begin_again()
    assert await desk.look() == {"a1"}
    assert desk.agenda.memory("a1") == of_another


async def test_an_outage_half_way_is_made_good_at_the_next_look(desk: Desk) -> None:
    await desk.write("a", "b")
    await desk.look()
    await desk.write("b", "c", "d", "e", "f")

    class Breaking(FaultyDatabase):
        @asynccontextmanager
        async def read(self) -> AsyncIterator[AsyncConnection]:
            async with super().read() as tx:
                yield tx
                raise self.error

    desk.following._database = Breaking(desk.database)
    with pytest.raises(DatabaseUnavailableError):
        await desk.look()
    desk.following._database = desk.database
    assert await desk.look() == {"b", "c", "d", "e", "f"}


async def test_a_feed_that_this_version_would_not_take_keeps_no_other_from_being_polled(
    desk: Desk,
) -> None:
    await desk.write("a", "b", "c", "d", "e")
    async with desk.database.write() as tx:
        odd = {"id": "b", "url": "http://b.example/feed", "headers": {"Host": "secret-value"}}
        await written.put(tx, Kind.FEEDS, {"b": odd}, "apply", NOW)
    with capture_logs() as said:
        assert await desk.look() == {"a", "c", "d", "e"}
    assert desk.following.invalid == {"b"}
    (line,) = [entry for entry in said if entry["log_level"] == "error"]
    assert (line["feed"], line["keys"]) == ("b", ["headers"])
    assert "secret-value" not in str(said)
    await desk.write("a", "b")
    assert await desk.look() == {"a", "b"}
    assert not desk.following.invalid
