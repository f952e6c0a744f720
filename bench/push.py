"""How soon an article is on the bus after a hub began to push it, beside its page's own time.

One poller, put together as in production, on SQLite; a hub, a feed and article pages on a local
server in the same process. Pushes one after the other, each with one new entry.
"""

import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import structlog

from schemas.topics import ARTICLES
from services.bus.port import Bus, Consumer
from services.bus.sqlite import open_bus
from services.poller.assembly import open_polling
from services.poller.sharing import Everything
from services.runtime.clock import utc_now
from services.runtime.lifecycle import Part
from services.runtime.process import Process, run_process
from services.runtime.settings import Settings
from services.store import written
from services.store.database import Database, open_database, sqlite_url
from services.store.written import Kind
from tests.notifier.free_ports import closed_port
from tests.poller.wire import Wire, running_wire
from tests.servers.hub_double import HubDouble, running_hub

PUSHES = 200
_PATIENCE_SECONDS = 30.0


async def main() -> None:
    """Measure, and print a table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running_wire() as wire,
            running_hub() as hub,
            open_bus(Path(folder) / "bus.sqlite") as bus,
            open_database(sqlite_url(Path(folder) / "wirewatch.sqlite")) as database,
        ):
            wire.links = hub.links
            await _configure(database, wire)
            async with _running(bus, database):
                await hub.until_subscribed()
                async with bus.consume(ARTICLES, "bench") as articles:
                    rows = [await _push(wire, hub, articles, f"n{n}") for n in range(PUSHES)]
    _show("a page, asked for and read (no poller)", [row[0] for row in rows])
    _show("the hub's answer", [row[1] for row in rows])
    _show("the article on the bus", [row[2] for row in rows])


async def _push(
    wire: Wire, hub: HubDouble, articles: Consumer, slug: str
) -> tuple[float, float, float]:
    wire.publish(slug)
    page = await _page(wire, hub.client, slug)
    start = time.perf_counter()
    status = await hub.push(wire.document(slug))
    answered = time.perf_counter() - start
    if status != 202 or not await articles.fetch(1, _PATIENCE_SECONDS):
        raise SystemExit(f"the push was answered with {status}, and there is no article")
    published = time.perf_counter() - start
    wire.entries.clear()
    return page, answered, published


async def _page(wire: Wire, client: aiohttp.ClientSession, slug: str) -> float:
    start = time.perf_counter()
    async with client.get(f"{wire.url}/pages/{slug}") as reply:
        await reply.read()
    return time.perf_counter() - start


async def _configure(database: Database, wire: Wire) -> None:
    async with database.write() as tx:
        spec = {"id": "wire", "url": f"{wire.url}/feeds/wire"}
        await written.put(tx, Kind.FEEDS, {"wire": spec}, "apply", utc_now())
        await written.set_counter(tx, written.GENERATION, 1)
        await written.set_counter(tx, written.BROADCAST, 1)


@asynccontextmanager
async def _running(bus: Bus, database: Database) -> AsyncIterator[None]:
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    port = closed_port()
    settings = Settings(
        http_port=port,
        public_url=f"http://127.0.0.1:{port}",
        allowed_networks="127.0.0.0/8",
    )

    async def assemble(process: Process) -> dict[str, Part]:
        return await open_polling(process, bus, database, Everything())

    running = asyncio.create_task(
        run_process("bench", settings, assemble, stop, started.set_result)
    )
    await started
    try:
        yield
    finally:
        stop.set()
        await running


def _show(what: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p50, p95 = statistics.median(ordered), ordered[len(ordered) * 95 // 100]
    print(f"{what:40} ms p50 {p50 * 1e3:6.1f}  p95 {p95 * 1e3:6.1f}  max {ordered[-1] * 1e3:6.1f}")


if __name__ == "__main__":
    asyncio.run(main())
