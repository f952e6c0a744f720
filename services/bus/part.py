"""A stage on the bus as a part of a process: its health, its metrics, its end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from schemas.topics import Topic
from services.bus.errors import BusFileError, BusInUseError, FencedError
from services.bus.loop import DeadLettered, Event, Handled, Handler, Recovered, Waiting, run_stage
from services.bus.port import Bus, Lag, OffsetOutOfRangeError
from services.runtime.clock import Clock, utc_now
from services.runtime.health import Component
from services.runtime.lifecycle import Part, StopForGoodError, until_stopped, wait_for_stop
from services.runtime.metrics import Metrics
from services.runtime.process import Refresh

log = structlog.get_logger()

JOIN_AGAIN_SECONDS = 0.5

Prepared = Callable[[], Awaitable[object]]


async def _nothing() -> None:
    """Nothing has to be there first."""


def stage_part(
    bus: Bus,
    topic: Topic,
    handler: Handler,
    metrics: Metrics,
    *,
    prepared: Prepared = _nothing,
    waits_for: str = "starting",
) -> Part:
    """A part that runs `handler` on `topic` for its group, once `prepared` has returned."""
    (group,) = topic.groups

    async def run(stop: asyncio.Event, component: Component) -> None:
        component.waiting(waits_for)
        await until_stopped(prepared(), stop)
        metrics.dead_letters.labels(topic.name)
        on_event = reporter(topic, component, metrics)
        while not stop.is_set():
            component.ready()
            try:
                await run_stage(bus, topic, group, handler, on_event=on_event, stop=stop)
            except FencedError as error:
                # Another member has the work now; what was not committed is its to do.
                log.warning("overtaken; joining again", topic=topic.name, reason=str(error))
                await wait_for_stop(stop, JOIN_AGAIN_SECONDS)
            except (OffsetOutOfRangeError, BusFileError, BusInUseError) as error:
                raise StopForGoodError(str(error)) from error

    return run


def reporter(topic: Topic, component: Component, metrics: Metrics) -> Callable[[Event], None]:
    """What tells a component and the metrics of the loop's events."""

    def on_event(event: Event) -> None:
        match event:
            case Handled() | Recovered():
                component.ready()
            case Waiting(error):
                component.waiting(str(error))
            case DeadLettered():
                metrics.dead_letters.labels(topic.name).inc()

    return on_event


def watch_lag(
    bus: Bus, topic: Topic, step: str, metrics: Metrics, clock: Clock = utc_now
) -> Refresh:
    """What brings the gauges `wirewatch_bus_lag_…{step}` up to date."""
    (group,) = topic.groups

    async def refresh() -> None:
        lag = await bus.lag(topic, group)
        metrics.bus_lag.labels(step).set(lag.records)
        metrics.bus_lag_age.labels(step).set(_age_seconds(lag, clock()))

    return refresh


def _age_seconds(lag: Lag, now: datetime) -> float:
    """How long the oldest record has waited; 0 where none does or none can be read."""
    if lag.oldest_written_at is None:
        return 0.0
    return max(0.0, (now - lag.oldest_written_at).total_seconds())
