"""Which pollers live, and which of them holds which slot of hosts.

Times are the database's own, so that no poller's clock matters to another. Statements
lock only rows that are the caller's or have run out, and a poller that is stopped within a
transaction loses its connection within seconds: nobody waits for it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import poll_leases, pollers
from services.store.upsert import insert_into, upsert


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a slot, and until when by the database's clock."""

    poller_id: str
    until: datetime


async def begin(tx: AsyncConnection) -> datetime:
    """Now, by the database's clock; and a stop in mid-transaction ends it."""
    if tx.dialect.name == "sqlite":
        now = await tx.scalar(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"))
        return datetime.fromisoformat(str(now)).replace(tzinfo=UTC)
    await tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = '5s'"))
    now = await tx.scalar(select(func.clock_timestamp()))
    assert isinstance(now, datetime)
    return now


async def sign(tx: AsyncConnection, poller_id: str, now: datetime) -> None:
    """Record a sign of life."""
    row = {"poller_id": poller_id, "seen_at": now}
    await tx.execute(upsert(tx, pollers, [row], key=["poller_id"]))


async def living(tx: AsyncConnection, since: datetime) -> frozenset[str]:
    """The pollers that gave a sign of life since; the others are forgotten."""
    dead = select(pollers.c.poller_id).where(pollers.c.seen_at < since)
    # After an outage they all look dead to each other, and sign again: none waits for another.
    unlocked = dead.with_for_update(skip_locked=True)
    await tx.execute(delete(pollers).where(pollers.c.poller_id.in_(unlocked)))
    rows = await tx.scalars(select(pollers.c.poller_id).where(pollers.c.seen_at >= since))
    return frozenset(rows)


async def leases(tx: AsyncConnection) -> Mapping[int, Lease]:
    """All leases by slot, those that have run out among them."""
    rows = await tx.execute(select(poll_leases))
    return {r.slot: Lease(r.poller_id, r.until) for r in rows}


async def renew(
    tx: AsyncConnection, poller_id: str, slots: Collection[int], until: datetime
) -> frozenset[int]:
    """Renew a poller's own leases; those that are its own still."""
    renewed = await tx.scalars(
        update(poll_leases)
        .where(poll_leases.c.poller_id == poller_id, poll_leases.c.slot.in_(sorted(slots)))
        .values(until=until)
        .returning(poll_leases.c.slot)
    )
    return frozenset(renewed)


async def claim(
    tx: AsyncConnection, poller_id: str, slots: Sequence[int], now: datetime, until: datetime
) -> frozenset[int]:
    """Take slots that nobody holds by now; those that were to be had."""
    if not slots:
        return frozenset()
    # Always in the same order, so that two pollers cannot deadlock.
    rows = [{"slot": slot, "poller_id": poller_id, "until": until} for slot in sorted(slots)]
    statement = insert_into(tx, poll_leases).values(rows)
    taking = statement.on_conflict_do_update(
        index_elements=["slot"],
        set_={"poller_id": statement.excluded.poller_id, "until": statement.excluded.until},
        where=poll_leases.c.until <= now,
    )
    return frozenset(await tx.scalars(taking.returning(poll_leases.c.slot)))


async def release(tx: AsyncConnection, poller_id: str, slots: Collection[int]) -> None:
    """Give slots up."""
    await tx.execute(
        delete(poll_leases).where(
            poll_leases.c.poller_id == poller_id, poll_leases.c.slot.in_(sorted(slots))
        )
    )


async def leave(tx: AsyncConnection, poller_id: str) -> None:
    """A poller ends: it holds nothing and lives no more."""
    await tx.execute(delete(poll_leases).where(poll_leases.c.poller_id == poller_id))
    await tx.execute(delete(pollers).where(pollers.c.poller_id == poller_id))
