"""One side of the comparison, measured in a process of its own.

Reads a Task as JSON from standard input and prints one JSON object: `bare` does the GETs and
nothing else, `whole` is the poller as it is put together in production, `idle` the same with
no feed due.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp

from bench.poll.field import Field, configure, make_due
from services.bus.sqlite import SqliteBus, open_bus
from services.poller.assembly import open_polling, user_agent
from services.poller.sharing import Everything
from services.runtime.clock import utc_now
from services.runtime.health import Health
from services.runtime.lifecycle import Part
from services.runtime.log import configure_logging
from services.runtime.metrics import Metrics
from services.runtime.process import Process, collect_garbage_seldom
from services.runtime.settings import Settings
from services.store.database import Database, open_database, sqlite_url

Facts = dict[str, float]
_TICK = os.sysconf("SC_CLK_TCK")
_LOOK_SECONDS = 0.02
_BEAT_SECONDS = 0.005
_AN_HOUR = 3_600
_NO_BACKLOG = 10**9  # nobody reads this bus
_VALIDATORS = {
    "Accept": "*/*",
    "If-None-Match": '"5f3759df-1a2b"',
    "If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT",
}


@dataclass(frozen=True, slots=True)
class Task:
    """What to measure: one poll of every feed, all due at the same time."""

    kind: str
    feeds: int
    hosts: int
    port: int
    changed_in: int
    full_text: str
    concurrency: int
    folder: str

    @property
    def field(self) -> Field:
        """The feeds."""
        return Field(self.feeds, self.hosts, self.port, self.changed_in, self.full_text)

    @property
    def settings(self) -> Settings:
        """No feed is due a second time while it is measured."""
        return Settings(
            poll_concurrency=self.concurrency,
            poll_min_interval_seconds=_AN_HOUR,
            poll_max_interval_seconds=_AN_HOUR,
            allowed_networks="127.0.0.0/8",
        )

    def json(self) -> str:
        """For the process that measures."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Stores:
    """What outlives a worker."""

    database: Database
    bus: SqliteBus


class Meter:
    """What this process and its children have used since the meter was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._used, self._children = time.process_time(), _cpu_of_children()

    def facts(self, polls: int) -> Facts:
        """A poll's share."""
        seconds = time.perf_counter() - self._start
        used, children = time.process_time() - self._used, _cpu_of_children() - self._children
        return {
            "polls": polls,
            "per_s": polls / seconds,
            "cpu_us": used / polls * 1e6,
            "children_us": children / polls * 1e6,
        }


async def bare(task: Task) -> Facts:
    """The GETs alone: as many at a time as the poller polls, two connections a host."""
    urls = [spec.url for spec in task.field.specs()]
    connector = aiohttp.TCPConnector(limit=100, limit_per_host=2)
    sent = {"User-Agent": user_agent(task.settings)} | _VALIDATORS
    async with aiohttp.ClientSession(
        connector=connector, headers=sent, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        meter = Meter()
        await _get_all(session, urls, task.concurrency)
        return meter.facts(len(urls))


async def _get_all(session: aiohttp.ClientSession, urls: Iterable[str], at_once: int) -> None:
    waiting = iter(urls)

    async def work() -> None:
        for url in waiting:
            async with session.get(url) as response:
                await response.read()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def whole(task: Task) -> Facts:
    """The poller, from when it knows its feeds until the last poll is recorded."""
    async with _stores(task) as stores:
        if task.field.changed:
            await _poll(task, stores, task.field.changed)
        await make_due(stores.database, utc_now())
        return await _poll(task, stores, task.feeds)


async def _poll(task: Task, stores: Stores, polls: int) -> Facts:
    metrics, stop = Metrics(), asyncio.Event()
    async with _worker(task, stores, metrics) as poll:
        running = asyncio.ensure_future(poll(stop, Health(metrics).component("poller")))
        await _until_polled(metrics, 1, running)
        before, meter = _polls(metrics), Meter()
        await _until_polled(metrics, polls, running)
        stop.set()
        await running
        outcomes = _outcomes(metrics)
        if unexpected := outcomes.keys() - {"unchanged", "new"}:
            raise SystemExit(f"polls ended otherwise than they should: {unexpected}")
        return meter.facts(max(1, _polls(metrics) - before)) | outcomes


async def idle(task: Task) -> Facts:
    """The poller with nothing to do: its memory, how soon it is ready, how long it is deaf."""
    metrics, stop = Metrics(), asyncio.Event()
    async with _stores(task) as stores, _worker(task, stores, metrics) as poll:
        health = Health(metrics)
        component = health.component("poller")
        gc.collect()
        start, empty = time.perf_counter(), _resident()
        heart = asyncio.create_task(_longest_gap())
        running = asyncio.ensure_future(poll(stop, component))
        while not health.is_ready():  # noqa: ASYNC110 - nothing tells when it comes true
            await asyncio.sleep(_LOOK_SECONDS)
        seconds = time.perf_counter() - start
        heart.cancel()
        gc.collect()
        grown = _resident() - empty
        stop.set()
        await running
        return {"ready_s": seconds, "deaf_ms": (await heart) * 1e3, "bytes": grown}


@asynccontextmanager
async def _stores(task: Task) -> AsyncIterator[Stores]:
    folder = Path(task.folder)
    async with (
        open_database(sqlite_url(folder / "wirewatch.sqlite")) as database,
        open_bus(folder / "bus.sqlite", max_backlog=_NO_BACKLOG) as bus,
    ):
        await configure(database, task.field, utc_now())
        yield Stores(database, bus)


@asynccontextmanager
async def _worker(task: Task, stores: Stores, metrics: Metrics) -> AsyncIterator[Part]:
    async with AsyncExitStack() as stack:
        process = Process("bench", task.settings, stack, metrics, Health(metrics), [])
        parts = await open_polling(process, stores.bus, stores.database, Everything())
        yield parts["poller"]


async def _until_polled(metrics: Metrics, polls: int, running: asyncio.Future[None]) -> None:
    while _polls(metrics) < polls:
        if running.done():
            running.result()
            raise SystemExit("the poller has stopped by itself")
        await asyncio.sleep(_LOOK_SECONDS)


def _polls(metrics: Metrics) -> int:
    return int(sum(_outcomes(metrics).values()))


def _outcomes(metrics: Metrics) -> Facts:
    (family,) = metrics.polls.collect()
    counted = [s for s in family.samples if s.name.endswith("_total") and s.value]
    return {sample.labels["outcome"]: sample.value for sample in counted}


async def _longest_gap() -> float:
    """The longest time in seconds that nothing else could run, until cancelled."""
    loop = asyncio.get_running_loop()
    last, longest = loop.time(), 0.0
    try:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            longest = max(longest, loop.time() - last - _BEAT_SECONDS)
            last = loop.time()
    except asyncio.CancelledError:
        return longest


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu_of_children() -> float:
    """Seconds that the children which live used; none ends while it is measured."""
    me = str(os.getpid())
    fields = (_stat(path) for path in Path("/proc").glob("[0-9]*/stat"))
    return sum((int(f[11]) + int(f[12])) / _TICK for f in fields if f and f[1] == me)


def _stat(path: Path) -> list[str]:
    """What stands behind a process's name, from its state on; nothing if it has ended."""
    try:
        return path.read_text().rpartition(") ")[2].split()
    except OSError:
        return []


if __name__ == "__main__":
    configure_logging("info", "json")
    collect_garbage_seldom()
    sides = {"bare": bare, "whole": whole, "idle": idle}
    given = Task(**json.load(sys.stdin))
    print(json.dumps(asyncio.run(sides[given.kind](given))))
