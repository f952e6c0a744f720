"""Hosts that asked for a pause, so that it outlives a restart and every poller keeps it."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import case, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import host_pauses
from services.store.upsert import insert_into


async def put(tx: AsyncConnection, until: Mapping[str, datetime]) -> None:
    """Store until when each host is to be left alone; a longer pause stays."""
    if not until:
        return
    # Always in the same order, so that two pollers cannot deadlock.
    rows = [{"host": host, "until": until[host]} for host in sorted(until)]
    statement = insert_into(tx, host_pauses).values(rows)
    stored, given = host_pauses.c.until, statement.excluded.until
    longer = case((given > stored, given), else_=stored)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=["host"], set_={"until": longer})
    )


async def live(tx: AsyncConnection, now: datetime) -> dict[str, datetime]:
    """The pauses that are not over, by host."""
    rows = await tx.execute(select(host_pauses).where(host_pauses.c.until > now))
    return {r.host: r.until for r in rows}


async def forget(tx: AsyncConnection, now: datetime) -> None:
    """Forget the pauses that are over."""
    await tx.execute(delete(host_pauses).where(host_pauses.c.until <= now))
