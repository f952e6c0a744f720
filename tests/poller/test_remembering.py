"""Documents are remembered by few statements, and what is old is looked for seldom."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, event, func, select

from services.poller.guards import ShortLines
from services.poller.identity import borne_by
from services.poller.news import Since, sort_entries
from services.poller.parse import FeedEntry
from services.poller.remembering import SEEN_FOR, Remembering, Taken
from services.store import feeds
from services.store.database import Database
from services.store.tables import page_lines

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def taken(feed_id: str, slug: str, now: datetime, lines: int = 0) -> Taken:
    """A document with one entry, whose page had so many short lines."""
    entry = FeedEntry(guid=slug, title=f"Ship {slug} has left the harbour", published=now)
    found = sort_entries(feed_id, borne_by([entry]), {}, Since(), now)
    page = ShortLines(f"{feed_id}.example", slug, frozenset(f"{slug} {n}" for n in range(lines)))
    return Taken(found, (), pages=(page,))


async def remember(
    database: Database, remembering: Remembering, documents: dict[str, Taken], now: datetime
) -> None:
    async with database.write() as tx:
        await remembering.remember(tx, documents, now)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Those that are executed in the block."""
    told: list[str] = []

    def listen(*given: object) -> None:
        told.append(str(given[2]))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield told
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


async def test_documents_of_many_feeds_take_no_more_statements_than_one(
    database: Database,
) -> None:
    counts = []
    for names in (["a"], [f"feed-{n}" for n in range(40)]):
        documents = {name: taken(name, "ferry", NOW, lines=3) for name in names}
        with statements() as told:
            await remember(database, Remembering(), documents, NOW)
        counts.append(len(told))
    assert counts[0] == counts[1]
    async with database.read() as tx:
        assert await feeds.seen(tx, "feed-39", {"guid:ferry"})


async def test_what_left_a_feed_long_ago_is_forgotten_within_a_day_of_polls_with_news(
    database: Database,
) -> None:
    remembering, later = Remembering(), NOW + SEEN_FOR

    async def is_known() -> bool:
        async with database.read() as tx:
            return bool(await feeds.seen(tx, "wire", {"guid:old"}))

    await remember(database, remembering, {"wire": taken("wire", "old", NOW)}, NOW)
    for hours in (-1, 1, 23, 25):
        at = later + timedelta(hours=hours)
        # Else what it showed last counts as shown until now.
        async with database.write() as tx:
            await feeds.remember(tx, {"wire": [({"guid:b"}, feeds.SeenEntry("b", "t", at))]}, at)
        await remember(database, remembering, {"wire": taken("wire", f"new-{hours}", at)}, at)
        assert await is_known() == (hours < 23)


async def test_of_a_hosts_lines_only_the_newest_are_kept_in_the_long_run(
    database: Database,
) -> None:
    remembering, kept = Remembering(), []
    for number in range(40):
        at = NOW + timedelta(minutes=number)
        document = taken("wire", f"ship-{number}", at, lines=60)
        await remember(database, remembering, {"wire": document}, at)
        async with database.read() as tx:
            kept.append(await tx.scalar(select(func.count()).select_from(page_lines)) or 0)
    assert max(kept) <= 800
    assert kept[-1] >= 600
