"""The page on which a story, a rule or a source is silenced for one subscription.

What can be chosen is `silence_form`'s decision; what a silence does is that of
`services.notifier.silencing`.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.message import MalformedMessageError
from services.notifier.actions.form import Fields
from services.notifier.actions.page import Answer, DoneSeeOther, Shown
from services.notifier.actions.signed import Grant
from services.notifier.actions.silence_form import (
    LENGTHS,
    Choice,
    Problems,
    Wish,
    choices_of,
    silence_from,
    wish_of,
)
from services.notifier.actions.words import GONE
from services.notifier.message import AnyMessage, decode
from services.notifier.render import wording
from services.store import shown, silences
from services.store.database import Database
from services.store.silences import Counted

log = structlog.get_logger()

_MUCH_THE_SAME = timedelta(minutes=10)
"""A silence that ends so little later than one there is adds nothing to it."""
_NOTHING_CHOSEN = {"what": "", "length": "1d", "author": "", "reason": ""}


@dataclass(frozen=True, slots=True)
class _Matter:
    """What the link is about, and the silences that concern it now."""

    subscription_id: str
    message: AnyMessage
    choices: Sequence[Choice]
    active: Sequence[Counted]


async def show_silencing(database: Database, grant: Grant, now: datetime) -> Shown:
    """What can be silenced, and what is; changes nothing."""
    async with database.read() as tx:
        matter = await _matter(tx, grant, now)
    return GONE if matter is None else _page(matter)


async def silence(database: Database, grant: Grant, fields: Fields, now: datetime) -> Answer:
    """Begin or end a silence, as the form says."""
    async with database.write() as tx:
        matter = await _matter(tx, grant, now)
        if matter is None:
            return GONE
        if fields.get("do") == "end":
            return await _end(tx, matter, fields.get("silence", ""), now)
        wish = wish_of(fields, matter.choices)
        match wish:
            case Problems(lines):
                return _page(matter, fields, lines, 400)
            case Wish():
                return await _begin(tx, matter, wish, now)


async def _begin(tx: AsyncConnection, matter: _Matter, wish: Wish, now: datetime) -> Answer:
    new = silence_from(wish, secrets.token_hex(6), matter.subscription_id, now)
    same = [s.silence for s in matter.active if _is_same(s, wish, matter.subscription_id)]
    if any(old.ends_at + _MUCH_THE_SAME >= new.ends_at for old in same):
        return DoneSeeOther()  # pressed twice, or somebody else was faster
    await silences.add(tx, new)
    log.info(
        "silenced",
        silence=new.silence_id,
        kind=new.kind.value,
        target=new.target,
        subscription=new.subscription_id,
        author=new.author,
        until=new.ends_at.isoformat(),
    )
    return DoneSeeOther()


async def _end(tx: AsyncConnection, matter: _Matter, silence_id: str, now: datetime) -> Answer:
    own = {c.silence.silence_id for c in matter.active if _is_own(c, matter.subscription_id)}
    if silence_id in own and await silences.expire(tx, silence_id, now):
        log.info("silence ended", silence=silence_id, subscription=matter.subscription_id)
    return DoneSeeOther()


async def _matter(tx: AsyncConnection, grant: Grant, now: datetime) -> _Matter | None:
    subscription_id, delivery_id = grant.about
    kept = await shown.message(tx, delivery_id)
    if kept is None:
        return None
    try:
        message = decode(kept.message)
    except MalformedMessageError:  # of a later version, or damaged
        return None
    choices = choices_of(message)
    values = {(c.kind, c.target) for c in choices}
    active = [
        counted
        for counted in await silences.listed(tx, now)
        if counted.silence.is_active(now)
        and counted.silence.subscription_id in {None, subscription_id}
        and (counted.silence.kind, counted.silence.target) in values
    ]
    return _Matter(subscription_id, message, choices, active)


def _page(
    matter: _Matter, fields: Fields | None = None, problems: Sequence[str] = (), status: int = 200
) -> Shown:
    facts = {
        "title": "Silence",
        "subscription": matter.subscription_id,
        "silences": [_shown(counted, matter) for counted in matter.active],
        "choices": matter.choices,
        "lengths": [(value, words) for value, (_, words) in LENGTHS.items()],
        "chosen": _chosen(matter, fields),
        "problems": problems,
    }
    return Shown("silence", facts, status)


def _chosen(matter: _Matter, fields: Fields | None) -> dict[str, str]:
    first = {"what": matter.choices[0].value} if matter.choices else {}
    given = {name: fields[name] for name in _NOTHING_CHOSEN if name in fields} if fields else {}
    return _NOTHING_CHOSEN | first | given


def _shown(counted: Counted, matter: _Matter) -> dict[str, object]:
    one = counted.silence
    label = next(c.label for c in matter.choices if (c.kind, c.target) == (one.kind, one.target))
    own = _is_own(counted, matter.subscription_id)
    return {
        "silence_id": one.silence_id,
        "what": label,
        "until": wording.moment(one.ends_at, matter.message.zone),
        "author": one.author,
        "reason": one.reason,
        "held": f"{counted.held} alert{'' if counted.held == 1 else 's'}",
        "whom": "" if own else "It concerns every subscription; the operator can end it.",
        "can_be_ended": own,
    }


def _is_own(counted: Counted, subscription_id: str) -> bool:
    return counted.silence.subscription_id == subscription_id


def _is_same(counted: Counted, wish: Wish, subscription_id: str) -> bool:
    one = counted.silence
    same = (one.kind, one.target) == (wish.choice.kind, wish.choice.target)
    return same and _is_own(counted, subscription_id)
