"""What the database says of rules is what every matcher comes to hold."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.rule import RulesManifest, TermList, WatchRule
from schemas.topics import WATCH_RULES
from services.bus.port import BusUnavailableError, Outgoing
from services.bus.sqlite import SqliteBus, open_bus
from services.config.announcing import News, announce
from services.config.broadcast import broadcast_rules, send_waiting
from services.config.mending import Verdict, announce_again_if_lost
from services.matcher.reader import RuleReader
from services.runtime.health import Health
from services.runtime.metrics import Metrics
from services.store import outbox, written
from services.store.database import Database, DatabaseUnavailableError, open_database
from services.store.written import Kind
from tests.matcher.broadcast import NOW, manifest, rule
from tests.servers.faults import FaultyBus, FaultyDatabase
from tests.servers.patience import until


@dataclass
class Desk:
    """A database with rules, and a bus that is told of them."""

    database: Database
    bus: FaultyBus
    health: Health = field(default_factory=lambda: Health(Metrics()))

    async def change(self, *removed: str, **queries: str) -> None:
        """Change rules as apply does."""
        await change(self.database, *removed, **queries)

    async def change_lists(self, *removed: str, **items: str) -> None:
        """Change saved lists, each of one item, as apply does."""
        async with self.database.write() as tx:
            specs = {name: {"id": name, "items": [item]} for name, item in items.items()}
            generation = await _stored(tx, Kind.LISTS, specs, removed)
            await announce(tx, generation, News(), News(items, removed))

    async def send_all(self, database: Database | None = None) -> None:
        while await send_waiting(self.bus, database or self.database):
            pass

    async def counter(self, name: str) -> int:
        async with self.database.read() as tx:
            return await written.counter(tx, name)

    async def heard(self) -> tuple[int, Mapping[str, str]] | None:
        """The generation and queries that a matcher which starts now comes to hold."""
        reader = RuleReader()
        async with aclosing(self.bus.follow(WATCH_RULES)) as batches:
            async for batch in batches:
                if batch is None:
                    break
                reader.read(batch)
        whole = reader.whole()
        assert not reader.problems
        if whole is None or reader.incomplete is not None:
            return None
        queries = {rule_id: one.query for rule_id, one in whole.rules.rules.items()}
        return whole.manifest.generation, queries

    async def announcements(self) -> list[int]:
        """The numbers in the manifests on the topic."""
        records = await self.bus.tail(WATCH_RULES, 99)
        found = [RulesManifest.decode(r.value) for r in records if r.key == "manifest"]
        return [manifest.announcement for manifest in found]

    async def until_heard(self, generation: int, **queries: str) -> None:
        async def there() -> bool:
            return await self.heard() == (generation, queries)

        await until(there, f"generation {generation} with {queries}")

    @asynccontextmanager
    async def broadcasting(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        component = self.health.component("broadcast")
        running = asyncio.create_task(broadcast_rules(self.bus, self.database, stop, component))
        try:
            yield
        finally:
            stop.set()
            await running


async def change(database: Database, *removed: str, **queries: str) -> None:
    async with database.write() as tx:
        specs = {name: {"id": name, "query": query} for name, query in queries.items()}
        generation = await _stored(tx, Kind.RULES, specs, removed)
        await announce(tx, generation, News(queries, removed), News())


async def _stored(
    tx: AsyncConnection, kind: Kind, specs: Mapping[str, object], removed: Iterable[str]
) -> int:
    generation = await written.begin_change(tx) + 1
    await written.put(tx, kind, specs, "apply", NOW)
    await written.remove(tx, kind, removed)
    await written.set_counter(tx, written.GENERATION, generation)
    return generation


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[SqliteBus]:
    async with open_bus(tmp_path / "bus.sqlite") as opened:
        yield opened


@pytest.fixture
def desk(database: Database, bus: SqliteBus) -> Desk:
    return Desk(database, FaultyBus(bus))


async def test_what_the_outbox_holds_is_sent_in_order_and_removed(desk: Desk) -> None:
    await desk.change(a="one", b="two")
    assert await desk.counter(written.BROADCAST) == 0
    assert await send_waiting(desk.bus, desk.database)
    assert [r.key for r in await desk.bus.tail(WATCH_RULES, 9)] == ["rule:a", "rule:b", "manifest"]
    assert await desk.counter(written.BROADCAST) == 1
    assert not await send_waiting(desk.bus, desk.database)


async def test_a_generation_counts_as_broadcast_only_with_its_manifest(desk: Desk) -> None:
    """Feeds that were applied with it wait for that."""
    await desk.change(**{f"r{n:03}": "x" for n in range(600)})
    assert await send_waiting(desk.bus, desk.database)
    assert await desk.counter(written.BROADCAST) == 0
    assert await send_waiting(desk.bus, desk.database)
    assert await desk.counter(written.BROADCAST) == 1
    assert await desk.heard() == (1, {f"r{n:03}": "x" for n in range(600)})


@pytest.mark.parametrize("after_send", [False, True])
async def test_a_bus_that_fails_loses_nothing(desk: Desk, after_send: bool) -> None:
    await desk.change(a="one")
    desk.bus.room, desk.bus.after_send = 1, after_send
    with pytest.raises(BusUnavailableError):
        await desk.send_all()
    assert await desk.counter(written.BROADCAST) == 0
    desk.bus.room = None
    await desk.send_all()
    assert await desk.heard() == (1, {"a": "one"})


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_crash_between_sending_and_removing_repeats_harmlessly(
    desk: Desk, after_commit: bool
) -> None:
    await desk.change(a="one", b="two")
    crashing = FaultyDatabase(desk.database, 1, after_commit=after_commit)
    with pytest.raises(DatabaseUnavailableError):
        await send_waiting(desk.bus, crashing)
    await desk.change("a", b="three")
    await desk.send_all()
    assert await desk.heard() == (2, {"b": "three"})


async def test_a_crash_right_after_sending_repeats_harmlessly(desk: Desk) -> None:
    await desk.change(a="one", b="two")
    async with desk.database.read() as tx:
        waiting = await outbox.waiting(tx, 99)
    await desk.bus.send_all([Outgoing(WATCH_RULES, w.key, w.value) for w in waiting])
    await desk.change("a", b="three")
    await desk.send_all()
    assert await desk.heard() == (2, {"b": "three"})


async def test_processes_that_broadcast_at_once_send_everything_once_and_in_order(
    postgres_url: str, bus: SqliteBus
) -> None:
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        desks = [Desk(one, FaultyBus(bus)), Desk(two, FaultyBus(bus))]

        async def change_and_send(number: int, desk: Desk) -> None:
            for turn in range(5):
                await desk.change(f"r{number}-{turn - 1}", **{f"r{number}-{turn}": "x"})
                await desk.send_all()

        await asyncio.gather(*(change_and_send(n % 2, desks[n % 2]) for n in range(4)))
        await asyncio.gather(*(desk.send_all() for desk in desks))
        records = await bus.tail(WATCH_RULES, 999)
        generations = [r.value for r in records if r.key == "manifest"]
        assert len(generations) == len(set(generations)) == 20
        heard = await desks[0].heard()
        assert heard is not None
        assert heard[0] == 20
        assert set(heard[1]) == {"r0-4", "r1-4"}


async def test_a_list_is_heard_by_those_that_use_it_and_after_it_is_gone_by_nobody(
    desk: Desk,
) -> None:
    await desk.change_lists(ports="Basra")
    await desk.change(a="@ports")
    await desk.send_all()
    assert await desk.heard() == (2, {"a": "@ports"})
    await desk.change_lists(ports="Abadan")
    await desk.send_all()
    assert await desk.heard() == (3, {"a": "@ports"})
    await desk.change(a="Abadan")
    await desk.change_lists("ports")
    await desk.send_all()
    assert await desk.heard() == (5, {"a": "Abadan"})


# A topic that does not tell the truth


async def test_a_topic_that_tells_the_truth_is_left_alone(desk: Desk) -> None:
    await desk.change(a="one", b="two")
    await desk.send_all()
    await desk.change("a", b="three")
    await desk.send_all()
    assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.TRUE
    assert not await send_waiting(desk.bus, desk.database)


async def test_a_lost_bus_file_is_announced_again(desk: Desk, tmp_path: Path) -> None:
    await desk.change(a="one", b="two")
    await desk.send_all()
    async with open_bus(tmp_path / "new.sqlite") as new:
        desk.bus = FaultyBus(new)
        assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.ANNOUNCED
        await desk.send_all()
        assert await desk.heard() == (2, {"a": "one", "b": "two"})
        assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.TRUE


async def test_a_lost_bus_file_is_noticed_though_the_outbox_is_not_empty(
    desk: Desk, tmp_path: Path
) -> None:
    await desk.change(a="one", b="two")
    await desk.send_all()
    await desk.change(c="three")
    async with open_bus(tmp_path / "new.sqlite") as new:
        desk.bus = FaultyBus(new)
        async with desk.broadcasting():
            await desk.until_heard(3, a="one", b="two", c="three")


async def test_lists_are_announced_again_too(desk: Desk, tmp_path: Path) -> None:
    await desk.change_lists(ports="@north", north="Basra")
    await desk.change(a="@ports")
    await desk.send_all()
    assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.TRUE
    async with open_bus(tmp_path / "new.sqlite") as new:
        desk.bus = FaultyBus(new)
        assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.ANNOUNCED
        await desk.send_all()
        keys = [record.key for record in await desk.bus.tail(WATCH_RULES, 9)]
        assert keys == ["list:north", "list:ports", "rule:a", "manifest"]
        assert await desk.heard() == (3, {"a": "@ports"})


async def test_only_announcing_everything_begins_a_new_announcement(
    desk: Desk, tmp_path: Path
) -> None:
    """By its number a reader that remembers the topic knows whether it still is the same."""
    await desk.change(a="one")
    await desk.change(a="two")
    await desk.send_all()
    first, second = await desk.announcements()
    assert first == second != 0
    async with open_bus(tmp_path / "new.sqlite") as new:
        desk.bus = FaultyBus(new)
        assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.ANNOUNCED
        await desk.change(a="three")
        await desk.send_all()
        again, then = await desk.announcements()
        assert first != again == then != 0


async def test_a_list_in_a_higher_version_than_the_record_has_it_is_taken_back(desk: Desk) -> None:
    await desk.change_lists(ports="Basra")
    await desk.change(a="@ports")
    await desk.send_all()
    ahead = TermList(name="ports", version=7, items=("Abadan",))
    await desk.bus.send(Outgoing(WATCH_RULES, ahead.key, ahead.encode()))
    assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.ANNOUNCED
    await desk.send_all()
    assert await desk.heard() == (3, {"a": "@ports"})
    assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.TRUE


@pytest.mark.parametrize("stray", [rule("stray"), TermList(name="s", version=1, items=("x",))])
async def test_what_the_record_does_not_know_leaves_the_topic(
    desk: Desk, stray: WatchRule | TermList
) -> None:
    await desk.change(a="one")
    await desk.send_all()
    await desk.bus.send(Outgoing(WATCH_RULES, stray.key, stray.encode()))
    assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.ANNOUNCED
    await desk.send_all()
    assert await desk.heard() == (2, {"a": "one"})


@pytest.mark.parametrize("key", ["rule:a", "list:a", "manifest"])
async def test_garbage_on_the_topic_is_replaced(desk: Desk, key: str) -> None:
    await desk.change(a="one")
    await desk.send_all()
    await desk.bus.send(Outgoing(WATCH_RULES, key, b"garbage"))
    assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.ANNOUNCED
    await desk.send_all()
    assert await desk.heard() == (2, {"a": "one"})


async def test_a_database_that_is_older_than_the_topic_wins_all_the_same(desk: Desk) -> None:
    """After a restored backup: lower versions, a lower generation, other rules."""
    for query in ("one", "two", "three"):
        await desk.change(a=query, b=query)
        await desk.send_all()
    async with desk.database.write() as tx:
        await written.remove(tx, Kind.RULES, ["a", "b"])
        await written.put(tx, Kind.RULES, {"a": {"id": "a", "query": "one"}}, "apply", NOW)
        for name in (written.GENERATION, written.BROADCAST):
            await written.set_counter(tx, name, 1)
    async with desk.broadcasting():
        await desk.until_heard(4, a="one")


async def test_a_new_database_beside_an_old_topic_wins_after_the_first_apply(desk: Desk) -> None:
    old = rule("a", "old", version=9)
    messages = (old, rule("b"), manifest(57, 2))
    await desk.bus.send_all([Outgoing(WATCH_RULES, m.key, m.encode()) for m in messages])
    async with desk.broadcasting():
        await desk.change(a="new")
        await desk.until_heard(58, a="new")


async def test_a_record_of_a_kind_not_known_yet_is_no_reason_to_announce(desk: Desk) -> None:
    await desk.change(a="one")
    await desk.send_all()
    await desk.bus.send(Outgoing(WATCH_RULES, "note:banks", b"{}"))
    assert await announce_again_if_lost(desk.bus, desk.database) is Verdict.TRUE


# The part


async def test_an_applied_change_is_broadcast_soon(desk: Desk) -> None:
    async with desk.broadcasting():
        await desk.change(a="one")
        await desk.until_heard(1, a="one")
        await desk.change(b="two")
        await desk.until_heard(2, a="one", b="two")


async def test_an_outage_is_visible_and_passes(desk: Desk) -> None:
    async with desk.broadcasting():
        desk.bus.room = 0
        await desk.change(a="one")

        async def waiting() -> bool:
            return "waiting: the bus is away" in desk.health.describe()

        await until(waiting, "the outage")
        desk.bus.room = None
        await desk.until_heard(1, a="one")

        async def ready() -> bool:
            return desk.health.is_ready()

        await until(ready, "readiness")
