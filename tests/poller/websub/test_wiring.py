"""A process that hubs can reach is pushed to; one they cannot reach serves them nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from schemas.article import Article
from schemas.topics import ARTICLES
from services.bus.port import Bus
from services.poller.assembly import open_polling
from services.poller.sharing import Everything
from services.runtime.clock import utc_now
from services.runtime.lifecycle import Part
from services.runtime.process import Process, run_process
from services.runtime.settings import Settings
from services.store import written
from services.store.database import Database
from services.store.written import Kind
from tests.notifier.free_ports import closed_port
from tests.poller.wire import Wire
from tests.servers.hub_double import HubDouble
from tests.servers.patience import until


def settings(public: bool) -> Settings:
    port = closed_port()
    return Settings(
        http_port=port,
        public_url=f"http://127.0.0.1:{port}/" if public else None,
        allowed_networks="127.0.0.0/8",
        text_workers=1,
    )


@asynccontextmanager
async def running(bus: Bus, database: Database, wanted: Settings) -> AsyncIterator[str]:
    """A process that polls, and its endpoint."""
    stop, url = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def assemble(process: Process) -> dict[str, Part]:
        return await open_polling(process, bus, database, Everything())

    process = asyncio.create_task(run_process("poller", wanted, assemble, stop, url.set_result))
    try:
        yield await url
    finally:
        stop.set()
        await process


async def configure(database: Database, wire: Wire) -> None:
    async with database.write() as tx:
        spec = {"id": "wire", "url": f"{wire.url}/feeds/wire"}
        await written.put(tx, Kind.FEEDS, {"wire": spec}, "apply", utc_now())
        await written.set_counter(tx, written.GENERATION, 1)
        await written.set_counter(tx, written.BROADCAST, 1)


async def asked_of(url: str, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.get(f"{url}{path}") as reply:
        return reply.status, await reply.text()


async def test_a_process_with_a_public_url_is_pushed_to(
    wire: Wire, hub: HubDouble, bus: Bus, database: Database
) -> None:
    await configure(database, wire)
    async with running(bus, database, settings(public=True)) as url:
        await hub.until_subscribed()
        wire.publish("ferry")
        assert await hub.push(wire.document("ferry")) == 202

        async def there() -> bool:
            found = await bus.tail(ARTICLES, 9)
            return [Article.decode(r.value).title for r in found] == ["News of ferry"]

        await until(there, "the article")
        assert "websub: ready" in (await asked_of(url, "/readyz"))[1]

        async def counted() -> bool:
            shown = (await asked_of(url, "/metrics"))[1]
            return 'wirewatch_websub_pushes_total{outcome="new"} 1.0' in shown

        await until(counted, "the push to be counted")
    assert len(wire.polls()) == 1


async def test_a_process_without_a_public_url_asks_no_hub_and_serves_none(
    wire: Wire, hub: HubDouble, bus: Bus, database: Database
) -> None:
    await configure(database, wire)
    async with running(bus, database, settings(public=False)) as url:

        async def polled() -> bool:
            return 'outcome="unchanged"} 1' in (await asked_of(url, "/metrics"))[1]

        await until(polled, "a poll")
        assert (await asked_of(url, f"/websub/{'a' * 43}"))[0] == 404
        assert "websub" not in (await asked_of(url, "/readyz"))[1]
    assert hub.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "news.example.org",
        "ftp://news.example.org",
        "https://",
        "https://user@news.example.org",
        "https://news.example.org/?a=1",
        "https://news.example.org/#a",
        "https://news example.org",
    ],
)
def test_a_public_url_that_no_hub_could_use_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="public_url"):
        Settings(public_url=url)
