"""One article in, its matches out: all of them, once, whatever a single rule does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from schemas.article import Article
from schemas.dead_letter import DeadLetter
from schemas.matches import ArticleMatches, Clause, RuleMatch
from schemas.message import MalformedMessageError
from schemas.rule import Severity
from schemas.topics import ARTICLES_DLQ, MATCHES, MAX_RECORD_BYTES
from services.bus.port import Bus, BusUnavailableError
from services.bus.sqlite import open_bus
from services.engine.ruleset import MatchResult, RuleFailure, RuleSet
from services.matcher.rules import RulesInForce
from services.matcher.stage import MatchStage, split
from services.runtime.metrics import Metrics
from tests.matcher.broadcast import NOW, arrived, article, rule
from tests.servers.faults import FaultyBus
from tests.servers.patience import PATIENCE


class PartlyBroken(RuleSet):
    """A set of rules of which "broken" fails on every article."""

    def match(self, of: Article) -> MatchResult:
        failure = RuleFailure("broken", RecursionError("too deep"))
        return MatchResult(super().match(of).matches, (failure,))


@dataclass
class Desk:
    """A stage on a bus."""

    bus: FaultyBus
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.rules = RulesInForce(self.metrics)
        self.stage = MatchStage(self.bus, self.rules, self.metrics, lambda: NOW)

    def in_force(self, *rule_ids: str, generation: int = 1, broken: bool = False) -> None:
        kind = PartlyBroken if broken else RuleSet
        rules = kind.of([rule(rule_id) for rule_id in rule_ids])
        self.rules.put_in_force(rules, generation)

    async def matched(self) -> Sequence[list[str]]:
        """The rules of every record of `matches`."""
        records = await self.bus.tail(MATCHES, 99)
        return [[m.rule_id for m in ArticleMatches.decode(r.value).matches] for r in records]

    async def letters(self) -> Sequence[DeadLetter]:
        return [DeadLetter.from_headers(r.headers) for r in await self.bus.tail(ARTICLES_DLQ, 99)]


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with open_bus(tmp_path / "bus.sqlite") as opened:
        yield opened


@pytest.fixture
def desk(bus: Bus) -> Desk:
    return Desk(FaultyBus(bus))


async def test_an_article_leaves_with_all_its_matches_and_itself(desk: Desk) -> None:
    desk.in_force("a", "b")
    await desk.stage.handle(arrived(article()))
    (record,) = await desk.bus.tail(MATCHES, 9)
    message = ArticleMatches.decode(record.value)
    assert (record.key, message.article, message.matched_at) == ("a-1", article(), NOW)
    assert [m.rule_id for m in message.matches] == ["a", "b"]
    assert (message.part, message.parts) == (1, 1)


async def test_an_article_that_matches_nothing_leaves_no_record(desk: Desk) -> None:
    desk.in_force("a")
    await desk.stage.handle(arrived(article(title="Grain", body="Grain.")))
    assert await desk.matched() == []


async def test_a_record_that_is_no_article_is_refused(desk: Desk) -> None:
    desk.in_force("a")
    with pytest.raises(MalformedMessageError, match="Article"):
        await desk.stage.handle(arrived(b"{}"))


async def test_nothing_is_matched_before_the_rules_are_known(desk: Desk) -> None:
    handling = asyncio.create_task(desk.stage.handle(arrived(article())))
    await asyncio.sleep(0)
    assert not handling.done()
    desk.in_force("a")
    async with asyncio.timeout(PATIENCE):
        await handling
    assert await desk.matched() == [["a"]]


async def test_a_repeat_is_dropped_and_a_new_revision_is_not(desk: Desk) -> None:
    desk.in_force("a")
    for of in (article(), article(), article(revision="r-2"), article(article_id="a-2")):
        await desk.stage.handle(arrived(of))
    assert len(await desk.matched()) == 3


async def test_a_repeat_under_newer_rules_is_matched_again(desk: Desk) -> None:
    desk.in_force("a")
    await desk.stage.handle(arrived(article()))
    desk.in_force("a", "b", generation=2)
    await desk.stage.handle(arrived(article()))
    await desk.stage.handle(arrived(article()))
    assert await desk.matched() == [["a"], ["a", "b"]]


async def test_what_is_remembered_of_repeats_is_bounded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.matcher.stage.REMEMBERED", 2)
    desk.in_force("a")
    for name in ("1", "2", "3", "3", "1"):
        await desk.stage.handle(arrived(article(article_id=name)))
    assert len(await desk.matched()) == 4


@pytest.mark.parametrize("after_send", [False, True])
async def test_matches_that_could_not_be_sent_are_sent_by_the_repeat(
    desk: Desk, after_send: bool
) -> None:
    desk.in_force("a")
    desk.bus.room, desk.bus.after_send = 0, after_send
    with pytest.raises(BusUnavailableError):
        await desk.stage.handle(arrived(article()))
    desk.bus.room = None
    await desk.stage.handle(arrived(article()))
    assert await desk.matched() == [["a"]] * (2 if after_send else 1)


async def test_a_rule_that_fails_is_put_aside_as_that_pair_and_the_others_match(
    desk: Desk,
) -> None:
    desk.in_force("a", broken=True)
    await desk.stage.handle(arrived(article(), offset=17))
    assert await desk.matched() == [["a"]]
    (letter,) = await desk.letters()
    assert (letter.topic, letter.partition, letter.offset) == ("articles", 0, 17)
    assert letter.error == "rule broken: too deep"
    (record,) = await desk.bus.tail(ARTICLES_DLQ, 9)
    assert (record.key, record.value) == ("a-1", article().encode())
    value = desk.metrics.registry.get_sample_value
    assert value("wirewatch_rule_failures_total") == 1
    assert value("wirewatch_dead_letters_total", {"topic": "articles"}) == 1


async def test_a_pair_put_aside_gets_another_chance_when_the_article_is_sent_again(
    desk: Desk,
) -> None:
    desk.in_force("a", broken=True)
    await desk.stage.handle(arrived(article()))
    desk.rules.put_in_force(RuleSet.of([rule("a"), rule("broken")]), 1)
    await desk.stage.handle(arrived(article(), offset=1))
    assert await desk.matched() == [["a"], ["a", "broken"]]


async def test_a_pair_that_cannot_be_put_aside_stops_the_article(desk: Desk) -> None:
    desk.in_force("a", broken=True)
    desk.bus.room = 0
    with pytest.raises(BusUnavailableError):
        await desk.stage.handle(arrived(article()))
    assert await desk.matched() == []


def match_of_size(rule_id: str, size: int) -> RuleMatch:
    return RuleMatch(
        rule_id=rule_id,
        version=1,
        name="é" * 100,
        severity=Severity.NORMAL,
        query="q" * size,
        evidence=(Clause(clause="c"),),
    )


@pytest.mark.parametrize("text", ["x", "é", "\x01"])
def test_a_message_over_the_limit_is_split_and_keeps_every_match_in_order(text: str) -> None:
    of = article(body=text * 40_000)
    sizes = [10, 200_000, 400_000, 300_000, 5, 600_000, 1, 1]
    found = tuple(match_of_size(f"r{n}", size) for n, size in enumerate(sizes))
    messages = split(of, found, lambda: NOW)
    assert [m.rule_id for message in messages for m in message.matches] == [
        f"r{n}" for n in range(len(sizes))
    ]
    assert all(len(message.encode()) <= MAX_RECORD_BYTES for message in messages)
    assert [(m.part, m.parts) for m in messages] == [
        (n, len(messages)) for n in range(1, len(messages) + 1)
    ]
    assert all(message.article == of for message in messages)
    assert len(messages) < len(sizes)


async def test_ten_thousand_small_matches_all_arrive(desk: Desk) -> None:
    names = [f"rule-{n:05}" for n in range(10_000)]
    desk.in_force(*names)
    await desk.stage.handle(arrived(article()))
    matched = await desk.matched()
    assert len(matched) > 1
    assert [name for part in matched for name in part] == names
    assert all(len(r.value or b"") <= MAX_RECORD_BYTES for r in await desk.bus.tail(MATCHES, 99))
