"""What every long-running process has in common: metrics, health, endpoint, parts, signals."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib.metadata import version

import structlog
from prometheus_client import ProcessCollector

from services.runtime.backoff import delay
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Health
from services.runtime.http import PortTakenError, Routes, serve_endpoint
from services.runtime.lifecycle import Part, run_parts, stop_on_signals, wait_for_stop
from services.runtime.metrics import Metrics
from services.runtime.settings import Settings

log = structlog.get_logger()

FIRST_PAUSE = timedelta(seconds=0.5)
LONGEST_PAUSE = timedelta(seconds=15)

Refresh = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Process:
    """A process while its parts are put together.

    `stack` closes what parts opened, in reverse order, after all parts have ended.
    `refreshes` bring gauges up to date before a scrape; `routes` is what parts serve on the
    endpoint.
    """

    name: str
    settings: Settings
    stack: AsyncExitStack
    metrics: Metrics
    health: Health
    refreshes: list[Refresh]
    routes: Routes = field(default_factory=Routes)


Assemble = Callable[[Process], Awaitable[dict[str, Part]]]


class CannotStartError(Exception):
    """The process cannot start, and trying again would not help; the text says why."""


async def run_process(
    name: str,
    settings: Settings,
    assemble: Assemble,
    stop: asyncio.Event,
    started: Callable[[str], None] = lambda _: None,
) -> None:
    """Run the parts that `assemble` returns until `stop` is set.

    A dependency that is away at the start is waited for, visibly. `started` is told the
    endpoint's URL. Raises CannotStartError and PortTakenError.
    """
    metrics = Metrics()
    metrics.build.labels(version("wirewatch"), name).set(1)
    ProcessCollector(registry=metrics.registry)
    health = Health(metrics)
    refreshes: list[Refresh] = []
    routes = Routes()
    refresh = partial(_refresh, refreshes)
    place = (settings.http_host, settings.http_port)
    async with serve_endpoint(*place, metrics, health, refresh, routes) as url:
        startup = health.component("startup")
        failures = 0
        while not stop.is_set():
            try:
                async with AsyncExitStack() as stack:
                    process = Process(name, settings, stack, metrics, health, refreshes, routes)
                    parts = await assemble(process)
                    routes.complete()
                    startup.ready()
                    log.info("wirewatch runs", process=name, url=url)
                    started(url)
                    await run_parts(parts, health, stop)
            except DependencyUnavailableError as error:
                failures += 1
                refreshes.clear()
                routes.clear()
                startup.waiting(str(error))
                pause = delay(failures, FIRST_PAUSE, LONGEST_PAUSE, 1)
                log.warning("start waits", error=str(error), seconds=pause.total_seconds())
                await wait_for_stop(stop, pause.total_seconds())
    log.info("stopped; nothing is in flight", process=name)


async def _refresh(refreshes: Iterable[Refresh]) -> None:
    """Bring all gauges up to date; those whose source is away keep their last value."""
    for refresh in refreshes:
        try:
            await refresh()
        except DependencyUnavailableError as error:
            log.warning("gauges not refreshed", error=str(error))


def collect_garbage_seldom() -> None:
    """Leave what the imports made out of every later collection, and collect less often.

    It is some 200,000 objects that never go away; looking through them again and again
    took a twentieth of a busy poller's time (bench/poll).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


async def run_until_signal(name: str, settings: Settings, assemble: Assemble) -> int:
    """Run a process until SIGTERM or Ctrl-C; the exit code."""
    collect_garbage_seldom()
    async with stop_on_signals() as stop:
        try:
            await run_process(name, settings, assemble, stop)
        except (CannotStartError, PortTakenError) as error:
            sys.stderr.write(f"wirewatch cannot start: {error}\n")
            return 1
    return 0
