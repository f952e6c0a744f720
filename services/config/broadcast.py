"""From the outbox to `watch-rules`, and a check at start that the topic tells the truth.

The database is the record. If the bus was lost or replaced, what it says about rules
differs from the record, and everything is announced again.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import structlog

from schemas.message import MalformedMessageError
from schemas.rule import RulesManifest, WatchRule
from schemas.topics import WATCH_RULES
from services.bus.port import Bus, Outgoing
from services.config.apply import announce
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import wait_for_stop
from services.store import outbox, written
from services.store.database import Database
from services.store.written import Kind

log = structlog.get_logger()

_LOOK_EVERY_SECONDS = 0.3
_AT_ONCE = 500


async def broadcast_rules(
    bus: Bus, database: Database, stop: asyncio.Event, component: Component
) -> None:
    """Mend the topic if needed, then send what the outbox holds until `stop` is set."""
    mended = False
    while not stop.is_set():
        try:
            if not mended:
                await announce_again_if_lost(bus, database)
                mended = True
            while await send_waiting(bus, database):
                pass
            component.ready()
        except DependencyUnavailableError as error:
            component.waiting(str(error))
        await wait_for_stop(stop, _LOOK_EVERY_SECONDS)


async def send_waiting(bus: Bus, database: Database) -> bool:
    """Send a batch of the outbox, then remove it; whether there was one."""
    async with database.read() as tx:
        batch = await outbox.waiting(tx, _AT_ONCE)
    if not batch:
        return False
    await bus.send_all([Outgoing(WATCH_RULES, w.key, w.value) for w in batch])
    manifests = [RulesManifest.decode(w.value) for w in batch if w.key == "manifest"]
    async with database.write() as tx:
        await outbox.sent(tx, batch[-1].sequence)
        if manifests:
            await written.set_counter(tx, written.BROADCAST, manifests[-1].generation)
    return True


async def announce_again_if_lost(bus: Bus, database: Database) -> None:
    """Queue every rule again if `watch-rules` does not hold what the record says."""
    on_topic = await _on_topic(bus)
    async with database.write() as tx:
        if await outbox.waiting(tx, 1):
            return
        generation = await written.counter(tx, written.BROADCAST)
        stored = await written.items(tx, Kind.RULES)
        expected = {f"rule:{i}": item.version for i, item in stored.items()}
        if generation == 0 or on_topic == {**expected, "manifest": generation}:
            return
        log.warning("watch-rules does not hold what the database says; announcing all rules again")
        stale = {key.removeprefix("rule:") for key in on_topic if key.startswith("rule:")}
        generation = await written.counter(tx, written.GENERATION) + 1
        await written.set_counter(tx, written.GENERATION, generation)
        await announce(tx, stored, stale - stored.keys(), generation)


async def _on_topic(bus: Bus) -> Mapping[str, int]:
    """The version of every rule on the topic, and the manifest's generation."""
    held: dict[str, int] = {}
    async with aclosing(bus.follow(WATCH_RULES)) as batches:
        async for batch in batches:
            if batch is None:
                break
            for record in batch:
                held.pop(record.key, None)
                if record.value is not None:
                    held[record.key] = _version(record.key, record.value)
    return held


def _version(key: str, value: bytes) -> int:
    try:
        if key == "manifest":
            return RulesManifest.decode(value).generation
        return WatchRule.decode(value).version
    except MalformedMessageError:
        return -1  # never what the record says
