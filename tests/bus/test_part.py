"""A stage as a part of a process: its health, and what ends it."""

import asyncio
from pathlib import Path

import pytest

from schemas.message import MalformedMessageError
from schemas.topics import ARTICLES, MATCHES
from services.bus.errors import FencedError
from services.bus.part import stage_part, watch_lag
from services.bus.port import OffsetOutOfRangeError, Outgoing, Record
from services.bus.sqlite import open_bus
from services.runtime.health import Health
from services.runtime.lifecycle import StopForGoodError
from services.runtime.metrics import Metrics


class Stage:
    """Raises what it is told to, then handles, and stops the test when it has handled."""

    def __init__(self, stop: asyncio.Event, *failures: Exception) -> None:
        self._stop = stop
        self._failures = list(failures)
        self.handled: list[str] = []

    async def handle(self, record: Record) -> None:
        """Handle one record."""
        if self._failures:
            raise self._failures.pop(0)
        self.handled.append(record.key)
        self._stop.set()


async def test_a_stage_that_was_overtaken_joins_again_and_loses_nothing(tmp_path: Path) -> None:
    stop, metrics = asyncio.Event(), Metrics()
    stage = Stage(stop, FencedError("another judge"))
    async with open_bus(tmp_path / "bus.sqlite") as bus:
        await bus.send(Outgoing(MATCHES, "a", b"1"))
        part = stage_part(bus, MATCHES, stage, metrics)
        await part(stop, Health(metrics).component("judge"))
    assert stage.handled == ["a"]


async def test_an_offset_out_of_range_stops_the_stage_for_good(tmp_path: Path) -> None:
    stop, metrics = asyncio.Event(), Metrics()
    stage = Stage(stop, OffsetOutOfRangeError("records are missing"))
    async with open_bus(tmp_path / "bus.sqlite") as bus:
        await bus.send(Outgoing(MATCHES, "a", b"1"))
        part = stage_part(bus, MATCHES, stage, metrics)
        with pytest.raises(StopForGoodError, match="records are missing"):
            await part(stop, Health(metrics).component("judge"))


async def test_dead_letters_are_counted_and_the_lag_is_measured(tmp_path: Path) -> None:
    stop, metrics = asyncio.Event(), Metrics()
    stage = Stage(stop, MalformedMessageError("no article"))
    async with open_bus(tmp_path / "bus.sqlite") as bus:
        await bus.send_all([Outgoing(ARTICLES, key, b"1") for key in "ab"])
        refresh = watch_lag(bus, ARTICLES, "matcher", metrics)
        await refresh()
        assert b'wirewatch_bus_lag_records{step="matcher"} 2.0' in metrics.exposition()
        await stage_part(bus, ARTICLES, stage, metrics)(stop, Health(metrics).component("matcher"))
        await refresh()
    assert b'wirewatch_dead_letters_total{topic="articles"} 1.0' in metrics.exposition()
    assert b'wirewatch_bus_lag_records{step="matcher"} 0.0' in metrics.exposition()


async def test_a_stage_waits_for_what_has_to_be_there_first(tmp_path: Path) -> None:
    stop, metrics = asyncio.Event(), Metrics()
    health, stage = Health(metrics), Stage(stop)
    never = asyncio.Event()
    async with open_bus(tmp_path / "bus.sqlite") as bus:
        await bus.send(Outgoing(ARTICLES, "a", b"1"))
        part = stage_part(bus, ARTICLES, stage, metrics, prepared=never.wait, waits_for="the rules")
        running = asyncio.ensure_future(part(stop, health.component("matcher")))
        await asyncio.sleep(0)
        assert "matcher: waiting: the rules" in health.describe()
        stop.set()
        await running
    assert stage.handled == []
