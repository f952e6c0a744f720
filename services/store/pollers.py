"""The pollers that live, by their signs of life."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import pollers
from services.store.upsert import upsert


async def sign(tx: AsyncConnection, poller_id: str, now: datetime) -> None:
    """Record a sign of life."""
    row = {"poller_id": poller_id, "seen_at": now}
    await tx.execute(upsert(tx, pollers, [row], key=["poller_id"]))


async def forget(tx: AsyncConnection, before: datetime) -> None:
    """Forget pollers that gave no sign of life since."""
    await tx.execute(delete(pollers).where(pollers.c.seen_at < before))


async def leave(tx: AsyncConnection, poller_id: str) -> None:
    """A poller ends."""
    await tx.execute(delete(pollers).where(pollers.c.poller_id == poller_id))


async def living(tx: AsyncConnection) -> Sequence[str]:
    """The ids of all pollers that are known."""
    return list(await tx.scalars(select(pollers.c.poller_id)))
