"""The page on which somebody leaves a subscription, and comes back.

Leaving is kept apart from the configuration: `apply` cannot undo it. A mail program's one
click (RFC 8058) leaves without a page.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.notice import Notice, NoticeKind
from services.notifier.actions.form import Fields
from services.notifier.actions.page import Answer, DoneSeeOther, Shown
from services.notifier.actions.signed import Grant
from services.notifier.names import notice_id
from services.notifier.recording import write_notice
from services.store import unsubscribed, written
from services.store.database import Database
from services.store.unsubscribed import EVERYBODY, How
from services.store.written import Kind

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Standing:
    """A subscription as it stands for one address."""

    subscription_id: str
    address: str
    exists: bool
    left: frozenset[str]


async def show_unsubscribing(database: Database, grant: Grant) -> Shown:
    """What leaving, or coming back, would do; changes nothing."""
    subscription_id, address = grant.about
    async with database.read() as tx:
        standing = await _standing(tx, subscription_id, address)
    return _page(standing)


async def unsubscribe(database: Database, grant: Grant, fields: Fields, now: datetime) -> Answer:
    """Leave or come back, as the form or the one click says."""
    subscription_id, address = grant.about
    if fields.get("List-Unsubscribe") == "One-Click":
        await _leave(database, grant, How.ONE_CLICK, now)
        # No redirect: RFC 8058 forbids one.
        return await show_unsubscribing(database, grant)
    match fields.get("do"):
        case "unsubscribe":
            await _leave(database, grant, How.PAGE, now)
            return DoneSeeOther()
        case "return":
            async with database.write() as tx:
                back = await unsubscribed.come_back(tx, subscription_id, address)
            if back:
                log.info("subscribed again", subscription=subscription_id, address=address or "all")
            return DoneSeeOther()
        case _:
            shown = await show_unsubscribing(database, grant)
            return Shown(shown.template, shown.facts, 400)


async def _leave(database: Database, grant: Grant, how: How, now: datetime) -> None:
    subscription_id, address = grant.about
    async with database.write() as tx:
        left = await unsubscribed.leave(tx, subscription_id, address, how, now)
        if left and address == EVERYBODY:
            await write_notice(tx, _ended(subscription_id, now))
    if left:
        log.info(
            "unsubscribed", subscription=subscription_id, address=address or "all", how=how.value
        )


def _ended(subscription_id: str, now: datetime) -> Notice:
    """What the operator is told: nobody is left, and that is rarely meant."""
    return Notice(
        notice_id=notice_id(NoticeKind.UNSUBSCRIBED, subscription_id, now),
        kind=NoticeKind.UNSUBSCRIBED,
        raised_at=now,
        since=now,
        subscription=subscription_id,
    )


async def _standing(tx: AsyncConnection, subscription_id: str, address: str) -> _Standing:
    stored = await written.item(tx, Kind.SUBSCRIPTIONS, subscription_id)
    left = await unsubscribed.addresses(tx, subscription_id)
    return _Standing(subscription_id, address, stored is not None, left)


def _page(standing: _Standing) -> Shown:
    name, address = standing.subscription_id, standing.address
    gone = "" if standing.exists else "It is not in the configuration any more."
    if address.lower() in standing.left:
        title, act, button = "Unsubscribed", "return", "Subscribe again"
        line = _left(name, address)
    elif EVERYBODY in standing.left:
        title, act, button = "Unsubscribed", "unsubscribe", "Leave it for good"
        line = (
            f"Nobody is sent messages of the subscription {name}: somebody has unsubscribed all "
            f"of it, and can undo that. {address} can leave it whatever becomes of that."
        )
    else:
        title, act, button = f"Unsubscribe from {name}?", "unsubscribe", "Unsubscribe"
        line = _would_leave(name, address)
    lines = [text for text in (line, gone) if text]
    facts = {"title": title, "lines": lines, "act": act, "button": button}
    return Shown("unsubscribe", facts)


def _left(name: str, address: str) -> str:
    if address == EVERYBODY:
        return f"Nobody is sent messages of the subscription {name} any more."
    return f"{address} is sent no more messages of the subscription {name}."


def _would_leave(name: str, address: str) -> str:
    if address == EVERYBODY:
        return (
            f"Nobody would be sent messages of the subscription {name} any more: neither you nor "
            "anybody else who reads them in the same place."
        )
    return (
        f"{address} would be sent no more messages of the subscription {name}. Other recipients "
        "and other subscriptions are not affected."
    )
