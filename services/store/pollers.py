"""The pollers that live, by their signs of life."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import pollers


async def sign(tx: AsyncConnection, poller_id: str, now: datetime) -> None:
    """Record a sign of life."""
    changed = await tx.execute(
        update(pollers).where(pollers.c.poller_id == poller_id).values(seen_at=now)
    )
    if changed.rowcount == 0:
        await tx.execute(insert(pollers).values(poller_id=poller_id, seen_at=now))


async def forget(tx: AsyncConnection, before: datetime) -> None:
    """Forget pollers that gave no sign of life since."""
    await tx.execute(delete(pollers).where(pollers.c.seen_at < before))


async def leave(tx: AsyncConnection, poller_id: str) -> None:
    """A poller ends."""
    await tx.execute(delete(pollers).where(pollers.c.poller_id == poller_id))


async def living(tx: AsyncConnection) -> Sequence[str]:
    """The ids of all pollers that are known."""
    return list(await tx.scalars(select(pollers.c.poller_id)))
