"""Rules come into force whole generation by generation, or not at all and visibly."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from schemas.rule import RulesManifest, TermList, WatchRule
from schemas.topics import WATCH_RULES
from services.bus.port import Outgoing, Record
from services.bus.sqlite import SqliteBus, open_bus
from services.engine import ruleset
from services.matcher.memory import RuleMemory
from services.matcher.reader import RuleReader
from services.matcher.rules import RulesInForce, follow_rules
from services.runtime.clock import utc_now
from services.runtime.health import Health
from services.runtime.metrics import Metrics
from tests.matcher.broadcast import article, gone, manifest, on_topic, raw, rule, term_list
from tests.servers.patience import PATIENCE, until


def read(reader: RuleReader, *records: Record) -> tuple[int, dict[str, str]] | None:
    """The generation that became whole, and its queries by rule."""
    reader.read(records)
    whole = reader.whole()
    if whole is None:
        return None
    queries = {rule_id: one.query for rule_id, one in whole.rules.rules.items()}
    return whole.manifest.generation, queries


def started(*rules: WatchRule, generation: int = 1) -> RuleReader:
    """A reader that has read these rules as a whole generation."""
    reader = RuleReader()
    assert read(reader, *on_topic(*rules, manifest(generation, len(rules)))) is not None
    return reader


def test_rules_come_into_force_with_their_manifest() -> None:
    reader = RuleReader()
    assert read(reader, *on_topic(rule("a"), rule("b", "harbour"))) is None
    assert read(reader, *on_topic(manifest(3, 2))) == (3, {"a": "ferry", "b": "harbour"})
    assert reader.incomplete is None


def test_a_generation_without_rules_is_whole() -> None:
    assert read(RuleReader(), *on_topic(manifest(1, 0))) == (1, {})


def test_a_generation_that_lacks_a_rule_waits_for_it_and_says_so() -> None:
    reader = RuleReader()
    assert read(reader, *on_topic(rule("a"), manifest(7, 2))) is None
    assert reader.incomplete is not None
    assert "generation 7" in reader.incomplete
    assert "1 of 2" in reader.incomplete
    assert read(reader, *on_topic(rule("b"), manifest(8, 2))) == (8, {"a": "ferry", "b": "ferry"})
    assert reader.incomplete is None


def test_a_generation_with_a_rule_too_many_is_not_whole() -> None:
    assert read(RuleReader(), *on_topic(rule("a"), rule("b"), manifest(1, 1))) is None


def test_a_changed_rule_replaces_its_earlier_version() -> None:
    reader = started(rule("a"))
    changed = on_topic(rule("a", "harbour", version=2), manifest(2, 1))
    assert read(reader, *changed) == (2, {"a": "harbour"})


def test_a_tombstone_removes_a_rule() -> None:
    reader = started(rule("a"), rule("b"))
    assert read(reader, gone("a"), *on_topic(manifest(2, 1))) == (2, {"b": "ferry"})


def test_a_tombstone_for_a_rule_nobody_knows_is_nothing() -> None:
    assert read(started(rule("a")), gone("x"), *on_topic(manifest(2, 1))) == (2, {"a": "ferry"})


def test_a_rule_removed_and_made_anew_counts_its_versions_anew() -> None:
    reader = started(rule("a", version=9))
    again = [gone("a"), *on_topic(rule("a", "harbour", version=1), manifest(2, 1))]
    assert read(reader, *again) == (2, {"a": "harbour"})


@pytest.mark.parametrize("batches", [1, 4])
def test_a_repeated_broadcast_brings_back_neither_an_older_version_nor_generation(
    batches: int,
) -> None:
    reader = started(rule("a", "harbour", version=2), generation=5)
    repeat = on_topic(rule("a", version=1), manifest(4, 1), manifest(4, 7))
    if batches == 1:
        assert read(reader, *repeat) is None
    else:
        assert [read(reader, record) for record in repeat] == [None, None, None]
    assert reader.incomplete is None
    assert read(reader, *on_topic(manifest(5, 1))) == (5, {"a": "harbour"})


def test_of_several_generations_in_one_batch_the_newest_counts() -> None:
    records = on_topic(rule("a"), manifest(1, 1), rule("a", "harbour", version=2), manifest(2, 1))
    assert read(RuleReader(), *records) == (2, {"a": "harbour"})


def test_a_whole_generation_stays_in_force_while_the_next_is_on_its_way() -> None:
    records = on_topic(rule("a"), manifest(1, 1), rule("b"))
    assert read(RuleReader(), *records) == (1, {"a": "ferry"})


UNUSABLE = {
    "no message": raw("rule:a", b"{"),
    "another rule under this name": raw("rule:a", rule("b").encode()),
    "a query that cannot be read": on_topic(rule("a", "(ferry", version=2))[0],
}


@pytest.mark.parametrize("record", UNUSABLE.values(), ids=list(UNUSABLE))
def test_an_unusable_record_is_named_and_never_makes_a_silent_half_set(record: Record) -> None:
    reader = RuleReader()
    assert read(reader, *on_topic(rule("b")), record, *on_topic(manifest(1, 2))) is None
    assert list(reader.problems) == ["rule:a"]


@pytest.mark.parametrize("record", UNUSABLE.values(), ids=list(UNUSABLE))
def test_an_unusable_new_version_does_not_put_the_old_one_into_the_new_generation(
    record: Record,
) -> None:
    """The count of rules would be right."""
    reader = started(rule("a"), rule("b"))
    newer = on_topic(rule("b", "harbour", version=2), manifest(2, 2))
    assert read(reader, record, *newer) is None
    assert list(reader.problems) == ["rule:a"]


@pytest.mark.parametrize("mended", [gone("a"), *on_topic(rule("a", version=3))])
@pytest.mark.parametrize("record", UNUSABLE.values(), ids=list(UNUSABLE))
def test_a_mended_or_removed_rule_ends_the_trouble(record: Record, mended: Record) -> None:
    reader = started(rule("a"), rule("b"))
    read(reader, record, *on_topic(manifest(2, 2)))
    count = 1 if mended.value is None else 2
    whole = read(reader, mended, *on_topic(manifest(3, count)))
    assert whole is not None
    assert (whole[0], len(whole[1])) == (3, count)
    assert not reader.problems


def test_an_unusable_manifest_is_named_and_the_next_one_counts() -> None:
    reader = RuleReader()
    assert read(reader, *on_topic(rule("a")), raw("manifest", b"{}")) is None
    assert list(reader.problems) == ["manifest"]
    assert read(reader, *on_topic(manifest(2, 1))) == (2, {"a": "ferry"})
    assert not reader.problems


def test_one_bad_rule_does_not_lose_the_others_of_its_batch() -> None:
    reader = RuleReader()
    read(reader, *on_topic(rule("a"), rule("x", "(ferry"), rule("b"), manifest(1, 3)))
    assert read(reader, gone("x"), *on_topic(manifest(2, 2))) == (2, {"a": "ferry", "b": "ferry"})


def test_records_of_a_kind_not_known_yet_are_passed_over() -> None:
    reader = RuleReader()
    later = raw("note:banks", b"{}")
    assert read(reader, later, *on_topic(rule("a"), manifest(1, 1))) == (1, {"a": "ferry"})
    assert not reader.problems


# Following the topic


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[SqliteBus]:
    async with open_bus(tmp_path / "bus.sqlite") as opened:
        yield opened


class Matcher:
    """A process that follows the rules."""

    def __init__(self, bus: SqliteBus) -> None:
        self.metrics = Metrics()
        self.health = Health(self.metrics)
        self.in_force = RulesInForce(self.metrics)
        component = self.health.component("rules")
        self._following = asyncio.create_task(
            follow_rules(bus, self.in_force, component, RuleMemory(None, utc_now))
        )

    async def until_told(self, words: str) -> None:
        async def told() -> bool:
            return words in self.health.describe()

        await until(told, words)

    async def until_generation(self, generation: int) -> None:
        async def there() -> bool:
            return self.in_force.generation == generation

        await until(there, f"generation {generation}")

    async def end(self) -> None:
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)


@pytest.fixture
async def matcher(bus: SqliteBus) -> AsyncIterator[Matcher]:
    running = Matcher(bus)
    yield running
    await running.end()


async def send(bus: SqliteBus, messages: Sequence[WatchRule | TermList | RulesManifest]) -> None:
    await bus.send_all([Outgoing(WATCH_RULES, m.key, m.encode()) for m in messages])


async def test_before_the_first_rules_nothing_is_matched_and_that_is_visible(
    bus: SqliteBus, matcher: Matcher
) -> None:
    await matcher.until_told("no rules yet")
    asking = asyncio.create_task(matcher.in_force.current())
    await send(bus, [rule("a")])
    await bus.tail(WATCH_RULES, 1)
    assert not asking.done()
    await send(bus, [manifest(1, 1)])
    async with asyncio.timeout(PATIENCE):
        assert list(await asking) == ["a"]
    await matcher.until_told("rules: ready")


async def test_a_change_is_in_force_soon_and_measured(bus: SqliteBus, matcher: Matcher) -> None:
    await send(bus, [rule("a"), manifest(1, 1)])
    await matcher.until_generation(1)
    await send(bus, [rule("b"), manifest(2, 2)])
    await matcher.until_generation(2)
    assert sorted(await matcher.in_force.current()) == ["a", "b"]
    value = matcher.metrics.registry.get_sample_value
    assert value("wirewatch_rules_active") == value("wirewatch_rules_generation") == 2


async def test_a_change_of_a_list_alone_reaches_the_matcher(
    bus: SqliteBus, matcher: Matcher
) -> None:
    await send(bus, [term_list("ships", "tanker"), rule("a", "@ships"), manifest(1, 1, 1)])
    await matcher.until_generation(1)
    assert (await matcher.in_force.current()).match(article()).matches == ()
    await send(bus, [term_list("ships", "ferry", version=2), manifest(2, 1, 1)])
    await matcher.until_generation(2)
    assert len((await matcher.in_force.current()).match(article()).matches) == 1


async def test_a_half_generation_leaves_the_one_before_in_force_and_is_visible(
    bus: SqliteBus, matcher: Matcher
) -> None:
    await send(bus, [rule("a"), manifest(1, 1)])
    await matcher.until_generation(1)
    await send(bus, [rule("x", "(ferry"), manifest(2, 2)])
    await matcher.until_told("unusable records, such as rule:x")
    assert list(await matcher.in_force.current()) == ["a"]
    await send(bus, [rule("x", "harbour", version=2), manifest(3, 3)])
    await matcher.until_told("generation 3 of the rules is not whole")
    await send(bus, [manifest(4, 2)])
    await matcher.until_generation(4)
    await matcher.until_told("rules: ready")


async def test_room_of_rules_that_changed_is_won_back_while_they_are_in_force(
    bus: SqliteBus, matcher: Matcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ruleset, "WASTE_ALLOWED", 5)
    for generation in range(1, 12):
        changed = rule("a", f"ferry OR word{generation}", version=generation)
        await send(bus, [changed, rule("b"), manifest(generation, 2)])
        await matcher.until_generation(generation)

    async def compact() -> bool:
        return not (await matcher.in_force.current()).is_wasteful

    await until(compact, "the rules in force are compacted")
    await send(bus, [rule("c"), manifest(12, 3)])
    await matcher.until_generation(12)
    rules = await matcher.in_force.current()
    assert {match.rule_id for match in rules.match(article()).matches} == {"a", "b", "c"}
