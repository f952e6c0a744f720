"""The migrations make the tables that the code expects, however often and by however many."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from services.runtime.process import CannotStartError
from services.store import written
from services.store.database import open_database, sqlite_url
from services.store.delivery_tables import deliveries
from services.store.migrate import upgrade

PATIENCE = 60.0


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "wirewatch.sqlite")
    return str(request.getfixturevalue("empty_postgres_url"))


def differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), deliveries.metadata))


async def test_the_migrated_schema_is_the_one_the_tables_declare(empty_url: str) -> None:
    async with open_database(empty_url) as database, database.write() as tx:
        assert await tx.run_sync(differences) == []


async def test_the_comparison_would_see_a_difference(empty_url: str) -> None:
    async with open_database(empty_url) as database, database.write() as tx:
        await tx.execute(text("DROP INDEX ix_alerts_raised_at"))
        assert len(await tx.run_sync(differences)) == 1


async def test_migrating_again_changes_nothing_and_loses_nothing(empty_url: str) -> None:
    async with open_database(empty_url) as database, database.write() as tx:
        await written.set_counter(tx, "n", 3)
        await tx.run_sync(upgrade)
    async with open_database(empty_url) as database, database.write() as tx:
        assert await written.counter(tx, "n") == 3
        assert await tx.run_sync(differences) == []


async def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    async def start(number: int) -> None:
        async with open_database(empty_url) as database, database.write() as tx:
            await written.set_counter(tx, str(number), number)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(start(number) for number in range(5)))
    async with open_database(empty_url) as database, database.read() as tx:
        assert [await written.counter(tx, str(n)) for n in range(5)] == [0, 1, 2, 3, 4]


async def test_a_database_of_a_later_version_is_refused_in_words(empty_url: str) -> None:
    async with open_database(empty_url) as database, database.write() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CannotStartError, match="later"):
        async with open_database(empty_url):
            pass
