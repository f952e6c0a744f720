"""Waiting for what another task brings about."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 20.0  # seconds until a test gives up; no test takes them


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a condition; fails naming `what` did not come."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited {PATIENCE:g} s in vain for {what}") from None
