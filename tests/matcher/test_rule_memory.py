"""A matcher that starts again reads on from what it remembers, or notices that it must not."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from schemas.rule import RulesManifest, TermList, WatchRule
from schemas.topics import TOMBSTONES_KEPT, WATCH_RULES, Topic
from services.bus.port import BusUnavailableError, Outgoing, Record
from services.bus.sqlite import SqliteBus, open_bus
from services.matcher.cache import RuleCache
from services.matcher.memory import RuleMemory
from services.matcher.rules import RulesInForce, follow_rules
from services.runtime.clock import utc_now
from services.runtime.health import Health
from services.runtime.metrics import Metrics
from tests.matcher.broadcast import rule, term_list
from tests.servers.faults import FaultyBus
from tests.servers.patience import PATIENCE, until

Message = WatchRule | TermList | RulesManifest | str
"""A string is the key of a tombstone."""


def manifest(generation: int, rules: int, lists: int = 0, announcement: int = 9) -> RulesManifest:
    return RulesManifest(generation=generation, rules=rules, lists=lists, announcement=announcement)


class CountingBus(FaultyBus):
    """The same bus; `read` is how many records its followers were given."""

    read = 0
    away = False
    tail_fails = False

    async def tail(self, topic: Topic, max_records: int) -> Sequence[Record]:
        if self.tail_fails:
            raise BusUnavailableError("the bus is away")
        return await super().tail(topic, max_records)

    async def follow(
        self, topic: Topic, after: Mapping[int, int] | None = None
    ) -> AsyncGenerator[Sequence[Record] | None, None]:
        async with aclosing(self.real.follow(topic, after)) as batches:
            async for batch in batches:
                if self.away:
                    raise BusUnavailableError("the bus is away")
                self.read += len(batch or ())
                yield batch


@dataclass
class Machine:
    """A place where matchers run, one after another, beside a bus that may be replaced."""

    folder: Path
    bus: CountingBus
    age: timedelta = timedelta(0)
    """How much later it is than the bus thinks."""
    saves: list[int] = field(default_factory=list)

    def clock(self) -> datetime:
        return utc_now() + self.age

    async def send(self, *messages: Message) -> None:
        await self.bus.send_all(
            [
                Outgoing(WATCH_RULES, m, None)
                if isinstance(m, str)
                else Outgoing(WATCH_RULES, m.key, m.encode())
                for m in messages
            ]
        )

    @asynccontextmanager
    async def matcher(self, memory: RuleMemory | None = None) -> AsyncIterator[RulesInForce]:
        metrics = Metrics()
        rules = RulesInForce(metrics)
        component = Health(metrics).component("rules")
        memory = memory or RuleMemory(RuleCache(self.folder), self.clock, settle_seconds=0)
        self.bus.read = 0
        tasks = [
            asyncio.create_task(follow_rules(self.bus, rules, component, memory)),
            asyncio.create_task(memory.keep(self.bus)),
        ]
        try:
            yield rules
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def saved(self, generation: int) -> None:
        """Wait until this generation is on disk."""

        async def there() -> bool:
            found = RuleCache(self.folder).load()
            return found is not None and found.generation.manifest.generation == generation

        await until(there, f"generation {generation} on disk")

    async def run_once(self) -> None:
        """A matcher that starts, puts all in force, remembers it and ends."""
        async with self.matcher() as rules:
            async with asyncio.timeout(PATIENCE):
                await rules.current()
            await self.saved(rules.generation)


async def in_force(rules: RulesInForce, generation: int) -> dict[str, str]:
    """The queries of this generation, as soon as it is in force."""

    async def there() -> bool:
        return rules.generation == generation

    await until(there, f"generation {generation}")
    return {rule_id: one.query for rule_id, one in (await rules.current()).rules.items()}


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[SqliteBus]:
    async with open_bus(tmp_path / "bus.sqlite") as opened:
        yield opened


@pytest.fixture
async def other_bus(tmp_path: Path) -> AsyncIterator[SqliteBus]:
    async with open_bus(tmp_path / "other.sqlite") as opened:
        yield opened


@pytest.fixture
async def machine(tmp_path: Path, bus: SqliteBus) -> Machine:
    """A machine that remembers generation 1 of three rules."""
    machine = Machine(tmp_path / "cache", CountingBus(bus))
    await machine.send(rule("a"), rule("b"), rule("c"), manifest(1, 3))
    await machine.run_once()
    return machine


FERRIES = {"a": "ferry", "b": "ferry", "c": "ferry"}


async def test_a_restart_reads_the_manifest_and_nothing_else(machine: Machine) -> None:
    async with machine.matcher() as rules:
        assert await in_force(rules, 1) == FERRIES
        assert machine.bus.read == 1


async def test_a_restart_reads_what_has_come_since(machine: Machine) -> None:
    await machine.send(rule("b", "harbour", 2), "rule:c", manifest(2, 2))
    async with machine.matcher() as rules:
        assert await in_force(rules, 2) == {"a": "ferry", "b": "harbour"}
        assert machine.bus.read == 4
        await machine.send(rule("d"), manifest(3, 3))
        assert len(await in_force(rules, 3)) == 3
        await machine.saved(3)


async def test_a_generation_that_is_half_announced_leaves_the_remembered_one_in_force(
    machine: Machine,
) -> None:
    await machine.send(rule("b", "harbour", 2))
    async with machine.matcher() as rules:
        assert await in_force(rules, 1) == FERRIES
        await machine.send(manifest(2, 3))
        assert (await in_force(rules, 2))["b"] == "harbour"
        await machine.saved(2)
    async with machine.matcher() as rules:
        assert (await in_force(rules, 2))["b"] == "harbour"


async def test_what_stood_behind_the_manifest_when_it_was_remembered_is_read_after_a_restart(
    machine: Machine,
) -> None:
    await machine.send(rule("a", "tanker", 2), manifest(2, 3), rule("b", "harbour", 2))
    async with machine.matcher() as rules:
        await in_force(rules, 2)
        await machine.saved(2)
    await machine.send(manifest(3, 3))
    async with machine.matcher() as rules:
        assert await in_force(rules, 3) == {"a": "tanker", "b": "harbour", "c": "ferry"}
        assert machine.bus.read == 3


async def test_an_unusable_record_since_leaves_the_remembered_generation_in_force(
    machine: Machine,
) -> None:
    await machine.send(rule("b", "(harbour", 2), manifest(2, 3))
    async with machine.matcher() as rules:
        assert await in_force(rules, 1) == FERRIES


async def test_lists_are_remembered_with_their_rules(tmp_path: Path, bus: SqliteBus) -> None:
    machine = Machine(tmp_path / "cache", CountingBus(bus))
    await machine.send(term_list("ships", "ferry"), rule("a", "@ships"), manifest(1, 1, 1))
    await machine.run_once()
    await machine.send(term_list("ships", "tanker", version=2), manifest(2, 1, 1))
    async with machine.matcher() as rules:
        assert await in_force(rules, 2) == {"a": "@ships"}
        assert machine.bus.read == 3


# What must not be believed


async def test_a_topic_that_was_replaced_by_a_shorter_one_is_read_whole(
    machine: Machine, other_bus: SqliteBus
) -> None:
    machine.bus.real = other_bus
    await machine.send(rule("a", "harbour"), manifest(2, 1, announcement=10))
    async with machine.matcher() as rules:
        assert await in_force(rules, 2) == {"a": "harbour"}
        await machine.saved(2)


@pytest.mark.parametrize("more", [0, 1, 20])
async def test_a_topic_that_was_replaced_by_one_as_long_or_longer_is_read_whole(
    machine: Machine, other_bus: SqliteBus, more: int
) -> None:
    """Its offsets fit. The rule that changed stands before the remembered place."""
    machine.bus.real = other_bus
    filling = [rule("a", "harbour", version=2 + n) for n in range(more)]
    await machine.send(*filling, rule("b", "tanker", 2), rule("c"), rule("a", "harbour", 50))
    await machine.send(manifest(2, 3, announcement=10))
    async with machine.matcher() as rules:
        assert await in_force(rules, 2) == {"a": "harbour", "b": "tanker", "c": "ferry"}


async def test_a_replaced_topic_that_begins_its_generations_anew_is_read_whole(
    machine: Machine, other_bus: SqliteBus
) -> None:
    await machine.send(rule("a", "tanker", 2), manifest(57, 3))
    await machine.run_once()
    machine.bus.real = other_bus
    await machine.send(*(rule(name) for name in "abcdefgh"), manifest(1, 8, announcement=10))
    async with machine.matcher() as rules:
        assert len(await in_force(rules, 1)) == 8


async def test_an_emptied_topic_is_waited_for(machine: Machine, other_bus: SqliteBus) -> None:
    machine.bus.real = other_bus
    async with machine.matcher() as rules:
        await machine.send(rule("a"), manifest(2, 1, announcement=10))
        assert await in_force(rules, 2) == {"a": "ferry"}


async def test_where_everything_was_announced_anew_everything_is_read(machine: Machine) -> None:
    await machine.send("rule:c", rule("a", "x", 2), rule("b"), manifest(2, 2, announcement=10))
    async with machine.matcher() as rules:
        assert await in_force(rules, 2) == {"a": "x", "b": "ferry"}
        assert machine.bus.read == 5 + 8


async def test_removals_that_compaction_has_forgotten_show_in_the_counts(
    machine: Machine, bus: SqliteBus
) -> None:
    await machine.send("rule:c", rule("b", "harbour", 2), manifest(2, 2))
    await bus.prune(utc_now() + TOMBSTONES_KEPT * 2, [WATCH_RULES])
    async with machine.matcher() as rules:
        assert await in_force(rules, 2) == {"a": "ferry", "b": "harbour"}
        assert machine.bus.read > 2


async def test_a_removal_that_was_forgotten_and_made_up_for_is_not_missed(
    machine: Machine, bus: SqliteBus
) -> None:
    """The count is right: only its age tells that the memory may be wrong."""
    await machine.send(rule("c", "old", 7), manifest(2, 3))
    await machine.run_once()
    await machine.send("rule:c", manifest(3, 2))
    await machine.send(rule("c", "new", 1), manifest(4, 3))
    machine.age = TOMBSTONES_KEPT * 2
    await bus.prune(machine.clock(), [WATCH_RULES])
    async with machine.matcher() as rules:
        assert (await in_force(rules, 4))["c"] == "new"


async def test_a_cache_that_is_broken_is_no_reason_not_to_start(machine: Machine) -> None:
    for path in machine.folder.glob("data-*/**/*"):
        if path.is_file():
            path.write_bytes(b"rubbish")
    async with machine.matcher() as rules:
        assert await in_force(rules, 1) == FERRIES
        assert machine.bus.read == 4
        await machine.saved(1)


# In the process


async def test_after_an_outage_the_process_reads_on_from_what_it_holds(machine: Machine) -> None:
    memory = RuleMemory(None, machine.clock)
    async with machine.matcher(memory) as rules:
        await in_force(rules, 1)
    async with machine.matcher(memory) as rules:
        assert await in_force(rules, 1) == FERRIES
        assert machine.bus.read == 1


async def test_without_a_folder_nothing_is_remembered_beyond_the_process(machine: Machine) -> None:
    async with machine.matcher(RuleMemory(None, machine.clock)) as rules:
        assert await in_force(rules, 1) == FERRIES
        assert machine.bus.read == 4


async def test_while_nothing_is_written_what_is_remembered_stays_young(machine: Machine) -> None:
    memory = RuleMemory(RuleCache(machine.folder), machine.clock)
    machine.age = TOMBSTONES_KEPT * 3
    await memory.recall()
    await memory.look_again(machine.bus)
    young = await memory.recall()
    assert young is not None
    assert utc_now() + machine.age - young.complete_at < timedelta(hours=1)
    await machine.send(rule("d"))
    machine.age *= 2
    await memory.look_again(machine.bus)
    assert await memory.recall() == young


async def test_a_look_at_a_bus_that_is_away_changes_nothing(machine: Machine) -> None:
    memory = RuleMemory(RuleCache(machine.folder), machine.clock)
    before = await memory.recall()
    machine.bus.tail_fails = True
    await memory.look_again(machine.bus)
    assert await memory.recall() is before


async def test_a_bus_that_is_away_is_waited_for_with_the_memory_kept(machine: Machine) -> None:
    machine.bus.away = True
    async with machine.matcher():
        pass
    with pytest.raises(BusUnavailableError):
        await follow_rules(
            machine.bus,
            RulesInForce(Metrics()),
            Health(Metrics()).component("rules"),
            RuleMemory(RuleCache(machine.folder), machine.clock),
        )
    machine.bus.away = False
    async with machine.matcher() as rules:
        await in_force(rules, 1)
        assert machine.bus.read == 1
