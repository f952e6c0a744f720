"""A desk at which alerts are judged, held and gathered, by a clock that is set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.matches import RuleMatch
from services.notifier.gathering import Gatherer
from services.notifier.judge import Judge
from services.notifier.message import AlertMessage, SummaryMessage, decode
from services.runtime.metrics import Metrics
from services.runtime.wakeup import Wakeup
from services.store import deliveries, held, written
from services.store.database import Database
from services.store.written import Kind
from tests.notifier.holdings import OSLO, local
from tests.notifier.judging import record
from tests.notifier.sending import SetClock


@dataclass
class GatheringDesk:
    """A judge and gatherers with one database and one clock."""

    database: Database
    clock: SetClock = field(default_factory=lambda: SetClock(local("2026-11-28 14:20")))
    metrics: Metrics = field(default_factory=Metrics)
    wake: Wakeup = field(default_factory=Wakeup)
    offset: int = 0

    def __post_init__(self) -> None:
        self.judge = Judge(self.database, self.metrics, self.clock, self.wake)
        self._gatherer = self.gatherer()

    def gatherer(self, database: Database | None = None) -> Gatherer:
        return Gatherer(database or self.database, self.metrics, self.clock, self.wake)

    async def subscribe(self, **subscriptions: Any) -> None:
        """Put these in force, and no others."""
        facts = {"channel": "desk", "zone": OSLO}
        specs = {
            name: {"id": name, **facts, **({} if "kind" in spec else {"rules": "all"}), **spec}
            for name, spec in subscriptions.items()
        }
        async with self.database.write() as tx:
            generation = await written.begin_change(tx)
            there = await written.items(tx, Kind.SUBSCRIPTIONS)
            await written.remove(tx, Kind.SUBSCRIPTIONS, there.keys() - specs.keys())
            await written.put(tx, Kind.SUBSCRIPTIONS, specs, "apply", self.clock())
            await written.set_counter(tx, written.GENERATION, generation + 1)

    def at(self, clock: str) -> datetime:
        """Set the clock: a time of Oslo, of this day or with its day."""
        whole = clock if "-" in clock else f"2026-11-28 {clock}"
        self.clock.now = local(whole)
        return self.clock.now

    async def alert(self, name: str, *found: RuleMatch, **changes: Any) -> None:
        """An article called `name` meets rules."""
        changes = {"first_seen_at": self.clock(), "seen_at": self.clock(), **changes}
        await self.judge.handle(record(self.offset, *found, article_id=name, **changes))
        self.offset += 1

    async def gather(self) -> Sequence[str]:
        """What is told by gathering now."""
        before = set(await self.told())
        await self._gatherer.gather()
        return sorted(set(await self.told()) - before)

    async def told(self) -> dict[str, deliveries.Listed]:
        """All deliveries by what they say: a summary its title, an alert its headline."""
        rows = await self._rows()
        return {decode(row.message).model_dump()["title"]: row for row in reversed(rows)}

    async def summary(self, title: str) -> SummaryMessage:
        message = decode((await self.told())[title].message)
        assert isinstance(message, SummaryMessage)
        return message

    async def alerts(self) -> list[AlertMessage]:
        messages = [decode(row.message) for row in await self._rows()]
        return [m for m in messages if isinstance(m, AlertMessage)]

    async def count(self) -> int:
        """How many deliveries there are."""
        return len(await self._rows())

    async def _rows(self) -> Sequence[deliveries.Listed]:
        async with self.database.read() as tx:
            return await deliveries.listed(tx, None, 999)

    async def held(self) -> dict[str, int]:
        async with self.database.read() as tx:
            return {why.value: count for why, count in (await held.counts(tx)).items()}
