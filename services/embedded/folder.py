"""Keeping the operator's folder in force: at the start, and whenever it changes.

A broken folder changes nothing: the last good set stays in force, and everybody is told.
"""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import assert_never

import structlog

from services.config.apply import Applied, apply_folder
from services.config.fingerprint import Fingerprint, fingerprint, watch
from services.config.folder import Broken
from services.config.plan import PruneRefused
from services.config.saved_lists import ListInUse
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import until_stopped, wait_for_stop
from services.runtime.metrics import Metrics
from services.store import written
from services.store.database import Database

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 0.5
RETRY_SECONDS = 1.0


class FolderKeeper:
    """Applies one folder, again and again."""

    def __init__(self, path: Path, database: Database, metrics: Metrics, clock: Clock) -> None:
        self._path = path
        self._database = database
        self._metrics = metrics
        self._clock = clock

    async def run(self, stop: asyncio.Event, component: Component) -> None:
        """Apply the folder now and after every change, until `stop` is set."""
        since = await asyncio.to_thread(fingerprint, self._path)
        await self._apply(stop, component)
        await until_stopped(self._watch(since, stop, component), stop)

    async def _watch(self, since: Fingerprint, stop: asyncio.Event, component: Component) -> None:
        async with aclosing(watch(self._path, LOOK_EVERY_SECONDS, since)) as changes:
            async for _ in changes:
                await self._apply(stop, component)

    async def _apply(self, stop: asyncio.Event, component: Component) -> None:
        while not stop.is_set():
            try:
                return await self._apply_once(component)
            except DependencyUnavailableError as error:
                component.waiting(str(error))
                log.warning("configuration waits", error=str(error))
            await wait_for_stop(stop, RETRY_SECONDS)

    async def _apply_once(self, component: Component) -> None:
        applied = await apply_folder(self._database, self._path, prune=False, clock=self._clock)
        generation = await self._generation()
        match applied:
            case Applied():
                self._in_force(applied, component)
            case Broken(problems):
                # What keeps the folder from being used comes first: the first line is shown.
                ordered = sorted(problems, key=lambda problem: problem.level != "error")
                self._refused(map(str, ordered), generation, component)
            case PruneRefused():
                lines = [
                    f"{line} (wirewatch apply --config {self._path} --prune)"
                    for line in applied.lines
                ]
                self._refused(lines, generation, component)
            case ListInUse(lines):
                self._refused(lines, generation, component)
            case _:
                assert_never(applied)

    async def _generation(self) -> int:
        async with self._database.read() as tx:
            return await written.counter(tx, written.GENERATION)

    def _in_force(self, applied: Applied, component: Component) -> None:
        for line in applied.plan.lines:
            log.info("applied", folder=str(self._path), change=line)
        if applied.plan.empty:
            log.info("configuration unchanged", folder=str(self._path))
        for warning in applied.warnings:
            log.warning("configuration", problem=str(warning))
        self._metrics.config_valid.set(1)
        component.ready()

    def _refused(self, lines: Iterable[str], generation: int, component: Component) -> None:
        told = list(lines)
        for line in told:
            log.error("configuration not applied", problem=line)
        self._metrics.config_valid.set(0)
        if generation == 0:
            component.waiting(f"the folder is broken and nothing was applied before: {told[0]}")
            return
        log.error(
            "the last good configuration stays in force",
            folder=str(self._path),
            problems=len(told),
        )
        component.ready(f"the folder is broken, the last good set is in force: {told[0]}")
