"""How far a step is behind, as its gauges say: how many records, and how old the oldest is."""

from datetime import datetime, timedelta
from pathlib import Path

from schemas.topics import ARTICLES, MATCHER_GROUP
from services.bus.part import watch_lag
from services.bus.port import Outgoing
from services.bus.sqlite import SqliteBus, open_bus
from services.runtime.clock import utc_now
from services.runtime.metrics import Metrics


async def _gauges(bus: SqliteBus, now: datetime) -> tuple[float | None, float | None]:
    metrics = Metrics()
    await watch_lag(bus, ARTICLES, "matcher", metrics, lambda: now)()
    step = {"step": "matcher"}
    value = metrics.registry.get_sample_value
    return value("wirewatch_bus_lag_records", step), value("wirewatch_bus_lag_seconds", step)


async def test_nothing_waits_when_all_is_done(tmp_path: Path) -> None:
    async with open_bus(tmp_path / "bus.sqlite") as bus:
        assert await _gauges(bus, utc_now()) == (0, 0)


async def test_the_age_is_that_of_the_oldest_record_that_is_not_done(tmp_path: Path) -> None:
    async with open_bus(tmp_path / "bus.sqlite") as bus:
        await bus.send_all([Outgoing(ARTICLES, f"a{n}", b"{}") for n in range(3)])
        (oldest, *_) = await bus.tail(ARTICLES, 3)
        later = oldest.written_at + timedelta(seconds=90)
        assert await _gauges(bus, later) == (3, 90)
        async with bus.consume(ARTICLES, MATCHER_GROUP) as consumer:
            for record in await consumer.fetch(10, 1):
                await consumer.commit(record)
        assert await _gauges(bus, later) == (0, 0)


async def test_a_clock_that_was_set_back_makes_no_negative_age(tmp_path: Path) -> None:
    async with open_bus(tmp_path / "bus.sqlite") as bus:
        await bus.send(Outgoing(ARTICLES, "a", b"{}"))
        assert await _gauges(bus, utc_now() - timedelta(hours=1)) == (1, 0)
