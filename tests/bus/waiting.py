"""Waiting for a condition."""

import asyncio
from collections.abc import Callable

from tests.contracts.bus_contract import PATIENCE


async def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Return as soon as it holds; fails when it does not come to hold."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - nobody would set an event
            await asyncio.sleep(0.02)
