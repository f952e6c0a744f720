"""Who wants no more messages of a subscription, apart from what people write.

`apply` cannot undo it: a subscription or a recipient that is written anew is still left out.
Addresses are compared without regard to upper and lower case and kept so.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import unsubscribed
from services.store.upsert import insert_into

EVERYBODY = ""
"""Stands for the address where a whole subscription gets nothing."""


class How(StrEnum):
    """By which way somebody unsubscribed."""

    PAGE = "page"
    ONE_CLICK = "one-click"  # the button of a mail program, RFC 8058


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """An address that is left out of a subscription; `EVERYBODY`: all of them are."""

    subscription_id: str
    address: str
    since: datetime
    how: str


async def addresses(tx: AsyncConnection, subscription_id: str) -> frozenset[str]:
    """Who has left a subscription, in lower case (`str.lower`); `EVERYBODY` among them: all.

    A channel with recipients leaves out every one whose address, made lower case, is here.
    """
    found = select(unsubscribed.c.address).where(unsubscribed.c.subscription_id == subscription_id)
    return frozenset(await tx.scalars(found))


async def addresses_of_each(
    tx: AsyncConnection, subscription_ids: Collection[str]
) -> Mapping[str, frozenset[str]]:
    """The same for several subscriptions; those that nobody has left are not in it."""
    rows = await tx.execute(
        select(unsubscribed.c.subscription_id, unsubscribed.c.address).where(
            unsubscribed.c.subscription_id.in_(sorted(subscription_ids))
        )
    )
    left: dict[str, set[str]] = {}
    for row in rows:
        left.setdefault(row.subscription_id, set()).add(row.address)
    return {subscription: frozenset(found) for subscription, found in left.items()}


async def wholly(tx: AsyncConnection) -> frozenset[str]:
    """The subscriptions of which nobody is sent anything."""
    found = select(unsubscribed.c.subscription_id).where(unsubscribed.c.address == EVERYBODY)
    return frozenset(await tx.scalars(found))


async def leave(
    tx: AsyncConnection, subscription_id: str, address: str, how: How, now: datetime
) -> bool:
    """Leave a subscription; whether the address was still in it."""
    row = Unsubscribed(subscription_id, address.lower(), now, how.value)
    values = {name: getattr(row, name) for name in Unsubscribed.__slots__}
    left = await tx.execute(insert_into(tx, unsubscribed).values(values).on_conflict_do_nothing())
    return left.rowcount == 1


async def come_back(tx: AsyncConnection, subscription_id: str, address: str) -> bool:
    """Be sent its messages again; whether the address had left."""
    back = await tx.execute(
        delete(unsubscribed).where(
            unsubscribed.c.subscription_id == subscription_id,
            unsubscribed.c.address == address.lower(),
        )
    )
    return back.rowcount == 1


async def listed(tx: AsyncConnection) -> Sequence[Unsubscribed]:
    """Everybody who has left something, by subscription and address."""
    order = (unsubscribed.c.subscription_id, unsubscribed.c.address)
    rows = await tx.execute(select(unsubscribed).order_by(*order))
    return [Unsubscribed(**row._mapping) for row in rows]
