"""What every long-running process has in common: metrics, health, endpoint, parts, signals."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import structlog

from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Health
from services.runtime.http import PortTakenError, serve_endpoint
from services.runtime.lifecycle import Part, run_parts, stop_on_signals
from services.runtime.metrics import Metrics
from services.runtime.settings import Settings

log = structlog.get_logger()

Refresh = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Process:
    """A process while its parts are put together.

    `stack` closes what parts opened, in reverse order, after all parts have ended.
    `refreshes` bring gauges up to date before a scrape.
    """

    name: str
    settings: Settings
    stack: AsyncExitStack
    metrics: Metrics = field(default_factory=Metrics)
    refreshes: list[Refresh] = field(default_factory=list)
    health: Health = field(init=False)

    def __post_init__(self) -> None:
        self.health = Health(self.metrics)

    async def refresh(self) -> None:
        """Bring all gauges up to date; those whose source is away keep their last value."""
        for refresh in self.refreshes:
            try:
                await refresh()
            except DependencyUnavailableError as error:
                log.warning("gauges not refreshed", error=str(error))


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

    `started` is told the endpoint's URL. Raises CannotStartError, PortTakenError and what
    `assemble` raises.
    """
    async with AsyncExitStack() as stack:
        process = Process(name, settings, stack)
        parts = await assemble(process)
        url = await stack.enter_async_context(
            serve_endpoint(
                settings.http_host,
                settings.http_port,
                process.metrics,
                process.health,
                process.refresh,
            )
        )
        log.info("wirewatch runs", process=name, url=url)
        started(url)
        await run_parts(parts, process.health, stop)
        log.info("stopped; nothing is in flight", process=name)


async def run_until_signal(name: str, settings: Settings, assemble: Assemble) -> int:
    """Run a process until SIGTERM or Ctrl-C; the exit code."""
    async with stop_on_signals() as stop:
        try:
            await run_process(name, settings, assemble, stop)
        except (CannotStartError, PortTakenError, DependencyUnavailableError) as error:
            sys.stderr.write(f"wirewatch cannot start: {error}\n")
            return 1
    return 0
