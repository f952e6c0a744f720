"""A news wire on a local server, and a poller with everything it needs around it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape

from aiohttp import web

from schemas.article import Article
from schemas.folder import FeedSpec
from schemas.topics import ARTICLES, Topic
from services.bus.port import Bus, Outgoing
from services.poller.fetch import FEED_LIMITS, PAGE_LIMITS
from services.poller.memory import Memory, from_state, new_memory
from services.poller.pages import TextWorkers
from services.poller.pauses import Pauses
from services.poller.poll import FeedPoller
from services.poller.reading import PageReader
from services.poller.schedule import Policy
from services.poller.session import new_session
from services.poller.surroundings import PollingPolicy, Surroundings
from services.runtime.clock import utc_now
from services.runtime.metrics import Metrics
from services.runtime.netguard import LOOPBACK
from services.store import feeds
from services.store.database import Database
from services.store.feeds import PageRetry
from tests.servers.faults import FaultyBus, FaultyDatabase

SUMMARY = "A short report from the harbour."
BODY = [
    f"The harbour master said on day {day} that ships had left at noon and came back empty."
    for day in range(9)
]


@dataclass
class Entry:
    """An entry of the feed and its page; `page` is the status that the page answers with."""

    slug: str
    title: str
    published: datetime | None
    summary: str = SUMMARY
    page: int = 200
    lines: tuple[str, ...] = ()
    """What the page has besides, below its first paragraph."""


@dataclass
class Wire:
    """The server: one feed at any path under /feeds/, and a page for each entry."""

    url: str = ""
    entries: list[Entry] = field(default_factory=list)
    feed_status: int = 200
    garbage: bool = False
    links: str = ""
    """The feed's Link header, if any."""
    head: str = ""
    """Further elements of the channel."""
    retry_after: str | None = None
    redirects: dict[str, str] = field(default_factory=dict)
    """From one path to another."""
    redirect_status: int = 301
    closed: set[str] = field(default_factory=set)
    """Paths that are gone."""
    visits: list[tuple[str, bool]] = field(default_factory=list)
    """Paths asked for, and whether conditionally."""
    robots: str = ""
    """The wire's robots.txt."""
    held: asyncio.Event | None = None
    """If given, pages are answered when it is set."""

    def publish(self, slug: str, minutes_ago: float = 0, **details: object) -> Entry:
        when = utc_now() - timedelta(minutes=minutes_ago)
        entry = replace(Entry(slug, f"News of {slug}", when), **details)  # type: ignore[arg-type]
        self.entries.insert(0, entry)
        return entry

    def edit(self, slug: str, /, **changes: object) -> None:
        self.entries = [
            replace(e, **changes) if e.slug == slug else e  # type: ignore[arg-type]
            for e in self.entries
        ]

    def polls(self) -> Sequence[bool]:
        """The visits of the feed: whether each was conditional."""
        return [conditional for path, conditional in self.visits if path.startswith("/feeds/")]

    async def answer_feed(self, request: web.Request) -> web.Response:
        conditional = "If-None-Match" in request.headers
        self.visits.append((request.path, conditional))
        body = "garbage" if self.garbage else self.document()
        etag = f'"{hash(body)}"'
        if request.path in self.redirects:
            location = {"Location": self.redirects[request.path]}
            return web.Response(status=self.redirect_status, headers=location)
        if request.path in self.closed:
            return web.Response(status=410)
        if self.feed_status != 200:
            return web.Response(status=self.feed_status, headers=self._asking_for_time())
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        headers = {"ETag": etag} | ({"Link": self.links} if self.links else {})
        return web.Response(text=body, content_type="text/xml", headers=headers)

    async def answer_robots(self, _: web.Request) -> web.Response:
        return web.Response(text=self.robots)

    async def answer_page(self, request: web.Request) -> web.Response:
        self.visits.append((request.path, False))
        if self.held is not None:
            await self.held.wait()
        (entry,) = [e for e in self.entries if e.slug == request.match_info["slug"]]
        if entry.page != 200:
            return web.Response(status=entry.page, headers=self._asking_for_time())
        text = (BODY[0], *entry.lines, *BODY[1:])
        paragraphs = "".join(f"<p>{escape(line)}</p>" for line in text)
        page = f"<html lang='en'><body><article><h1>{entry.title}</h1>{paragraphs}</article></body>"
        return web.Response(text=page, content_type="text/html")

    def _asking_for_time(self) -> dict[str, str]:
        return {"Retry-After": self.retry_after} if self.retry_after else {}

    def document(self, *slugs: str) -> str:
        """The feed with these entries, all of them without; a hub may push some of them."""
        wanted = [entry for entry in self.entries if not slugs or entry.slug in slugs]
        items = "".join(self._item(entry) for entry in wanted)
        channel = f"<title>Wire</title>{self.head}{items}"
        return f"<rss version='2.0'><channel>{channel}</channel></rss>"

    def _item(self, entry: Entry) -> str:
        date = f"<pubDate>{format_datetime(entry.published)}</pubDate>" if entry.published else ""
        return (
            f"<item><guid isPermaLink='false'>{entry.slug}</guid><title>{entry.title}</title>"
            f"<link>{self.url}/pages/{entry.slug}</link>"
            f"<description>{entry.summary}</description>{date}</item>"
        )


@asynccontextmanager
async def running_wire() -> AsyncIterator[Wire]:
    wire = Wire()
    app = web.Application()
    app.router.add_get("/feeds/{name}", wire.answer_feed)
    app.router.add_get("/pages/{slug}", wire.answer_page)
    app.router.add_get("/robots.txt", wire.answer_robots)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    wire.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield wire
    finally:
        if wire.held is not None:
            wire.held.set()
        await runner.cleanup()


ELSEWHERE = Topic("elsewhere", ())

POLICY = PollingPolicy(
    schedule=replace(
        Policy(),
        min_interval=timedelta(milliseconds=20),
        max_interval=timedelta(milliseconds=20),
        undated_interval=timedelta(milliseconds=20),
    ),
    limits=replace(FEED_LIMITS, total=timedelta(seconds=10)),
    first_fetch_window=timedelta(hours=1),
)


@dataclass
class PollingDesk:
    """A poller whose bus and database fail where a test wants them to."""

    wire: Wire
    bus: FaultyBus
    real: Database
    database: FaultyDatabase
    poller: FeedPoller
    metrics: Metrics
    feed: FeedSpec
    reader: PageReader
    pauses: Pauses
    around: Surroundings
    ahead: timedelta = timedelta()

    def clock(self) -> datetime:
        return utc_now() + self.ahead

    async def memory(self, feed_id: str | None = None) -> Memory:
        """The feed's memory as a process that starts now finds it."""
        async with self.real.read() as tx:
            state = (await feeds.states(tx)).get(feed_id or self.feed.id)
        if state is None:
            return new_memory(self.feed.id, self.feed.url, self.clock(), timedelta(seconds=1))
        return from_state(state)

    async def poll(self, memory: Memory | None = None) -> Memory:
        """Poll, and let what is to be recorded some time be recorded now."""
        after = await self.poller.poll(self.feed, memory or await self.memory())
        await self.poller.records.write()
        return after

    async def published(self) -> Sequence[Article]:
        # A send that was cancelled may be stored a little later: let the bus come past it.
        await self.bus.real.send(Outgoing(ELSEWHERE, "k", b"v"))
        return [Article.decode(r.value) for r in await self.bus.tail(ARTICLES, 999)]

    async def titles(self) -> Sequence[str]:
        return [article.title for article in await self.published()]

    async def identities(self) -> set[tuple[str, str]]:
        return {(a.article_id, a.revision) for a in await self.published()}

    async def retries(self) -> Sequence[PageRetry]:
        async with self.real.read() as tx:
            return await feeds.due_retries(tx, self.clock() + timedelta(days=9), 99)

    async def watched(self) -> None:
        """The first poll, after which everything unseen is news."""
        await self.poll()
        assert not await self.titles()


@asynccontextmanager
async def polling_desk(
    wire: Wire, bus: Bus, database: Database, workers: TextWorkers
) -> AsyncIterator[PollingDesk]:
    metrics, faulty_bus, faulty = Metrics(), FaultyBus(bus), FaultyDatabase(database)
    limits = replace(PAGE_LIMITS, total=timedelta(seconds=10))
    async with new_session("wirewatch-test", allowed=LOOPBACK) as session:
        desk: PollingDesk

        def clock() -> datetime:
            return desk.clock()

        pauses = Pauses(POLICY.schedule)
        reader = PageReader(session, workers, limits, metrics, clock, pauses)
        around = Surroundings(session, workers, reader, faulty_bus, faulty, metrics, clock, pauses)
        feed = FeedSpec(id="wire", url=f"{wire.url}/feeds/wire", name="The Wire")
        poller = FeedPoller(around, POLICY)
        desk = PollingDesk(
            wire, faulty_bus, database, faulty, poller, metrics, feed, reader, pauses, around
        )
        yield desk
