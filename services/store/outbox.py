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


async def sent(tx: AsyncConnection, up_to: int) -> None:
    """Remove what has been sent, up to and including a sequence number."""
    await tx.execute(delete(outbox).where(outbox.c.sequence <= up_to))
