"""A wire, and a poller that watches it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.bus.sqlite import open_bus
from services.poller.pages import TextWorkers
from services.store.database import Database
from tests.poller.wire import PollingDesk, Wire, polling_desk, running_wire


@pytest.fixture(scope="module")
def text_workers() -> Iterator[TextWorkers]:
    """One process that reads feeds and pages, for all tests of a module."""
    with kept_open(TextWorkers(1)) as workers:
        yield workers


@contextmanager
def kept_open(workers: TextWorkers) -> Iterator[TextWorkers]:
    """Workers that outlive the event loop of a test."""
    with ThreadPoolExecutor(1) as beside:  # the event loop that pytest may be keeping
        beside.submit(asyncio.run, workers.start()).result()
        yield workers
        beside.submit(asyncio.run, workers.close()).result()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with running_wire() as running:
        yield running


@pytest.fixture
async def desk(
    wire: Wire, database: Database, text_workers: TextWorkers, tmp_path: Path
) -> AsyncIterator[PollingDesk]:
    async with (
        open_bus(tmp_path / "bus.sqlite") as bus,
        polling_desk(wire, bus, database, text_workers) as opened,
    ):
        yield opened
