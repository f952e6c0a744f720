"""A database that is away, cut off or not ours is named, without its password."""

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime.process import CannotStartError
from services.store import written
from services.store.database import (
    Database,
    DatabaseUnavailableError,
    open_database,
    sqlite_url,
)
from services.store.written import Kind
from tests.contracts.store_contract import NOW, PATIENCE
from tests.servers.patience import until
from tests.servers.postgres import PostgresServer

SECRET = "hunter2hunter2"
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that refuses connections: bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def failure_of(url: str) -> str:
    before = _connections()

    async def none_is_left() -> bool:
        """The driver's threads answer to this test's event loop; they must not outlive it."""
        return _connections() <= before

    with pytest.raises(DatabaseUnavailableError) as failed:
        async with open_database(url):
            pass
    await until(none_is_left, "the driver's threads to end")
    return str(failed.value)


def _connections() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if "_connection_worker_thread" in t.name}


@pytest.mark.parametrize("query", ["", f"?password={SECRET}&ssl=disable"])
async def test_a_server_that_is_away_is_named_without_the_password(
    dead_port: int, query: str
) -> None:
    told = await failure_of(f"postgresql://ada:{SECRET}@127.0.0.1:{dead_port}/wire{query}")
    assert f"127.0.0.1:{dead_port}/wire" in told
    assert SECRET not in told


async def test_a_host_without_an_address_is_an_outage(dead_port: int) -> None:
    told = await failure_of(f"postgresql://ada:{SECRET}@nowhere.invalid:{dead_port}/wire")
    assert "nowhere.invalid" in told
    assert SECRET not in told


async def test_a_server_without_this_database_is_an_outage(
    postgres_server: PostgresServer,
) -> None:
    assert '"missing" does not exist' in await failure_of(postgres_server.url("missing"))


async def test_a_connection_that_is_cut_in_a_transaction_is_an_outage_that_leaves_nothing(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    async with open_database(postgres_url) as database:
        with pytest.raises(DatabaseUnavailableError):
            async with database.write() as tx:
                await written.put(tx, Kind.RULES, {"a": {}}, "apply", NOW)
                await postgres_server.order(CUT.format(name))
                await written.counter(tx, "n")
        async with database.write() as tx:
            assert await written.items(tx, Kind.RULES) == {}


async def test_after_a_restart_of_the_server_the_next_transaction_goes_through(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    async with open_database(postgres_url) as database:
        async with database.read() as one, database.read() as two:
            assert await written.counter(one, "n") == await written.counter(two, "n") == 0
        await postgres_server.order(CUT.format(name))
        async with database.write() as tx:
            await written.set_counter(tx, "n", 1)


async def test_a_folder_that_is_missing_is_an_outage(tmp_path: Path) -> None:
    told = await failure_of(sqlite_url(tmp_path / "missing" / "wirewatch.sqlite"))
    assert "missing/wirewatch.sqlite" in told


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wirewatch.sqlite"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    assert "not a database" in await failure_of(sqlite_url(path))


async def test_a_disk_that_is_full_is_an_outage_and_passes(database: Database) -> None:
    async def store(kilobytes: int) -> None:
        async with database.write() as tx:
            spec = {"text": "x" * 1_000 * kilobytes}
            await written.put(tx, Kind.RULES, {"a": spec}, "apply", NOW)

    async with database.read() as tx:
        pages = (await tx.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await tx.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(DatabaseUnavailableError, match="full"):
        await store(1_000)
    async with database.read() as tx:
        await tx.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert await written.items(tx, Kind.RULES) == {}
    await store(1_000)


async def test_a_file_that_another_program_writes_to_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "wirewatch.sqlite"
    async with open_database(sqlite_url(path)) as database:
        intruder = sqlite3.connect(path, isolation_level=None)
        try:
            intruder.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(_set_counter(database))
            async with database.read() as tx:
                assert await written.counter(tx, "n") == 0
            intruder.execute("COMMIT")
            async with asyncio.timeout(PATIENCE):
                await writing
        finally:
            intruder.close()


async def _set_counter(database: Database) -> None:
    async with database.write() as tx:
        await written.set_counter(tx, "n", 1)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://ada:{SECRET}@host/wire",
        f"postgresql+psycopg://ada:{SECRET}@host/wire",
        f"ada:{SECRET}@host",
        f"postgresql://ada:{SECRET}@host:port/wire",
        "",
    ],
)
async def test_a_url_that_names_no_database_we_know_is_refused_without_repeating_it(
    url: str,
) -> None:
    with pytest.raises(CannotStartError, match="postgresql://user:password@host") as refused:
        async with open_database(url):
            pass
    assert SECRET not in str(refused.value)


async def test_a_url_without_a_driver_gets_ours(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'wirewatch.sqlite'}"
    async with open_database(url) as database, database.read() as tx:
        assert await written.counter(tx, "n") == 0
