"""Starting and stopping: named tasks that are restarted when they crash, and SIGTERM.

Every long-running part is a coroutine function that takes a stop event and returns soon
after the event is set, with its work in flight finished and recorded.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from services.runtime.backoff import delay
from services.runtime.health import Component, Health

log = structlog.get_logger()

Part = Callable[[asyncio.Event, Component], Awaitable[None]]
"""A long-running part: runs until the event is set; tells its health to the component."""

FIRST_RESTART = timedelta(seconds=0.5)
LONGEST_RESTART = timedelta(seconds=30)
RAN_WELL_SECONDS = (
    60  # a part that ran this long before it crashed starts over with the short pause
)


class StopForGoodError(Exception):
    """Raised by a part that must not be restarted: an operator has to look."""


async def run_parts(
    parts: Mapping[str, Part], health: Health, stop: asyncio.Event, grace_seconds: float = 20
) -> None:
    """Run all parts until `stop` is set, then let them finish for `grace_seconds`."""
    tasks = {
        asyncio.create_task(_keep_running(part, health.component(name), stop), name=name)
        for name, part in parts.items()
    }
    try:
        await stop.wait()
        _, late = await asyncio.wait(tasks, timeout=grace_seconds)
        for task in late:
            log.warning("did not finish in time and is cut off", component=task.get_name())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_running(part: Part, component: Component, stop: asyncio.Event) -> None:
    crashes = 0
    clock = asyncio.get_running_loop().time
    while not stop.is_set():
        started = clock()
        try:
            await _guarded(part, stop, component)
            return
        except StopForGoodError as error:
            log.error("stopped for good", component=component.name, reason=str(error))
            component.stopped(str(error))
            return
        except Exception as error:
            crashes = 1 if clock() - started > RAN_WELL_SECONDS else crashes + 1
            pause = delay(crashes, FIRST_RESTART, LONGEST_RESTART, random.uniform(0.5, 1))
            component.waiting(f"crashed ({type(error).__name__}: {error}) and is restarted")
            log.exception(
                "crashed; restarting", component=component.name, seconds=pause.total_seconds()
            )
            await wait_for_stop(stop, pause.total_seconds())


class _StrayCancellationError(Exception):
    """A library let somebody else's cancellation escape; nobody has cancelled the part."""


async def _guarded(part: Part, stop: asyncio.Event, component: Component) -> None:
    """Run a part; a cancellation that is not meant for it is a crash, not an end."""
    try:
        await part(stop, component)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise _StrayCancellationError("cancelled by nobody") from error


async def wait_for_stop(stop: asyncio.Event, seconds: float) -> bool:
    """Wait until `stop` is set, at most `seconds`; whether it is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def until_stopped(work: Awaitable[object], stop: asyncio.Event) -> None:
    """Let `work` go on until it ends or `stop` is set, then cancel it; raises what it raises."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets; a second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            raise SystemExit(130)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
