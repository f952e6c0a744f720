"""Waking everybody who waits for work, within one process."""

import asyncio
import contextlib


class Wakeup:
    """Take `next()` before looking for work, then `wait` on it: no wake-up is missed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Wake all who wait, and all who are looking right now."""
        self._event.set()
        self._event = asyncio.Event()

    def next(self) -> asyncio.Event:
        """The event that the next `wake` will set."""
        return self._event


async def wait_any(timeout: float, *events: asyncio.Event) -> None:
    """Wait until one of the events is set, at most `timeout` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=max(0.0, timeout), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*waits, return_exceptions=True)
