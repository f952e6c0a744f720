"""A stage on the bus as a part of a process: its health, its metrics, its end."""

import asyncio
from collections.abc import Awaitable, Callable

from schemas.topics import Topic
from services.bus.errors import BusFileError, BusInUseError
from services.bus.loop import DeadLettered, Event, Handled, Handler, Recovered, Waiting, run_stage
from services.bus.port import Bus, OffsetOutOfRangeError
from services.runtime.health import Component
from services.runtime.lifecycle import Part, StopForGoodError, until_stopped
from services.runtime.metrics import Metrics
from services.runtime.process import Refresh

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
        if stop.is_set():
            return
        component.ready()
        on_event = reporter(topic, component, metrics)
        try:
            await run_stage(bus, topic, group, handler, on_event=on_event, stop=stop)
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


def watch_lag(bus: Bus, topic: Topic, step: str, metrics: Metrics) -> Refresh:
    """What brings `wirewatch_bus_lag_records{step}` up to date."""

    (group,) = topic.groups

    async def refresh() -> None:
        lag = await bus.lag(topic, group)
        metrics.bus_lag.labels(step).set(lag.records)

    return refresh
