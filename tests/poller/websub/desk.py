"""A poller that is reached by a hub, with everything it needs around it.

It polls a feed once, and then not for an hour: what comes before came by a push.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from schemas.article import Article
from schemas.topics import ARTICLES
from services.bus.port import Bus, Outgoing
from services.poller.pages import TextWorkers
from services.poller.poll import FeedPoller
from services.poller.reading import PageReader
from services.poller.session import new_session
from services.poller.surroundings import PollingPolicy, Surroundings
from services.poller.websub.assembly import websub_part
from services.poller.websub.book import Book
from services.poller.websub.pushes import Pushes
from services.poller.worker import Limits, PollingWorker
from services.runtime.clock import utc_now
from services.runtime.health import Health
from services.runtime.http import Routes, serve_endpoint
from services.runtime.lifecycle import Part
from services.runtime.metrics import Metrics
from services.runtime.netguard import LOOPBACK
from services.runtime.process import Process
from services.runtime.settings import Settings
from services.store import feeds, websub, written
from services.store.database import Database
from services.store.websub import HubState, Subscription
from services.store.written import Kind
from tests.poller.wire import ELSEWHERE, POLICY, Wire
from tests.servers.faults import CrashedError, FaultyBus, FaultyDatabase
from tests.servers.hub_double import HubDouble
from tests.servers.patience import until

HOUR = timedelta(hours=1)
RARELY: PollingPolicy = replace(
    POLICY,
    schedule=replace(
        POLICY.schedule, min_interval=HOUR, max_interval=2 * HOUR, undated_interval=HOUR
    ),
)


@dataclass
class PushDesk:
    """One process; `ahead` is how much its clock is."""

    wire: Wire
    hub: HubDouble
    real: Database
    database: FaultyDatabase
    bus: FaultyBus
    metrics: Metrics
    url: str
    book: Book
    health: Health
    parts: dict[str, Part]
    clock_ahead: list[timedelta]

    @property
    def ahead(self) -> timedelta:
        return self.clock_ahead[0]

    @ahead.setter
    def ahead(self, value: timedelta) -> None:
        self.clock_ahead[0] = value

    def clock(self) -> datetime:
        return utc_now() + self.ahead

    async def configure(self, *names: str, **details: Any) -> None:
        """Store these feeds as a new generation, as apply does; without names, one: `wire`."""
        wanted = {n: self.spec(n, details) for n in (names or ("wire",)) if n != "-"}
        async with self.real.write() as tx:
            generation = await written.begin_change(tx) + 1
            gone = (await written.items(tx, Kind.FEEDS)).keys() - wanted.keys()
            await written.put(tx, Kind.FEEDS, wanted, "apply", self.clock())
            await written.remove(tx, Kind.FEEDS, gone)
            await feeds.forget_feeds(tx, gone)
            await written.set_counter(tx, written.GENERATION, generation)
            await written.set_counter(tx, written.BROADCAST, generation)

    def spec(self, name: str, details: Any) -> dict[str, Any]:
        return {"id": name, "url": f"{self.wire.url}/feeds/{name}", **details}

    @asynccontextmanager
    async def at_work(self, *names: str) -> AsyncIterator[None]:
        """Let the process work; `names` are the parts, all of them without."""
        stop = asyncio.Event()
        running = [
            asyncio.ensure_future(part(stop, self.health.component(name)))
            for name, part in self.parts.items()
            if name in (names or self.parts)
        ]
        try:
            yield
        finally:
            stop.set()
            ends = await asyncio.gather(*running, return_exceptions=True)
        # A part that crashes is started again elsewhere; here it may do so where a test wants.
        assert all(isinstance(end, CrashedError | None) for end in ends), ends

    async def subscription(self, feed_id: str = "wire") -> Subscription | None:
        async with self.real.read() as tx:
            return await websub.of_feed(tx, feed_id)

    async def everything(self) -> Sequence[Subscription]:
        async with self.real.read() as tx:
            return await websub.everything(tx)

    async def until_state(self, *states: HubState) -> None:
        """Until the subscriptions, former ones too, are in these states."""

        async def there() -> bool:
            found = [s.state for s in await self.everything()]
            return sorted(found) == sorted(states)

        await until(there, f"subscriptions that are {states}")

    async def until_active(self) -> Subscription:
        """Until the one subscription is active."""
        await self.until_state(HubState.ACTIVE)
        (one,) = await self.everything()
        return one

    async def titles(self) -> Sequence[str]:
        # A send that was cancelled may be stored a little later: let the bus come past it.
        await self.bus.real.send(Outgoing(ELSEWHERE, "k", b"v"))
        return [Article.decode(r.value).title for r in await self.bus.tail(ARTICLES, 999)]

    async def until_published(self, *slugs: str) -> None:
        async def there() -> bool:
            return set(await self.titles()) >= {f"News of {slug}" for slug in slugs}

        await until(there, f"news of {slugs}")

    async def until_polled(self, polls: int) -> None:
        async def there() -> bool:
            return len(self.wire.polls()) >= polls

        await until(there, f"{polls} polls")

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        await until(condition, what)

    async def until_writes(self, count: int) -> None:
        """Until the process has begun so many writing transactions."""

        async def there() -> bool:
            return self.database.writes >= count

        await until(there, f"{count} writes")

    async def until_streak(self, count: int) -> None:
        """Until so many pushes in a row are counted, and this process knows."""

        async def there() -> bool:
            found = await self.subscription()
            known = self.book.of_feed("wire")
            settled = found is not None and found.streak == count and found.poll_at is None
            return settled and found == known

        self.book.touch()
        await until(there, f"{count} pushes in a row")

    async def until_shown(self, state: str, count: int) -> None:
        await self.until_counted("subscriptions", count, state=state)

    async def until_counted(self, name: str, count: float = 1, **labels: str) -> None:
        async def there() -> bool:
            return self.counted(name, **labels) == count

        await until(there, f"{name} {labels} to be {count}")

    def counted(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(f"wirewatch_websub_{name}", labels)
        assert value is not None
        return value


async def _nothing() -> None:
    """Nothing to refresh."""


@asynccontextmanager
async def push_desk(
    wire: Wire,
    hub: HubDouble,
    bus: Bus,
    database: Database,
    workers: TextWorkers,
    policy: PollingPolicy = RARELY,
    settings: Settings | None = None,
) -> AsyncIterator[PushDesk]:
    metrics, routes = Metrics(), Routes()
    health, ahead = Health(metrics), [timedelta()]

    def clock() -> datetime:
        return utc_now() + ahead[0]

    faulty, faulty_bus = FaultyDatabase(database), FaultyBus(bus)
    async with (
        serve_endpoint("127.0.0.1", 0, metrics, health, _nothing, routes) as url,
        new_session("wirewatch-test", allowed=LOOPBACK) as session,
        AsyncExitStack() as stack,
    ):
        book = Book(url, metrics, clock)
        reader = PageReader(session, workers, policy.limits, metrics, clock)
        around = Surroundings(
            session, workers, reader, faulty_bus, faulty, metrics, clock, pushing=book
        )
        polling = PollingWorker(FeedPoller(around, policy), faulty, metrics, clock, Limits(10))
        pushes = Pushes(around, policy, book, polling.poll_soon)
        process = Process("test", settings or Settings(), stack, metrics, health, [], routes)
        parts = {"poller": polling.run, "websub": websub_part(process, around, book, pushes)}
        yield PushDesk(
            wire, hub, database, faulty, faulty_bus, metrics, url, book, health, parts, ahead
        )
