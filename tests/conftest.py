"""Fixtures for everybody: databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.runtime import redact
from services.store.database import Database, open_database, sqlite_url
from tests.servers.postgres import empty_postgres_url, postgres_server, postgres_url

__all__ = ["database", "empty_postgres_url", "postgres_server", "postgres_url"]


@pytest.fixture(autouse=True)
def _secrets_of_this_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test calls a secret may be any word in another."""
    monkeypatch.setattr(redact, "_known", {})


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database in a SQLite file."""
    async with open_database(sqlite_url(tmp_path / "wirewatch.sqlite")) as opened:
        yield opened
