"""What has become of deliveries is forgotten after a while, a few rows at a time.

Rows are looked for without a lock and deleted by their names, so that nobody waits for it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.deliveries import DeliveryState
from services.store.delivery_tables import deliveries, held, told

_AT_ONCE = 500
_TOLD_STEP = timedelta(hours=1)


async def finished(
    tx: AsyncConnection, states: Sequence[DeliveryState], before: datetime
) -> Sequence[str]:
    """Some deliveries that ended so before then, by their ids."""
    rows = await tx.scalars(
        select(deliveries.c.delivery_id)
        .where(
            deliveries.c.state.in_([state.value for state in states]),
            deliveries.c.finished_at < before,
        )
        .limit(_AT_ONCE)
    )
    return sorted(rows)


async def forget_deliveries(tx: AsyncConnection, ids: Sequence[str]) -> int:
    """Forget these, but for those that were put back into the queue meanwhile; how many."""
    gone = await tx.execute(
        delete(deliveries).where(
            deliveries.c.delivery_id.in_(ids), deliveries.c.state != DeliveryState.PENDING.value
        )
    )
    return gone.rowcount


async def released(tx: AsyncConnection, before: datetime) -> Sequence[str]:
    """Some held messages that were released before then, by their ids."""
    rows = await tx.scalars(
        select(held.c.held_id).where(held.c.released_at < before).limit(_AT_ONCE)
    )
    return sorted(rows)


async def forget_held(tx: AsyncConnection, ids: Sequence[str]) -> int:
    """Forget these; how many."""
    return (await tx.execute(delete(held).where(held.c.held_id.in_(ids)))).rowcount


async def forget_told(tx: AsyncConnection, before: datetime) -> bool:
    """Forget the oldest hour of who was told of what before then; whether there was one."""
    oldest = await tx.scalar(select(func.min(told.c.told_at)))
    if oldest is None or oldest >= before:
        return False
    await tx.execute(delete(told).where(told.c.told_at < min(before, oldest + _TOLD_STEP)))
    return True
