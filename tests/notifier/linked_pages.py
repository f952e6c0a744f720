"""The pages behind signed links on a real endpoint, and everything that a database holds."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from lxml import etree
from lxml import html as lxml_html
from sqlalchemy import select

from services.notifier.actions.pages import Pages
from services.notifier.actions.signed import Links
from services.notifier.message import AnyMessage
from services.runtime.health import Health
from services.runtime.http import Routes, serve_endpoint
from services.runtime.metrics import Metrics
from services.store import deliveries
from services.store.database import Database
from services.store.deliveries import NewDelivery
from services.store.own_keys import LINKS, own_key
from services.store.tables import metadata
from tests.notifier.alerts import NOW


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer; `page` is its HTML."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def page(self) -> etree._Element:
        return lxml_html.document_fromstring(self.body)

    @property
    def words(self) -> str:
        """All that a reader sees, in one line."""
        seen = self.page.find("body")
        assert seen is not None
        return " ".join(" ".join(map(str, seen.itertext())).split())


@dataclass(frozen=True, slots=True)
class Desk:
    """An endpoint, whoever asks it, and the links that it answers."""

    client: aiohttp.ClientSession
    links: Links

    async def get(self, url: str | None, method: str = "GET") -> Answered:
        assert url is not None
        async with self.client.request(method, url, allow_redirects=False) as answer:
            return Answered(answer.status, answer.headers, await answer.text())

    async def post(self, url: str | None, follow: bool = True, **how: Any) -> Answered:
        assert url is not None
        async with self.client.post(url, allow_redirects=follow, **how) as answer:
            return Answered(answer.status, answer.headers, await answer.text())


@asynccontextmanager
async def desk(database: Database, now: Any = lambda: NOW) -> AsyncIterator[Desk]:
    """Serve the pages."""
    metrics, routes = Metrics(), Routes()
    Pages(database, now).serve(routes)
    async with database.write() as tx:
        key = await own_key(tx, LINKS)
    async with (
        serve_endpoint("127.0.0.1", 0, metrics, Health(metrics), nothing, routes) as url,
        aiohttp.ClientSession() as client,
    ):
        yield Desk(client, Links(url, key))


async def kept(database: Database, *messages: AnyMessage) -> None:
    """Store messages as deliveries that are due."""
    new = [
        NewDelivery(m.delivery_id, m.story_id, m.subscription_id, m.sequence, "desk", m.encode())
        for m in messages
    ]
    async with database.write() as tx:
        await deliveries.enqueue(tx, new, NOW)


async def everything(database: Database) -> Mapping[str, list[Any]]:
    """Every row of every table."""
    async with database.read() as tx:
        return {
            table.name: [tuple(row) for row in await tx.execute(select(table))]
            for table in metadata.sorted_tables
        }


async def nothing() -> None:
    """Nothing to refresh."""
