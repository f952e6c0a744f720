"""A wire, a hub that pushes it, and pollers that are reached by the hub; on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.bus.port import Bus
from services.bus.sqlite import open_bus
from services.poller.pages import TextWorkers
from services.store.database import Database, open_database, sqlite_url
from tests.poller.conftest import text_workers, wire
from tests.poller.websub.desk import PushDesk, push_desk
from tests.poller.wire import Wire
from tests.servers.hub_double import HubDouble, running_hub

__all__ = ["text_workers", "wire"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "wirewatch.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def hub(wire: Wire) -> AsyncIterator[HubDouble]:
    """A hub, which the wire's feed names in its header."""
    async with running_hub() as running:
        wire.links = running.links
        yield running


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with open_bus(tmp_path / "bus.sqlite") as opened:
        yield opened


@pytest.fixture
async def desk(
    wire: Wire, hub: HubDouble, bus: Bus, database: Database, text_workers: TextWorkers
) -> AsyncIterator[PushDesk]:
    async with push_desk(wire, hub, bus, database, text_workers) as opened:
        await opened.configure()
        yield opened
