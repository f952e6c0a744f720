"""From the outbox to `watch-rules`, as soon as something is written there.

Several processes may do this: what one is sending the others do not touch. Whether the
topic still tells the truth after a start is checked by `mending`.
"""

import asyncio

from schemas.rule import RulesManifest
from schemas.topics import WATCH_RULES
from services.bus.port import Bus, Outgoing
from services.config.mending import Verdict, announce_again_if_lost
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import Part, wait_for_stop
from services.store import outbox, written
from services.store.database import Database

_LOOK_EVERY_SECONDS = 0.3
_AT_ONCE = 500


def broadcast_part(bus: Bus, database: Database) -> Part:
    """A part that keeps `watch-rules` telling what the database says."""

    async def run(stop: asyncio.Event, component: Component) -> None:
        await broadcast_rules(bus, database, stop, component)

    return run


async def broadcast_rules(
    bus: Bus, database: Database, stop: asyncio.Event, component: Component
) -> None:
    """Send what the outbox holds until `stop` is set, and once mend the topic if needed."""
    compared = False
    while not stop.is_set():
        try:
            while await send_waiting(bus, database):
                pass
            if not compared:
                verdict = await announce_again_if_lost(bus, database)
                compared = verdict is not Verdict.NOT_NOW
                if verdict is Verdict.ANNOUNCED:
                    continue
            component.ready()
        except DependencyUnavailableError as error:
            component.waiting(str(error))
        await wait_for_stop(stop, _LOOK_EVERY_SECONDS)


async def send_waiting(bus: Bus, database: Database) -> bool:
    """Send a batch of the outbox and remove it; whether there was one.

    The records are held while they are sent. Two processes that sent the same ones side by
    side could bring back, behind a removal, the rule that it removed.
    """
    async with database.read() as tx:
        if not await outbox.waiting(tx, 1):
            return False
    async with database.write() as tx:
        batch = await outbox.taken(tx, _AT_ONCE)
        await bus.send_all([Outgoing(WATCH_RULES, w.key, w.value) for w in batch])
        await outbox.sent(tx, batch)
        manifests = [RulesManifest.decode(w.value) for w in batch if w.key == "manifest"]
        if manifests:
            await written.set_counter(tx, written.BROADCAST, manifests[-1].generation)
    return True
