"""What the commands below `wirewatch deliveries` do, beside whatever is running."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import structlog

from services.embedded.commands import FAILED, INVALID, OK, Said, must_exist, open_database_in
from services.embedded.deliveries.shown import everything, line_of, suspensions_of, table_of
from services.notifier import clean
from services.runtime.settings import Settings
from services.store import delivery_lists
from services.store.delivery_lists import Chosen

log = structlog.get_logger()

_LONGEST_WORDS = 500


async def list_deliveries(state: Path, settings: Settings, chosen: Chosen, limit: int) -> Said:
    """What was sent, waits, or was given up, newest first; then the failures by reason."""
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.read() as tx:
        rows = await delivery_lists.found(tx, chosen, limit)
        failures = await delivery_lists.failures(tx, chosen)
        suspended = await delivery_lists.suspended(tx)
    lines = [line_of(row) for row in rows] or ["no deliveries"]
    return Said(OK, [*lines, *table_of(failures)], list(suspensions_of(suspended)))


async def show_delivery(state: Path, settings: Settings, delivery_id: str, now: datetime) -> Said:
    """Everything that is known of a delivery."""
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.read() as tx:
        row = await delivery_lists.one(tx, delivery_id)
    if row is None:
        return Said(FAILED, (), [f"no delivery {delivery_id}; wirewatch deliveries list has them"])
    return Said(OK, list(everything(row, now)))


async def retry_deliveries(
    state: Path, settings: Settings, ids: Sequence[str], now: datetime
) -> Said:
    """Put deliveries that were given up or discarded back into the queue."""
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.write() as tx:
        queued = await delivery_lists.retry(tx, ids, now)
    lines = [f"{one}: queued again" for one in ids if one in queued]
    missing = [f"no delivery {one} that was given up" for one in ids if one not in queued]
    return Said(FAILED if missing else OK, lines, missing)


async def retry_failed(state: Path, settings: Settings, chosen: Chosen, now: datetime) -> Said:
    """The same with all that failed, or failed so."""
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.write() as tx:
        number = await delivery_lists.retry_failed(tx, chosen, now)
    what = "delivery" if number == 1 else "deliveries"
    return Said(OK, [f"{number} {what} queued again"])


async def discard_deliveries(
    state: Path, settings: Settings, ids: Sequence[str], author: str, reason: str, now: datetime
) -> Said:
    """Have deliveries that wait or were given up never be sent, and say who wants that and why."""
    who, why = clean.line(author, _LONGEST_WORDS), clean.line(reason, _LONGEST_WORDS)
    if not who or not why:
        return Said(INVALID, (), ['say who and why: --author NAME --reason "…"'])
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.write() as tx:
        told = f"discarded by {who}: {why}"
        gone = {one for one in ids if await delivery_lists.discard(tx, one, told, now)}
    for one in sorted(gone):
        log.info("delivery discarded", delivery=one, author=who, reason=why)
    lines = [f"{one}: discarded" for one in ids if one in gone]
    missing = [f"no delivery {one} that waits or was given up" for one in ids if one not in gone]
    return Said(FAILED if missing else OK, lines, missing)
