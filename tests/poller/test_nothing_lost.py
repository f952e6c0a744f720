"""A poller that dies at any point loses nothing and publishes nothing under two names."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
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

Identity = tuple[str, str]
Act = Callable[[PollingDesk, Surroundings], Awaitable[None]]
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
        await ingest.remember(tx, desk.feed.id, taken, now)


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


@pytest.mark.parametrize(
    ("prepare", "act", "least"),
    [
        (a_busy_feed, poll, {"before parse_feed", "before read", "after read"}),
        (a_busy_feed, push, {"before read", "after read"}),
        (a_new_feed, poll, {"before parse_feed"}),
        (a_renamed_feed, poll, {"before parse_feed"}),
        (pages_to_be_tried, work_off, {"before read", "after read"}),
        (revisions_that_wait, work_off, {"before read", "after read"}),
    ],
)
async def test_a_death_at_any_point_is_repaired_by_the_next_poll(
    prepare: Callable[[PollingDesk], Awaitable[None]],
    act: Act,
    least: set[str],
    wire: Wire,
    text_workers: TextWorkers,
    tmp_path: Path,
) -> None:
    (tmp_path / "first").mkdir()
    async with _desk(tmp_path / "first", wire, text_workers) as desk:
        await prepare(desk)
        before = await desk.memory()
    life = Life()
    async with _copy(tmp_path, "whole", wire, text_workers) as desk:
        await act(desk, dying(desk.around, life))
        at_once = await desk.identities()
        await _settle(desk)
        expected = await desk.identities()
    assert least | {"before a send", "after a send", "before commit", "after commit"} <= set(
        life.passed
    )
    for point in range(1, len(life.passed) + 1):
        async with _copy(tmp_path, f"dies-{point}", wire, text_workers) as desk:
            for _ in range(2):  # and once more, where it comes so far again
                with suppress(CrashedError):
                    await act(desk, dying(desk.around, Life(point)))
                _nothing_is_ahead_of_the_bus(
                    before, await desk.memory(), at_once, await desk.identities()
                )
            await _settle(desk)
            where = f"point {point}, {life.passed[point - 1]}"
            assert await desk.identities() == expected, where
            assert _are_one_each(await desk.published()), where


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


@asynccontextmanager
async def _desk(folder: Path, wire: Wire, workers: TextWorkers) -> AsyncIterator[PollingDesk]:
    async with (
        open_database(sqlite_url(folder / "database.sqlite")) as database,
        open_bus(folder / "bus.sqlite") as bus,
        polling_desk(wire, bus, database, workers) as desk,
    ):
        yield desk


@asynccontextmanager
async def _copy(
    home: Path, name: str, wire: Wire, workers: TextWorkers
) -> AsyncIterator[PollingDesk]:
    """What `first` left behind, for somebody else to go on with."""
    shutil.copytree(home / "first", home / name)
    async with _desk(home / name, wire, workers) as desk:
        yield desk
    shutil.rmtree(home / name)
