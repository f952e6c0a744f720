"""A notifier as production puts it together, in a process of its own.

Reads a Task as JSON from standard input, says `ready`, puts every further line on `matches` as the
matcher of its process would, and runs until standard input ends; then prints the processor time
it took. One that does not judge only sends, as those do that stand by.
"""

import asyncio
import cProfile
import json
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from schemas.topics import MATCHES
from services.bus.port import Outgoing
from services.bus.sqlite import open_bus
from services.notifier.assembly import notifier_parts
from services.runtime.health import Health
from services.runtime.lifecycle import run_parts
from services.runtime.log import configure_logging
from services.runtime.metrics import Metrics
from services.runtime.process import Process, collect_garbage_seldom
from services.runtime.settings import Settings
from services.store.database import open_database


@dataclass(frozen=True, slots=True)
class Task:
    """Which notifier to be."""

    bus: str
    database: str
    slack_url: str
    judges: bool
    profile: str = ""


async def main(task: Task) -> None:
    """Be a notifier."""
    os.environ["BENCH_SLACK"] = task.slack_url
    configure_logging("info", "json")
    settings = Settings(allowed_networks="127.0.0.0/8")
    metrics = Metrics()
    health = Health(metrics)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(open_bus(Path(task.bus)))
        database = await stack.enter_async_context(open_database(task.database))
        process = Process("bench", settings, stack, metrics, health, [])
        parts = notifier_parts(process, bus, database)
        if not task.judges:
            del parts["judge"]
        collect_garbage_seldom()
        running = asyncio.create_task(run_parts(parts, health, stop))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        before = time.process_time()
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            await bus.send(Outgoing(MATCHES, "bench", line.encode()))
        sys.stdout.write(f"{time.process_time() - before}\n")
        stop.set()
        await running


if __name__ == "__main__":
    given = Task(**json.loads(sys.stdin.readline()))
    profiler = cProfile.Profile(time.process_time)  # its own time, whatever else is at work
    if given.profile:
        profiler.enable()
    asyncio.run(main(given))
    if given.profile:
        profiler.disable()
        profiler.dump_stats(given.profile)
