"""The part that forgets what was sent long ago.

Decides how long: what was delivered or discarded, what was held and released, and silences that
have ended, as long as a story may be replayed; what failed twice as long, because somebody may
still want it, and then it is said how much that was; who was told of what, for the caps, a few
days.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.placing import REPORTS_KEPT
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import wait_for_stop
from services.store import forgetting, silences
from services.store.database import Database
from services.store.deliveries import DeliveryState

log = structlog.get_logger()

KEPT = REPORTS_KEPT
FAILED_KEPT = 2 * KEPT
TOLD_KEPT = timedelta(days=3)  # caps count an hour, and read what there is
_LOOK_EVERY_SECONDS = 3600.0
_SETTLED = (DeliveryState.DELIVERED, DeliveryState.DISCARDED)

_Find = Callable[[AsyncConnection], Awaitable[Sequence[str]]]
_Forget = Callable[[AsyncConnection, Sequence[str]], Awaitable[int]]


class Forgetting:
    """Forgets what is old."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self, stop: asyncio.Event, component: Component) -> None:
        """Forget now and every hour, until `stop` is set."""
        while not stop.is_set():
            try:
                await self.forget(stop)
                component.ready()
            except DependencyUnavailableError as error:
                component.waiting(str(error))
            await wait_for_stop(stop, _LOOK_EVERY_SECONDS)

    async def forget(self, stop: asyncio.Event) -> None:
        """Forget all that is old by now. Raises DatabaseUnavailableError."""
        now = self._clock()
        settled = partial(forgetting.finished, states=_SETTLED, before=now - KEPT)
        await self._in_steps(settled, forgetting.forget_deliveries, stop)
        released = partial(forgetting.released, before=now - KEPT)
        await self._in_steps(released, forgetting.forget_held, stop)
        async with self._database.write() as tx:
            await silences.forget(tx, now - KEPT)
        await self._forget_told(now - TOLD_KEPT, stop)
        failed = partial(
            forgetting.finished, states=(DeliveryState.FAILED,), before=now - FAILED_KEPT
        )
        number = await self._in_steps(failed, forgetting.forget_deliveries, stop)
        if number:
            log.warning("deliveries that failed are forgotten", number=number)

    async def _in_steps(self, find: _Find, forget: _Forget, stop: asyncio.Event) -> int:
        number = 0
        while not stop.is_set():
            async with self._database.read() as tx:
                ids = await find(tx)
            if not ids:
                break
            async with self._database.write() as tx:
                number += await forget(tx, ids)
        return number

    async def _forget_told(self, before: datetime, stop: asyncio.Event) -> None:
        more = True
        while more and not stop.is_set():
            async with self._database.write() as tx:
                more = await forgetting.forget_told(tx, before)
