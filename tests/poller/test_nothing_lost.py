"""A poller that dies at any point loses nothing and publishes nothing under two names."""

import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.article import Article
from services.bus.sqlite import open_bus
from services.poller.ingest import Ingest
from services.poller.memory import Memory
from services.poller.pages import TextWorkers
from services.poller.parse import ParsedFeed, parse_feed
from services.poller.poll import FeedPoller
from services.poller.surroundings import Surroundings
from services.store.database import open_database, sqlite_url
from services.store.feeds import NOT_PUBLISHED
from tests.poller.dying import Life, dying
from tests.poller.wire import POLICY, PollingDesk, Wire, polling_desk
from tests.servers.faults import CrashedError
from tests.servers.postgres import PostgresServer

Identity = tuple[str, str]
Act = Callable[[PollingDesk, Surroundings], Awaitable[None]]
Prepare = Callable[[PollingDesk], Awaitable[None]]
HOURS = timedelta(hours=3)  # after which every page and every revision has had its turn


# What the poller does


async def poll(desk: PollingDesk, around: Surroundings) -> None:
    await FeedPoller(around, POLICY).poll(desk.feed, await desk.memory())


async def work_off(desk: PollingDesk, around: Surroundings) -> None:
    """Everything that was put off, as if it were due."""
    poller = FeedPoller(around, POLICY)
    for retry in await desk.retries():
        await poller.retry_page(desk.feed, retry)


async def push(desk: PollingDesk, around: Surroundings) -> None:
    """A document that comes by itself."""
    parsed = parse_feed(desk.wire.document().encode(), "text/xml", desk.feed.url)
    assert isinstance(parsed, ParsedFeed)
    ingest, now = Ingest(around, POLICY), desk.clock()
    since = (await desk.memory()).since(now, POLICY.first_fetch_window)
    taken = await ingest.take(desk.feed, parsed, since, now)
    async with around.database.write() as tx:
        await ingest.remember(tx, {desk.feed.id: taken}, now)


# What stands in the feed


def publish(wire: Wire, slug: str, **details: Any) -> None:
    wire.publish(slug, title=f"Report on {slug} from the harbour", **details)


async def a_busy_feed(desk: PollingDesk) -> None:
    """Known, edited, often edited and new entries, with pages and without."""
    for slug in ("known", "edited", "often"):
        publish(desk.wire, slug)
    publish(desk.wire, "closed", page=403)
    for number in range(4):
        await desk.poll()
        desk.wire.edit("often", summary=f"Readers: {number}")
    await desk.poll()
    desk.wire.edit("often", summary="Readers: 9")
    desk.wire.edit("edited", summary="Corrected.")
    publish(desk.wire, "new")
    publish(desk.wire, "shut", page=403)
    publish(desk.wire, "archive", published=desk.clock() - timedelta(days=30))
    publish(desk.wire, "undated", published=None)


async def a_new_feed(desk: PollingDesk) -> None:
    publish(desk.wire, "old", minutes_ago=600)
    publish(desk.wire, "fresh")


async def a_renamed_feed(desk: PollingDesk) -> None:
    for number in range(10):
        publish(desk.wire, f"old-{number}", minutes_ago=1)
    await desk.poll()
    for number in range(10):
        desk.wire.edit(f"old-{number}", slug=f"new-{number}")
    publish(desk.wire, "fresh")


async def pages_to_be_tried(desk: PollingDesk) -> None:
    for slug in ("one", "two"):
        publish(desk.wire, slug, page=500)
    publish(desk.wire, "never", page=403)
    await desk.poll()
    for slug in ("one", "two"):
        desk.wire.edit(slug, page=200)


async def revisions_that_wait(desk: PollingDesk) -> None:
    publish(desk.wire, "often")
    publish(desk.wire, "shut", page=403)
    for number in range(5):
        await desk.poll()
        for slug in ("often", "shut"):
            desk.wire.edit(slug, summary=f"Readers: {number}")
    await desk.poll()
    waiting = [retry for retry in await desk.retries() if retry.attempt == NOT_PUBLISHED]
    assert len(waiting) == 2


# Where it keeps what it knows


@dataclass(frozen=True, slots=True)
class SqliteFiles:
    """Databases in files of a folder."""

    folder: Path

    def url(self, name: str) -> str:
        return sqlite_url(self.folder / name / "database.sqlite")

    async def make(self, name: str, like: str | None) -> None:
        if like is None:
            (self.folder / name).mkdir()
        else:
            shutil.copytree(self.folder / like, self.folder / name)

    async def drop(self, name: str) -> None:
        shutil.rmtree(self.folder / name)


@dataclass(frozen=True, slots=True)
class PostgresDatabases:
    """Databases of a server, and the files beside them."""

    server: PostgresServer
    files: SqliteFiles
    prefix: str = field(default_factory=lambda: f"dying_{secrets.token_hex(4)}")

    @property
    def folder(self) -> Path:
        return self.files.folder

    def url(self, name: str) -> str:
        return self.server.url(f"{self.prefix}_{name}")

    async def make(self, name: str, like: str | None) -> None:
        await self.files.make(name, like)
        template = f" TEMPLATE {self.prefix}_{like}" if like else ""
        await self.server.order(f"CREATE DATABASE {self.prefix}_{name}{template}")

    async def drop(self, name: str) -> None:
        await self.files.drop(name)
        await self.server.order(f"DROP DATABASE {self.prefix}_{name} WITH (FORCE)")


Homes = SqliteFiles | PostgresDatabases


@asynccontextmanager
async def _desk(
    homes: Homes, name: str, wire: Wire, workers: TextWorkers
) -> AsyncIterator[PollingDesk]:
    async with (
        open_database(homes.url(name)) as database,
        open_bus(homes.folder / name / "bus.sqlite") as bus,
        polling_desk(wire, bus, database, workers) as desk,
    ):
        yield desk


@asynccontextmanager
async def _heir(
    homes: Homes, name: str, wire: Wire, workers: TextWorkers
) -> AsyncIterator[PollingDesk]:
    """Somebody who goes on with a copy of what `first` left behind."""
    await homes.make(name, "first")
    async with _desk(homes, name, wire, workers) as desk:
        yield desk
    await homes.drop(name)


PAGES = {"before read", "after read"}
EVER = {"before a send", "after a send", "before commit", "after commit"}


@pytest.mark.parametrize(
    ("prepare", "act", "least"),
    [
        (a_busy_feed, poll, PAGES | {"before parse_feed"}),
        (a_busy_feed, push, PAGES),
        (a_new_feed, poll, PAGES),
        (a_renamed_feed, poll, PAGES),
        (pages_to_be_tried, work_off, PAGES),
        (revisions_that_wait, work_off, PAGES),
    ],
)
async def test_a_death_at_any_point_is_repaired_by_the_next_poll(
    prepare: Prepare,
    act: Act,
    least: set[str],
    wire: Wire,
    text_workers: TextWorkers,
    tmp_path: Path,
) -> None:
    passed = await _die_everywhere(SqliteFiles(tmp_path), prepare, act, wire, text_workers)
    assert least | EVER <= set(passed)


@pytest.mark.slow  # a copy of a database for each point
@pytest.mark.parametrize(("prepare", "act"), [(a_new_feed, poll), (pages_to_be_tried, work_off)])
async def test_so_it_is_on_postgresql(
    prepare: Prepare,
    act: Act,
    wire: Wire,
    text_workers: TextWorkers,
    tmp_path: Path,
    postgres_server: PostgresServer,
) -> None:
    homes = PostgresDatabases(postgres_server, SqliteFiles(tmp_path))
    assert set(await _die_everywhere(homes, prepare, act, wire, text_workers)) >= EVER
    await homes.drop("first")


async def _die_everywhere(
    homes: Homes, prepare: Prepare, act: Act, wire: Wire, workers: TextWorkers
) -> Sequence[str]:
    """Let pollers die at each point that one passes who lives; the points."""
    await homes.make("first", None)
    async with _desk(homes, "first", wire, workers) as desk:
        await prepare(desk)
        before = await desk.memory()
    life = Life()
    async with _heir(homes, "whole", wire, workers) as desk:
        await act(desk, dying(desk.around, life))
        at_once = await desk.identities()
        await _settle(desk)
        expected = await desk.identities()
    for point, name in enumerate(life.passed, 1):
        async with _heir(homes, f"dies_{point}", wire, workers) as desk:
            for _ in range(2):  # and once more, where it comes so far again
                with suppress(CrashedError):
                    await act(desk, dying(desk.around, Life(point)))
                _nothing_is_ahead_of_the_bus(
                    before, await desk.memory(), at_once, await desk.identities()
                )
            await _settle(desk)
            assert await desk.identities() == expected, f"point {point}, {name}"
            assert _are_one_each(await desk.published()), f"point {point}, {name}"
    return life.passed


def _nothing_is_ahead_of_the_bus(
    before: Memory, after: Memory, at_once: set[Identity], published: set[Identity]
) -> None:
    if (after.validators, after.body_hash) != (before.validators, before.body_hash):
        assert at_once <= published


def _are_one_each(articles: Sequence[Article]) -> bool:
    """Whether every entry has one article id."""
    ids = {(article.url, article.article_id) for article in articles}
    return len(ids) == len({article.url for article in articles})


async def _settle(desk: PollingDesk) -> None:
    """A poller that lives does what there is to do until there is nothing left."""
    await poll(desk, desk.around)
    await poll(desk, desk.around)
    while await desk.retries():
        desk.ahead += HOURS
        await work_off(desk, desk.around)
    await poll(desk, desk.around)
    desk.ahead = timedelta()
