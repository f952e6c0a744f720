"""Applying a folder: the plan is stored in one transaction, with the broadcast of its rules.

The database is the record; `watch-rules` gets what changed through the outbox (see
`announcing`). Applying the same folder again changes nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.config.announcing import News, announce
from services.config.folder import Broken, read_folder
from services.config.plan import APPLY, Change, Plan, PruneRefused, Stored, plan
from services.config.problem import Problem
from services.config.saved_lists import ListInUse, in_use
from services.runtime.clock import Clock
from services.store import feeds, unsubscribed, written
from services.store.database import Database
from services.store.unsubscribed import EVERYBODY, Unsubscribed
from services.store.written import Kind

# What a feed has shown, after it was removed: who puts it back is told no old news.
_REMEMBERED_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Applied:
    """The folder is in force: what that changed, and what its author should look at."""

    plan: Plan
    warnings: tuple[Problem, ...]


async def apply_folder(
    database: Database, path: Path, prune: bool, clock: Clock
) -> Applied | Broken | PruneRefused | ListInUse:
    """Make the database hold what the folder says; changes nothing unless Applied returns.

    Raises DatabaseUnavailableError.
    """
    folder = await asyncio.to_thread(read_folder, path)
    if isinstance(folder, Broken):
        return folder
    async with database.write() as tx:
        generation = await written.begin_change(tx)
        stored = {kind: await written.items(tx, kind) for kind in Kind}
        decided = plan(stored, folder, prune)
        if isinstance(decided, PruneRefused):
            return decided
        refused = _lists_in_use(stored, decided)
        if refused:
            return refused
        if not decided.empty:
            await _store(tx, decided, generation + 1, clock())
        gone = _nobody_left(stored, decided, await unsubscribed.listed(tx))
        return Applied(decided, (*folder.warnings, *_nobody_at_the_desk(stored, decided), *gone))


def _lists_in_use(stored: Stored, decided: Plan) -> ListInUse | None:
    """Whether rules and lists that others made, and that stay, could not do with the plan."""
    rules = _after(stored, decided, Kind.RULES)
    return in_use(
        {name: item.spec["items"] for name, item in stored[Kind.LISTS].items()},
        {name: spec["items"] for name, spec in _after(stored, decided, Kind.LISTS).items()},
        {rule_id: spec["query"] for rule_id, spec in rules.items()},
    )


def _nobody_at_the_desk(stored: Stored, decided: Plan) -> Iterator[Problem]:
    """That nobody is told when a feed breaks; subscriptions made elsewhere count, too."""
    subscriptions = _after(stored, decided, Kind.SUBSCRIPTIONS).values()
    if not any(spec.get("kind") == "ops" for spec in subscriptions):
        message = (
            "no subscription is of kind ops: nobody is told when a feed breaks or goes silent; "
            "add one, such as {id: operator, kind: ops, channel: NAME}"
        )
        yield Problem("subscriptions.yaml", None, message, "warning")


def _nobody_left(stored: Stored, decided: Plan, left: Sequence[Unsubscribed]) -> Iterator[Problem]:
    """Subscriptions of which nobody is sent anything, because all have unsubscribed."""
    channels = _after(stored, decided, Kind.CHANNELS)
    for subscription_id, spec in _after(stored, decided, Kind.SUBSCRIPTIONS).items():
        who = {one.address for one in left if one.subscription_id == subscription_id}
        recipients = channels.get(spec["channel"], {}).get("recipients", ())
        if EVERYBODY in who or (recipients and {r.lower() for r in recipients} <= who):
            message = (
                f'subscription "{subscription_id}": nobody gets its messages, all have '
                "unsubscribed; wirewatch subscriptions list says who, and restore undoes it"
            )
            yield Problem("subscriptions.yaml", None, message, "warning")


def _after(stored: Stored, decided: Plan, kind: Kind) -> Mapping[str, Mapping[str, Any]]:
    change = decided.changes[kind]
    kept = {i: item.spec for i, item in stored[kind].items() if i not in change.removed}
    return {**kept, **change.upserts}


async def _store(tx: AsyncConnection, decided: Plan, generation: int, now: datetime) -> None:
    for kind in Kind:
        change = decided.changes[kind]
        await written.put(tx, kind, change.upserts, APPLY, now)
        await written.remove(tx, kind, change.removed)
    theirs = decided.changes[Kind.FEEDS]
    # Of a feed that comes back, too: its last poll may have ended after it was removed.
    await feeds.forget_feeds(tx, (*theirs.removed, *theirs.added))
    await feeds.forget_lost(tx, now - _REMEMBERED_FOR)
    await written.set_counter(tx, written.GENERATION, generation)
    rules, lists = _news(decided.changes[Kind.RULES]), _news(decided.changes[Kind.LISTS])
    await announce(tx, generation, rules, lists)


def _news(change: Change) -> News:
    return News(changed=tuple(change.upserts), removed=change.removed)
