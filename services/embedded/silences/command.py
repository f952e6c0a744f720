"""What the commands below `wirewatch silences` do, beside whatever is running."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from services.config.wording import did_you_mean
from services.embedded.commands import FAILED, INVALID, OK, Said, must_exist, open_database_in
from services.embedded.silences.wish import NotValidError, Typed, silence_typed
from services.runtime.settings import Settings
from services.store import shown, silences, written
from services.store.silences import Counted, Silence, SilenceKind
from services.store.written import Kind

_ENDED_SHOWN = timedelta(days=7)


async def list_silences(state: Path, settings: Settings, everything: bool, now: datetime) -> Said:
    """The silences in force and those that have ended lately, or ever, with what they held."""
    must_exist(state, settings)
    since = None if everything else now - _ENDED_SHOWN
    async with open_database_in(state, settings) as database, database.read() as tx:
        found = await silences.listed(tx, since)
    lines = [line for counted in found for line in _lines(counted, now)]
    return Said(OK, lines or ["no silences" if everything else "no silences in the last 7 days"])


async def add_silence(state: Path, settings: Settings, typed: Typed, now: datetime) -> Said:
    """Begin a silence."""
    try:
        new = silence_typed(typed, secrets.token_hex(6), now)
    except NotValidError as error:
        return Said(INVALID, (), [str(error)])
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.write() as tx:
        found = await _known(tx, new)
        if isinstance(found, str):
            return Said(INVALID, (), [found])
        await silences.add(tx, found)
    lines = _lines(Counted(found, 0), now)
    return Said(OK, [*lines, f"end it earlier: wirewatch silences expire {found.silence_id}"])


async def expire_silence(state: Path, settings: Settings, silence_id: str, now: datetime) -> Said:
    """End a silence now; what it held back is told."""
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.write() as tx:
        if not await silences.expire(tx, silence_id, now):
            return Said(FAILED, (), [f"no silence {silence_id} that is in force"])
        counted = [c for c in await silences.listed(tx) if c.silence.silence_id == silence_id]
    return Said(OK, [line for one in counted for line in _lines(one, now)])


async def _known(tx: AsyncConnection, new: Silence) -> Silence | str:
    """The silence with its target as the database knows it, or why it would silence nothing."""
    if new.subscription_id is not None:
        wrong = await _unknown(tx, Kind.SUBSCRIPTIONS, "subscription", new.subscription_id)
        if wrong is not None:
            return wrong
    match new.kind:
        case SilenceKind.RULE:
            return await _unknown(tx, Kind.RULES, "rule", new.target) or new
        case SilenceKind.STORY:
            return await _with_story(tx, new)
        case SilenceKind.SOURCE:
            return await _with_source(tx, new)


async def _unknown(tx: AsyncConnection, kind: Kind, what: str, item_id: str) -> str | None:
    if await written.item(tx, kind, item_id) is not None:
        return None
    known = await written.items(tx, kind)
    return f'no {what} "{item_id}"{did_you_mean(item_id, known)}'


async def _with_story(tx: AsyncConnection, new: Silence) -> Silence | str:
    """A story is named by its own id, or by that of an alert or delivery that told of it."""
    kept = await shown.message(tx, new.target)
    if kept is not None:
        return replace(new, target=kept.story_id)
    if await shown.reports(tx, new.target):
        return new
    return (
        f'no story "{new.target}": give a story\'s id, or that of a delivery that told of it '
        "(wirewatch deliveries list)"
    )


async def _with_source(tx: AsyncConnection, new: Silence) -> Silence | str:
    """A source that no feed is called, and that is no host, silences nothing."""
    if "." in new.target:
        return new
    feeds = await written.items(tx, Kind.FEEDS)
    names = {str(item.spec.get("name") or "").strip().casefold() for item in feeds.values()}
    if new.target.casefold() in names | {feed_id.casefold() for feed_id in feeds}:
        return new
    return f'no feed is called "{new.target}", and it is no host{did_you_mean(new.target, feeds)}'


def _lines(counted: Counted, now: datetime) -> Iterator[str]:
    one = counted.silence
    active = one.is_active(now)
    whom = f"for {one.subscription_id}" if one.subscription_id else "for everybody"
    held = f"{counted.held} alert{'' if counted.held == 1 else 's'} held back"
    end = f"{'until' if active else 'ended'} {one.ends_at:%Y-%m-%d %H:%M} UTC"
    yield f"{one.silence_id} {one.kind.value} {one.target} {whom}, {end}, {held}"
    yield f"    {one.author}: {one.reason}"
