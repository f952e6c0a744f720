"""Applying a folder: the plan is stored in one transaction, with the rules' broadcast.

The database is the record; `watch-rules` gets what changed through the outbox, the
manifest last. Applying the same folder again changes nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.rule import RulesManifest, WatchRule
from services.config.folder import Broken, read_folder
from services.config.plan import APPLY, Plan, PruneRefused, plan
from services.config.problem import Problem
from services.runtime.clock import Clock
from services.store import feeds, outbox, written
from services.store.database import Database
from services.store.written import Kind


@dataclass(frozen=True, slots=True)
class Applied:
    """The folder is in force: what that changed, and what its author should look at."""

    plan: Plan
    warnings: tuple[Problem, ...]


async def apply_folder(
    database: Database, path: Path, prune: bool, clock: Clock
) -> Applied | Broken | PruneRefused:
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
        if not decided.empty:
            await _store(tx, decided, generation + 1, clock())
        return Applied(decided, folder.warnings)


async def _store(tx: AsyncConnection, decided: Plan, generation: int, now: datetime) -> None:
    for kind in Kind:
        change = decided.changes[kind]
        await written.put(tx, kind, change.upserts, APPLY, now)
        await written.remove(tx, kind, change.removed)
    await feeds.forget_feeds(tx, decided.changes[Kind.FEEDS].removed)
    await written.set_counter(tx, written.GENERATION, generation)
    rules = decided.changes[Kind.RULES]
    await announce(tx, rules.upserts, rules.removed, generation)


async def announce(
    tx: AsyncConnection, changed: Iterable[str], removed: Iterable[str], generation: int
) -> None:
    """Queue rules for `watch-rules`, the manifest of their generation last."""
    stored = await written.items(tx, Kind.RULES)
    records: list[tuple[str, bytes | None]] = [(f"rule:{rule_id}", None) for rule_id in removed]
    rules = [watch_rule(i, stored[i].spec, stored[i].version) for i in changed]
    records += [(rule.key, rule.encode()) for rule in rules]
    manifest = RulesManifest(generation=generation, rules=len(stored))
    await outbox.enqueue(tx, [*records, (manifest.key, manifest.encode())])


def watch_rule(rule_id: str, spec: Mapping[str, Any], version: int) -> WatchRule:
    """A rule as it is broadcast."""
    return WatchRule(
        rule_id=rule_id,
        version=version,
        name=spec.get("name") or rule_id,
        query=spec["query"],
        severity=spec.get("severity", "normal"),
        tags=tuple(spec.get("tags", ())),
        languages=tuple(spec.get("languages", ())),
        stem=spec.get("stem", False),
        clitics=spec.get("clitics", False),
    )
