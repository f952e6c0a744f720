"""Records on their way to `watch-rules`: written with the change, sent, then removed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import outbox


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits to be sent."""

    sequence: int
    key: str
    value: bytes | None


async def enqueue(tx: AsyncConnection, records: Iterable[tuple[str, bytes | None]]) -> None:
    """Append records in order."""
    rows = [{"key": key, "value": value} for key, value in records]
    if rows:
        await tx.execute(insert(outbox), rows)


async def waiting(tx: AsyncConnection, limit: int) -> Sequence[Waiting]:
    """The oldest waiting records, in order."""
    rows = await tx.execute(select(outbox).order_by(outbox.c.sequence).limit(limit))
    return [Waiting(r.sequence, r.key, r.value) for r in rows]


async def taken(tx: AsyncConnection, limit: int) -> Sequence[Waiting]:
    """The same, and nobody else's until `tx` ends: others who take records wait for that.

    It may be fewer than there are, also none, where somebody else has just sent them.
    """
    oldest = select(outbox).order_by(outbox.c.sequence).limit(limit).with_for_update()
    return [Waiting(r.sequence, r.key, r.value) for r in await tx.execute(oldest)]


async def sent(tx: AsyncConnection, records: Iterable[Waiting]) -> None:
    """Remove these records, which have been sent, and no other.

    On PostgreSQL a lower sequence number may be committed after a higher one.
    """
    numbers = [record.sequence for record in records]
    await tx.execute(delete(outbox).where(outbox.c.sequence.in_(numbers)))
