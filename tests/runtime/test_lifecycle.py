"""Parts are restarted when they crash, and finish when told to stop."""

import asyncio
from datetime import timedelta

import pytest

from services.runtime import lifecycle
from services.runtime.backoff import delay
from services.runtime.health import Component, Health
from services.runtime.lifecycle import StopForGoodError, run_parts, until_stopped
from services.runtime.metrics import Metrics


@pytest.fixture(autouse=True)
def _restart_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "FIRST_RESTART", timedelta(milliseconds=1))


async def test_a_part_that_crashes_is_started_again() -> None:
    stop, starts = asyncio.Event(), []

    async def part(stop: asyncio.Event, component: Component) -> None:
        starts.append(1)
        if len(starts) < 3:
            raise RuntimeError("a bug")
        component.ready()
        stop.set()

    health = Health(Metrics())
    await run_parts({"part": part}, health, stop)
    assert len(starts) == 3
    assert health.is_ready()


async def test_a_cancellation_that_nobody_meant_is_a_crash_and_not_an_end() -> None:
    stop, starts = asyncio.Event(), []

    async def part(stop: asyncio.Event, component: Component) -> None:
        starts.append(1)
        if len(starts) == 1:
            raise asyncio.CancelledError
        stop.set()

    await run_parts({"part": part}, Health(Metrics()), stop)
    assert len(starts) == 2


async def test_a_part_that_stops_for_good_is_not_restarted_and_the_others_go_on() -> None:
    stop, starts = asyncio.Event(), []

    async def hopeless(stop: asyncio.Event, component: Component) -> None:
        starts.append(1)
        raise StopForGoodError("somebody must look")

    async def other(stop: asyncio.Event, component: Component) -> None:
        component.ready()
        while health.alive():  # noqa: ASYNC110
            await asyncio.sleep(0)
        stop.set()

    health = Health(Metrics())
    await run_parts({"hopeless": hopeless, "other": other}, health, stop)
    assert starts == [1]
    assert "hopeless: stopped: somebody must look" in health.describe()


async def test_what_is_in_flight_is_finished_before_the_end() -> None:
    stop, finished = asyncio.Event(), []

    async def part(stop: asyncio.Event, component: Component) -> None:
        stop.set()
        await asyncio.sleep(0)
        finished.append(1)

    await run_parts({"part": part}, Health(Metrics()), stop)
    assert finished == [1]


async def test_a_part_that_does_not_end_is_cut_off() -> None:
    stop = asyncio.Event()

    async def deaf(stop: asyncio.Event, component: Component) -> None:
        stop.set()
        await asyncio.Event().wait()

    await run_parts({"deaf": deaf}, Health(Metrics()), stop, grace_seconds=0.01)


async def test_until_stopped_raises_what_the_work_raises() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await until_stopped(work(), asyncio.Event())


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 2), (2, 4), (3, 8), (10, 900), (10_000, 900)])
def test_the_wait_doubles_up_to_a_bound(attempt: int, ceiling: float) -> None:
    first, longest = timedelta(seconds=2), timedelta(minutes=15)
    assert delay(attempt, first, longest, 0.5).total_seconds() == ceiling / 2


def test_a_long_first_wait_doubles_no_further_than_times_go() -> None:
    assert delay(60, timedelta(minutes=15), timedelta(minutes=15), 0.5) == timedelta(minutes=7.5)
