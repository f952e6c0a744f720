"""The deliveries table as a queue: rows are leased, tried without a transaction, recorded.

A lease names its owner and outlives an attempt's time-out, so that a notifier that died
leaves nothing behind, and one that was merely slow does not record over another's work: a
failure counts only from whoever holds the row, while a delivery is a fact, whoever made it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Update,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from services.store.delivery_tables import deliveries, suspended_channels, unsubscribed
from services.store.tables import UtcDateTime
from services.store.upsert import insert_into


class DeliveryState(StrEnum):
    """What became of a delivery so far."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up; listed, counted, and can be sent again
    DISCARDED = "discarded"  # not sent: an operator, or all who would get it, want it not


class DeliveryKind(StrEnum):
    """What a delivery is, for lists; and which go first, see `rank_of`."""

    ALERT = "alert"
    UPDATE = "update"  # of what was sent: more outlets
    SUMMARY = "summary"
    NOTICE = "notice"


def rank_of(kind: DeliveryKind) -> int:
    """Of what is due in a channel, the lowest goes first."""
    return 1 if kind is DeliveryKind.UPDATE else 0


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A message to be sent: unique per story, subscription and sequence.

    `updates` is the delivery that it says more of. `due_at`: not before that time.
    """

    delivery_id: str
    story_id: str
    subscription_id: str
    sequence: int
    channel_id: str
    message: bytes
    kind: DeliveryKind = DeliveryKind.ALERT
    updates: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that `owner` may try now; `attempts` counts the tries before.

    `uncertain`: one of them may have arrived, as far as we know. `progress`: what the last of
    them gave back as such. `left_out`: who has unsubscribed (where `anybody_left`), and `thread`:
    the receipt of what it follows; both for the sender to look up.
    """

    delivery_id: str
    owner: str
    message: bytes
    due_at: datetime
    attempts: int
    uncertain: bool = False
    story_id: str = ""
    subscription_id: str = ""
    kind: DeliveryKind = DeliveryKind.ALERT
    progress: str | None = None
    left_out: frozenset[str] = frozenset()
    sequence: int = 1
    thread: str | None = None
    anybody_left: bool = False


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not been sent nor given up."""

    pending: int
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A delivery as the operator sees it."""

    delivery_id: str
    subscription_id: str
    channel_id: str
    state: str
    attempts: int
    reason: str | None
    detail: str | None
    created_at: datetime
    finished_at: datetime | None
    message: bytes


# What every end of an attempt changes.
_ENDED: dict[str, Any] = {
    "attempts": deliveries.c.attempts + 1,
    "leased_by": None,
    "leased_until": None,
}

_DELIVERED = (
    update(deliveries)
    .where(
        deliveries.c.delivery_id == bindparam("of"),
        deliveries.c.state != DeliveryState.DELIVERED.value,
    )
    .values(
        **_ENDED,
        state=DeliveryState.DELIVERED.value,
        finished_at=bindparam("at"),
        receipt=bindparam("said"),
    )
)

# Written out, for the index of what is pending to be of use.
_PENDING = deliveries.c.state == literal(DeliveryState.PENDING.value, literal_execute=True)


def _waits_for_an_earlier_one() -> ColumnElement[bool]:
    earlier = deliveries.alias("earlier")
    is_update = deliveries.c.kind == DeliveryKind.UPDATE.value
    return exists().where(
        earlier.c.story_id == deliveries.c.story_id,
        earlier.c.subscription_id == deliveries.c.subscription_id,
        earlier.c.sequence < deliveries.c.sequence,
        earlier.c.channel_id == deliveries.c.channel_id,
        earlier.c.state == DeliveryState.PENDING.value,
        # Nobody waits for an update: it goes last, or is put off for minutes.
        earlier.c.kind != DeliveryKind.UPDATE.value,
        or_(earlier.c.attempts == 0, is_update),
    )


def _is_suspended() -> ColumnElement[bool]:
    return exists().where(suspended_channels.c.channel_id == deliveries.c.channel_id)


def _lease(*, suspended: bool) -> ReturningUpdate[Any]:
    """Made once: it took longer to put it together than to run it (bench/deliver)."""
    now = bindparam("now", type_=UtcDateTime())
    free = (
        select(deliveries.c.delivery_id)
        .where(
            _PENDING,
            deliveries.c.channel_id == bindparam("channel"),
            deliveries.c.next_attempt_at <= now,
            or_(deliveries.c.leased_until.is_(None), deliveries.c.leased_until <= now),
            not_(_waits_for_an_earlier_one()),
        )
        .order_by(deliveries.c.rank, deliveries.c.created_at, deliveries.c.delivery_id)
        .limit(bindparam("most", type_=Integer()))
        .with_for_update(skip_locked=True)
    )
    if not suspended:
        free = free.where(not_(_is_suspended()))
    left = exists().where(unsubscribed.c.subscription_id == deliveries.c.subscription_id)
    # As a CTE: PostgreSQL may run a subquery more than once, and lease more than asked for.
    return (
        update(deliveries)
        .where(deliveries.c.delivery_id.in_(select(free.cte("free").c.delivery_id)))
        .values(
            leased_by=bindparam("owner"),
            leased_until=bindparam("until", type_=UtcDateTime()),
            # Whoever had it did not tell how it ended.
            uncertain=or_(deliveries.c.uncertain, deliveries.c.leased_by.is_not(None)),
        )
        .returning(deliveries, left.label("anybody_left"))
    )


_LEASE = _lease(suspended=False)
_LEASE_FOR_TRIAL = _lease(suspended=True)


async def enqueue(tx: AsyncConnection, new: Sequence[NewDelivery], now: datetime) -> None:
    """Add deliveries that are due now."""
    if new:
        await tx.execute(insert(deliveries), [_row(d, now) for d in new])


async def enqueue_missing(tx: AsyncConnection, new: Sequence[NewDelivery], now: datetime) -> None:
    """The same, but those that are there already stay as they are."""
    if new:
        statement = insert_into(tx, deliveries).on_conflict_do_nothing()
        await tx.execute(statement, [_row(delivery, now) for delivery in new])


async def lease(  # noqa: PLR0913 - all that tells one lease from another
    tx: AsyncConnection,
    channel_id: str,
    owner: str,
    now: datetime,
    until: datetime,
    limit: int,
    *,
    suspended: bool = False,
) -> Sequence[Leased]:
    """Take up to `limit` rows of a channel that are due and free: by rank, the oldest first.

    A message waits for the first attempt at those that the same subscription got about the
    same story before, and an update until they are out. Of a channel that is suspended none is
    free, but for a trial (`suspended`).
    """
    rows = await tx.execute(
        _LEASE_FOR_TRIAL if suspended else _LEASE,
        {"channel": channel_id, "owner": owner, "now": now, "until": until, "most": limit},
    )
    taken = sorted(rows, key=lambda r: (r.rank, r.created_at, r.delivery_id))
    return [
        Leased(
            r.delivery_id,
            owner,
            r.message,
            r.due_at,
            r.attempts,
            r.uncertain,
            r.story_id,
            r.subscription_id,
            DeliveryKind(r.kind),
            r.progress,
            sequence=r.sequence,
            anybody_left=r.anybody_left,
        )
        for r in taken
    ]


async def record_delivered(
    tx: AsyncConnection, delivery_id: str, receipt: str, now: datetime
) -> None:
    """The channel said yes."""
    await record_all_delivered(tx, [(delivery_id, receipt, now)])


async def record_all_delivered(
    tx: AsyncConnection, delivered: Sequence[tuple[str, str, datetime]]
) -> None:
    """The channel said yes to these, each with its receipt and the time.

    Of two who sent the same the first record stands.
    """
    if delivered:
        given = [{"of": i, "said": text_of(said), "at": at} for i, said, at in delivered]
        # Always in the same order, so that two cannot deadlock.
        await tx.execute(_DELIVERED, sorted(given, key=lambda row: str(row["of"])))


async def record_failed(
    tx: AsyncConnection, leased: Leased, reason: str, detail: str, now: datetime
) -> bool:
    """The delivery is given up; whether it was this owner's to give up."""
    changed = await tx.execute(
        _held(leased).values(
            **_ENDED,
            state=DeliveryState.FAILED.value,
            finished_at=now,
            reason=reason,
            detail=text_of(detail),
        )
    )
    return changed.rowcount == 1


async def record_retry(  # noqa: PLR0913 - all that an attempt has to say
    tx: AsyncConnection,
    leased: Leased,
    reason: str,
    detail: str,
    next_attempt_at: datetime,
    *,
    uncertain: bool = False,
    failed_at: datetime | None = None,
) -> None:
    """The attempt failed; the row is free again from `next_attempt_at`.

    `uncertain`: it may have arrived all the same. `failed_at`: of a row that was never tried
    before, from when its age counts.

    Nothing happens if the row has passed to another owner.
    """
    first = failed_at is not None and not leased.attempts
    await tx.execute(
        _held(leased).values(
            **_ENDED,
            **({"due_at": failed_at} if first else {}),
            reason=reason,
            detail=text_of(detail),
            next_attempt_at=next_attempt_at,
            uncertain=or_(deliveries.c.uncertain, literal(uncertain)),
        )
    )


async def record_dropped(tx: AsyncConnection, leased: Leased, detail: str, now: datetime) -> None:
    """Nobody wants the delivery; nothing happens if the row has passed to another owner."""
    state = DeliveryState.DISCARDED.value
    await tx.execute(
        _held(leased).values(**_ENDED, state=state, finished_at=now, detail=text_of(detail))
    )


async def record_progress(tx: AsyncConnection, leased: Leased, progress: str) -> None:
    """What the attempt has accomplished; to be recorded before its end is.

    Nothing happens if the row has passed to another owner, who may know more by now.
    """
    await tx.execute(_held(leased).values(progress=text_of(progress)))


async def release(tx: AsyncConnection, owner: str | None = None, but: Collection[str] = ()) -> None:
    """Give back leases: those of one owner, or all where nobody else can be at work.

    What was leased was perhaps under way, unless it is the owner who says so.
    """
    statement = update(deliveries).where(deliveries.c.leased_by.is_not(None))
    if owner is None:
        await tx.execute(statement.values(leased_by=None, leased_until=None, uncertain=True))
        return
    statement = statement.where(
        deliveries.c.leased_by == owner, deliveries.c.delivery_id.not_in(sorted(but))
    )
    await tx.execute(statement.values(leased_by=None, leased_until=None))


async def give_back(tx: AsyncConnection, owner: str, delivery_ids: Collection[str]) -> None:
    """Give back what an owner leased and has not tried."""
    if delivery_ids:
        await tx.execute(
            update(deliveries)
            .where(
                deliveries.c.delivery_id.in_(sorted(delivery_ids)), deliveries.c.leased_by == owner
            )
            .values(leased_by=None, leased_until=None)
        )


async def count_age_from(tx: AsyncConnection, channel_id: str, now: datetime) -> None:
    """What waits in a channel is given up by its age from now on: it was not at fault so far."""
    waits = (
        select(deliveries.c.delivery_id)
        .where(_PENDING, deliveries.c.channel_id == channel_id, deliveries.c.due_at < now)
        # What somebody is recording right now is not waited for: it is not what has waited.
        .with_for_update(skip_locked=True)
        .cte("waits")
    )
    await tx.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id.in_(select(waits.c.delivery_id)))
        .values(due_at=now)
    )


async def retry_now(tx: AsyncConnection, delivery_id: str, now: datetime) -> bool:
    """Put a delivery that was given up back into the queue; whether there was one."""
    changed = await tx.execute(
        update(deliveries)
        .where(
            deliveries.c.delivery_id == delivery_id,
            deliveries.c.state == DeliveryState.FAILED.value,
        )
        .values(
            state=DeliveryState.PENDING.value, due_at=now, next_attempt_at=now, finished_at=None
        )
    )
    return changed.rowcount == 1


async def backlog(tx: AsyncConnection) -> Backlog:
    """How much is pending, and since when."""
    row = (
        await tx.execute(
            select(func.count(), func.min(deliveries.c.due_at)).where(
                deliveries.c.state == DeliveryState.PENDING.value
            )
        )
    ).one()
    return Backlog(row[0], row[1])


async def next_due(tx: AsyncConnection, channel_id: str) -> datetime | None:
    """When the channel's next row can be tried and leased; None when it has none."""
    free_at = case(
        (deliveries.c.leased_until > deliveries.c.next_attempt_at, deliveries.c.leased_until),
        else_=deliveries.c.next_attempt_at,
    )
    due: datetime | None = await tx.scalar(
        select(func.min(free_at)).where(_PENDING, deliveries.c.channel_id == channel_id)
    )
    return due


async def listed(tx: AsyncConnection, state: DeliveryState | None, limit: int) -> Sequence[Listed]:
    """Deliveries, newest first."""
    columns = [deliveries.c[name] for name in Listed.__slots__]
    statement = select(*columns).limit(limit)
    statement = statement.order_by(deliveries.c.created_at.desc(), deliveries.c.delivery_id)
    if state is not None:
        statement = statement.where(deliveries.c.state == state.value)
    return [Listed(**r._mapping) for r in await tx.execute(statement)]


def _row(new: NewDelivery, now: datetime) -> dict[str, Any]:
    due_at = new.due_at or now
    return {f: getattr(new, f) for f in NewDelivery.__slots__} | {
        "kind": new.kind.value,
        "rank": rank_of(new.kind),
        "state": DeliveryState.PENDING.value,
        "created_at": now,
        "due_at": due_at,
        "next_attempt_at": due_at,
        "attempts": 0,
    }


def _held(leased: Leased) -> Update:
    return update(deliveries).where(
        deliveries.c.delivery_id == leased.delivery_id, deliveries.c.leased_by == leased.owner
    )


def text_of(said: str) -> str:
    """What a channel said, as every database can store it.

    PostgreSQL takes no NUL and nothing takes half a surrogate pair; a record that failed
    over its own wording would send the message again and again.
    """
    return said.encode("utf-8", "replace").decode().replace("\x00", "?")
