"""What a matcher remembers of the rules: in the process, and on disk where there is a place.

Decides when the disk is written: in the background, some time after a generation came into
force, never while it is being written, and with a pause that grows with what it costs.
"""

import asyncio
from datetime import timedelta

import structlog

from schemas.topics import WATCH_RULES
from services.bus.port import Bus
from services.matcher.cache import RuleCache
from services.matcher.reader import Generation
from services.matcher.trust import Remembered
from services.runtime.clock import Clock

log = structlog.get_logger()

SETTLE_SECONDS = 1.0
_PAUSES = 20  # at most a twentieth of the time goes into writing
_LOOK_AGAIN = timedelta(hours=1)


class RuleMemory:
    """The last generation that was in force. Belongs to one event loop."""

    def __init__(
        self, cache: RuleCache | None, clock: Clock, settle_seconds: float = SETTLE_SECONDS
    ) -> None:
        self._cache = cache
        self.clock = clock
        self._settle = settle_seconds
        self._latest: Remembered | None = None
        self._saved: Remembered | None = None
        self._changed = asyncio.Event()

    async def recall(self) -> Remembered | None:
        """What was in force last, in this process or in one before."""
        if self._latest is None and self._cache is not None:
            self._latest = self._saved = await asyncio.to_thread(self._cache.load)
        return self._latest

    def note(self, generation: Generation, *, is_amid: bool) -> None:
        """This is in force now; `is_amid` tells that something stands behind it already."""
        complete_at = generation.place.written_at if is_amid else self.clock()
        self._latest = Remembered(generation, complete_at)
        self._changed.set()

    def forget(self) -> None:
        """What was recalled is not to be believed."""
        self._latest = self._saved = None
        if self._cache is not None:
            self._cache.discard()

    async def keep(self, bus: Bus) -> None:
        """Keep the disk as it is remembered, until cancelled."""
        if self._cache is None:
            return
        while True:
            try:
                # Not wait_for: in Python 3.11 it may lose a cancellation (gh-86296).
                async with asyncio.timeout(_LOOK_AGAIN.total_seconds()):
                    await self._changed.wait()
            except TimeoutError:
                await self.look_again(bus)
            self._changed.clear()
            await asyncio.sleep(self._settle)
            await asyncio.sleep(await self._save(self._cache) * _PAUSES)

    async def look_again(self, bus: Bus) -> None:
        """Where nothing has come since, what is remembered is as good as new."""
        latest, moment = self._latest, self.clock()
        if latest is None:
            return
        try:
            last = await bus.tail(WATCH_RULES, 1)
        except Exception as error:
            # Whatever is wrong with the bus, its follower says so; this can wait.
            log.info("what is remembered of the rules could not be looked at", error=str(error))
            return
        place = latest.generation.place
        if [(r.partition, r.offset) for r in last] == [(place.partition, place.offset)]:
            self._latest = Remembered(latest.generation, moment)

    async def _save(self, cache: RuleCache) -> float:
        """Write what is remembered unless it is written; how many seconds that took."""
        latest = self._latest
        if latest is None or latest is self._saved:
            return 0.0
        clock = asyncio.get_running_loop().time
        begun = clock()
        await asyncio.to_thread(cache.save, latest)
        self._saved = latest
        return clock() - begun
