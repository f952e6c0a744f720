"""Pollers at work side by side: a host is polled by one of them at a time, come or go who may."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bus.sqlite import open_bus
from services.poller.addresses import host_of
from services.poller.memory import Memory
from services.poller.pages import TextWorkers
from services.poller.sharing import Clocks, HostShare
from services.poller.worker import Limits, PollingWorker
from services.runtime.health import Health
from services.store import leases
from services.store.database import open_database, sqlite_url
from tests.poller.test_polling_worker import Office
from tests.poller.wire import PollingDesk, Wire, polling_desk
from tests.servers.patience import until

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
pytestmark = pytest.mark.slow

HOSTS = [f"127.0.0.{number}" for number in range(1, 13)]
FASTER = 8  # the clocks of leases: a term passes in four seconds


def here() -> float:
    return time.monotonic() * FASTER


async def there(tx: AsyncConnection) -> datetime:
    await leases.begin(tx)
    return NOW + timedelta(seconds=here())


@dataclass
class Ledger:
    """Who is polling which host, and who has."""

    now: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    polled_by: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    clashes: list[str] = field(default_factory=list)

    def watch(self, desk: PollingDesk, poller: str) -> None:
        real = desk.poller.poll

        async def poll(feed: Any, memory: Memory) -> Memory:
            host = host_of(memory.address)
            if self.now[host] - {poller}:
                self.clashes.append(f"{poller} came to {host} where {self.now[host]} was")
            self.now[host].add(poller)
            try:
                return await real(feed, memory)
            finally:
                self.now[host].discard(poller)
                self.polled_by[host].append(poller)

        desk.poller.poll = poll  # type: ignore[method-assign]

    def latest(self) -> dict[str, str]:
        return {host: pollers[-1] for host, pollers in self.polled_by.items()}


@dataclass
class Crew:
    """Pollers on one database."""

    url: str
    desks: list[PollingDesk]
    ledger: Ledger = field(default_factory=Ledger)
    running: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = field(default_factory=dict)

    def start(self, poller: str) -> None:
        desk = self.desks[len(self.running)]
        self.ledger.watch(desk, poller)
        limits = Limits(20, HostShare(desk.database, Clocks(here, there)))
        worker = PollingWorker(desk.poller, desk.database, desk.metrics, desk.clock, limits)
        stop, component = asyncio.Event(), Health(desk.metrics).component("poller")
        self.running[poller] = stop, asyncio.create_task(worker.run(stop, component))

    async def stop(self, poller: str) -> None:
        stop, task = self.running[poller]
        stop.set()
        await task

    async def kill(self, poller: str) -> None:
        _, task = self.running[poller]
        task.cancel()
        await asyncio.wait([task])

    async def until_shared_by(self, *pollers: str) -> None:
        self.ledger.polled_by.clear()

        async def shared() -> bool:
            latest = self.ledger.latest()
            return latest.keys() == set(HOSTS) and set(latest.values()) == set(pollers)

        await until(shared, f"all hosts to be polled by {pollers}")


@pytest.fixture
async def feed_port() -> AsyncIterator[int]:
    """A server at every address of the loopback; every other feed is slow."""

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(2 if request.path.endswith("b") else 0.01)
        body = "<rss version='2.0'><channel><title>F</title></channel></rss>"
        return web.Response(text=body, content_type="text/xml")

    app = web.Application()
    app.router.add_get("/feeds/{name}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "shared.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def crew(
    shared_url: str, feed_port: int, wire: Wire, text_workers: TextWorkers, tmp_path: Path
) -> AsyncIterator[Crew]:
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(open_bus(tmp_path / "bus.sqlite"))
        desks = []
        for _ in range(3):
            database = await stack.enter_async_context(open_database(shared_url))
            desk = polling_desk(wire, bus, database, text_workers)
            desks.append(await stack.enter_async_context(desk))
        feeds = [
            {"id": f"f{n}-{path}", "url": f"http://{host}:{feed_port}/feeds/{path}"}
            for n, host in enumerate(HOSTS)
            for path in "ab"
        ]
        await Office(desks[0]).configure(*feeds)
        crew = Crew(shared_url, desks)
        yield crew
        for poller in crew.running:
            await crew.kill(poller)


async def test_a_host_is_never_polled_by_two_whoever_comes_goes_or_dies(crew: Crew) -> None:
    crew.start("first")
    await crew.until_shared_by("first")
    crew.start("second")
    await crew.until_shared_by("first", "second")
    crew.start("third")
    await crew.until_shared_by("first", "second", "third")
    await crew.stop("first")
    await crew.until_shared_by("second", "third")
    await crew.kill("second")
    await crew.until_shared_by("third")
    assert crew.ledger.clashes == []
