"""The agent takes records in turn, and nothing after a failure."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.topics import ARTICLES
from services.bus.errors import FencedError
from services.bus.loop import OneByOne
from services.bus.port import Bus, Record
from services.bus.sqlite import open_bus
from services.matcher.agent import Agent, RecordsMissingError
from services.matcher.progress import Progress

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Stage:
    """A handler that remembers offsets, and fails at one."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.handled: list[int] = []
        self._fails_at = fails_at

    async def handle(self, record: Record) -> None:
        if record.offset == self._fails_at:
            raise FencedError("somebody else has taken over")
        self.handled.append(record.offset)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with open_bus(tmp_path / "bus.sqlite") as bus:
        yield bus


async def take(agent: Agent, *offsets: int) -> None:
    for offset in offsets:
        await agent.take(Record(ARTICLES.name, 0, offset, "k", b"", {}, NOON))


def one_by_one(bus: Bus, stage: Stage) -> OneByOne:
    return OneByOne(bus, ARTICLES, stage, lambda _: None, asyncio.Event())


async def test_after_missing_records_nothing_is_taken(bus: Bus) -> None:
    stage, progress = Stage(), Progress()
    progress.start({0: 5})
    agent = Agent(one_by_one(bus, stage), progress)
    await take(agent, 5, 8, 9, 6)
    assert agent.failed.is_set()
    assert isinstance(agent.error, RecordsMissingError)
    assert "offset 8 came where 6 was expected" in str(agent.error)
    assert (stage.handled, progress.due()) == ([5], {0: 6})


async def test_after_a_failure_nothing_is_taken(bus: Bus) -> None:
    stage, progress = Stage(fails_at=6), Progress()
    progress.start({0: 5})
    agent = Agent(one_by_one(bus, stage), progress)
    await take(agent, 5, 6, 7)
    assert isinstance(agent.error, FencedError)
    assert (stage.handled, progress.due()) == ([5], {0: 6})


async def test_after_a_stop_nothing_is_taken(bus: Bus) -> None:
    stage, progress = Stage(), Progress()
    progress.start({0: 5})
    one = one_by_one(bus, stage)
    agent = Agent(one, progress)
    await take(agent, 5)
    one.stop.set()
    await take(agent, 6)
    assert (stage.handled, progress.due(), agent.error) == ([5], {0: 6}, None)
