"""Pollers share the hosts through the database, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.poller.leases import MARGIN, RENEW_EVERY, TERM
from services.poller.sharing import Clocks, Everything, HostShare
from services.store import leases
from services.store.database import Database, DatabaseUnavailableError, open_database, sqlite_url
from tests.servers.faults import FaultyDatabase

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
URLS = [f"https://news{n}.example/feed" for n in range(120)]


@dataclass
class Time:
    """The same time on all clocks, though the pollers' begin anywhere."""

    at: float = 0.0
    origins: list[float] = field(default_factory=lambda: [5e5, 3.0, 77.0])

    def clocks(self) -> Clocks:
        origin = self.origins.pop()

        async def there(tx: AsyncConnection) -> datetime:
            await leases.begin(tx)
            return NOW + timedelta(seconds=self.at)

        return Clocks(lambda: origin + self.at, there)


@dataclass
class Room:
    """Pollers, each with a connection of its own to one database."""

    databases: list[Database]
    time: Time = field(default_factory=Time)

    def __post_init__(self) -> None:
        self.faulty = [FaultyDatabase(database) for database in self.databases]
        self.shares = [HostShare(database, self.time.clocks()) for database in self.faulty]

    async def pass_time(self, seconds: float, *pollers: int) -> None:
        """These pollers live on for a while, in steps of a second."""
        for _ in range(round(seconds)):
            self.time.at += 1
            for poller in pollers:
                await self.shares[poller].refresh(())
                self.check()

    def check(self) -> None:
        held = [url for share in self.shares for url in URLS if share.holds(url)]
        assert len(held) == len(set(held)), "nobody holds what another holds"

    def has(self, poller: int) -> set[str]:
        return {url for url in URLS if self.shares[poller].has(url)}


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "shared.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def room(shared_url: str) -> AsyncIterator[Room]:
    async with (
        open_database(shared_url) as one,
        open_database(shared_url) as two,
        open_database(shared_url) as three,
    ):
        yield Room([one, two, three])


async def test_a_poller_alone_has_every_host_at_once_and_keeps_it(room: Room) -> None:
    assert not room.has(0)
    assert await room.shares[0].refresh(())
    assert room.has(0) == set(URLS)
    await room.pass_time(90, 0)
    assert room.has(0) == set(URLS)


async def test_a_poller_that_joins_gets_its_part_within_seconds(room: Room) -> None:
    await room.pass_time(10, 0)
    await room.pass_time(15, 0, 1)
    assert room.has(0) | room.has(1) == set(URLS)
    assert all(len(room.has(poller)) > 30 for poller in (0, 1))
    await room.pass_time(20, 0, 1, 2)
    assert room.has(0) | room.has(1) | room.has(2) == set(URLS)
    assert all(len(room.has(poller)) > 15 for poller in (0, 1, 2))


async def test_a_host_is_handed_over_only_after_the_last_poll_there_has_ended(room: Room) -> None:
    first, second = room.shares[:2]
    await first.refresh(())
    await room.pass_time(5, 1)
    for _ in range(20):
        room.time.at += 4
        await first.refresh(URLS)
        await second.refresh(())
        room.check()
    assert not room.has(1)
    leaving = set(URLS) - room.has(0)
    assert len(leaving) > 30, "nothing is begun there"
    assert all(first.holds(url) for url in URLS), "what is under way may end"
    await room.pass_time(10, 0, 1)
    assert room.has(1) == leaving


async def test_the_hosts_of_a_poller_that_died_are_taken_over_within_a_minute(room: Room) -> None:
    await room.pass_time(20, 0, 1)
    dead = room.has(0)
    room.shares[0] = HostShare(room.databases[0])
    await room.pass_time(TERM.total_seconds() - RENEW_EVERY.total_seconds() - 2, 1)
    assert not dead & room.has(1), "it might live"
    await room.pass_time(60 - TERM.total_seconds() + RENEW_EVERY.total_seconds() + 2, 1)
    assert room.has(1) == set(URLS)


async def test_a_poller_that_was_stopped_polls_nothing_until_it_has_its_leases_again(
    room: Room,
) -> None:
    await room.pass_time(20, 0, 1)
    before = room.has(0)
    await room.pass_time(60, 1)
    assert not room.has(0)
    assert not any(room.shares[0].holds(url) for url in URLS), "nor goes on with a poll"
    assert await room.shares[0].refresh(())
    assert room.shares[0].is_lost(), "so that what it knew of its feeds is forgotten"
    assert await room.shares[0].refresh(()) is False, "all is the other's"
    assert not room.has(0)
    await room.pass_time(15, 0, 1)
    assert room.has(0) == before


async def test_stopped_for_a_moment_it_reads_its_feeds_anew_if_its_leases_ran_out(
    room: Room,
) -> None:
    """Nobody else was there; but it cannot know that."""
    await room.shares[0].refresh(())
    room.time.at += (TERM - MARGIN).total_seconds()
    assert not room.has(0)
    assert await room.shares[0].refresh(())
    assert room.shares[0].is_lost()
    assert await room.shares[0].refresh(())
    assert room.has(0) == set(URLS)


async def test_without_the_database_leases_run_out_and_come_back_with_it(room: Room) -> None:
    await room.shares[0].refresh(())
    room.faulty[0].away = room.faulty[0].fail_writes = True
    room.time.at += RENEW_EVERY.total_seconds()
    with pytest.raises(DatabaseUnavailableError):
        await room.shares[0].refresh(())
    assert room.has(0) == set(URLS), "an outage of seconds changes nothing"
    room.time.at += TERM.total_seconds()
    assert not room.has(0)
    assert await room.shares[0].refresh(()), "that all is lost needs no database"
    room.faulty[0].away = room.faulty[0].fail_writes = False
    assert await room.shares[0].refresh(())
    assert room.has(0) == set(URLS)


async def test_a_poller_that_leaves_is_followed_at_once(room: Room) -> None:
    await room.pass_time(20, 0, 1)
    await room.shares[0].give_up()
    assert not room.has(0)
    await room.pass_time(RENEW_EVERY.total_seconds() + 1, 1)
    assert room.has(1) == set(URLS)


async def test_pollers_that_start_in_the_same_moment_do_not_both_have_a_host(room: Room) -> None:
    for _ in range(12):
        await asyncio.gather(*(share.refresh(()) for share in room.shares))
        room.check()
        room.time.at += RENEW_EVERY.total_seconds()
    assert room.has(0) | room.has(1) | room.has(2) == set(URLS)
    # After an outage longer than their leases all of them look dead to each other.
    room.time.at += 300
    await asyncio.gather(*(share.refresh(()) for share in room.shares))
    for _ in range(12):
        await asyncio.gather(*(share.refresh(()) for share in room.shares))
        room.check()
        room.time.at += RENEW_EVERY.total_seconds()
    assert room.has(0) | room.has(1) | room.has(2) == set(URLS)


async def test_the_time_of_a_lease_is_the_databases(shared_url: str) -> None:
    async with open_database(shared_url) as database, database.write() as tx:
        first = await leases.begin(tx)
        second = await leases.begin(tx)
        assert timedelta() <= second - first < timedelta(minutes=1)
        assert abs(datetime.now(UTC) - first) < timedelta(minutes=1), "same machine, same zone"


async def test_postgresql_ends_a_renewal_whose_poller_was_stopped_in_the_middle(
    postgres_url: str,
) -> None:
    """Else its locks would keep others from its slots for as long as it is stopped."""
    asking = text("SHOW idle_in_transaction_session_timeout")
    async with open_database(postgres_url) as database:
        async with database.write() as tx:
            await leases.begin(tx)
            assert await tx.scalar(asking) == "5s"
        async with database.write() as tx:
            assert await tx.scalar(asking) == "0"


async def test_a_poller_by_itself_needs_no_leases() -> None:
    share = Everything()
    assert await share.refresh(URLS) is False
    assert all(share.has(url) and share.holds(url) for url in URLS)
    await share.give_up()
