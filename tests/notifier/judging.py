"""A judge at work: records of `matches`, subscriptions, and what it wrote."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.matches import ArticleMatches, RuleMatch
from schemas.rule import Severity
from schemas.topics import NOTIFIER_GROUP
from services.bus.port import Record
from services.notifier.judge import Judge
from services.notifier.message import AlertMessage
from services.runtime.metrics import Metrics
from services.runtime.wakeup import Wakeup
from services.store import deliveries, judgements, written
from services.store.database import Database
from services.store.delivery_tables import alerts, story_articles
from services.store.judgements import Place
from services.store.written import Kind
from tests.notifier.alerts import NOW, article
from tests.notifier.reports import text

PLACE = Place(NOTIFIER_GROUP, "matches", 0)


def met(rule_id: str, *tags: str, severity: Severity = Severity.NORMAL) -> RuleMatch:
    """A match of a rule."""
    return RuleMatch(
        rule_id=rule_id,
        version=1,
        name=f"Rule {rule_id}",
        severity=severity,
        tags=tags,
        query=rule_id,
        evidence=(),
    )


def record(offset: int, *found: RuleMatch, part: int = 1, **changes: Any) -> Record:
    """A record of `matches` about the ferry article, or about another of that id, with changes."""
    if "article_id" in changes:
        changes = of_its_own(changes["article_id"]) | changes
    message = ArticleMatches(
        article=article(**changes), matches=found, matched_at=NOW, part=part, parts=max(part, 1)
    )
    return Record("matches", 0, offset, "a-1", message.encode(), {}, NOW)


def of_its_own(article_id: str) -> dict[str, Any]:
    """What makes an article a story of its own."""
    return {
        "title": f"All the news of {article_id} from yesterday",
        "url": f"https://gazette.example/{article_id}",
        "body": text(article_id),
    }


async def subscribe(database: Database, **subscriptions: Any) -> None:
    """Store subscriptions, each given as what it wants of the rules."""
    specs = {
        name: {"id": name, "channel": "desk", "rules": rules}
        for name, rules in subscriptions.items()
    }
    async with database.write() as tx:
        generation = await written.begin_change(tx)
        await written.put(tx, Kind.SUBSCRIPTIONS, specs, "apply", NOW)
        await written.set_counter(tx, written.GENERATION, generation + 1)


def new_judge(database: Database, wake: Wakeup | None = None) -> Judge:
    return Judge(database, Metrics(), lambda: NOW, wake or Wakeup())


@dataclass(frozen=True, slots=True)
class Decided:
    """Everything that judges have written."""

    consumed: int
    reports: int
    alerts: Sequence[str]
    """Rules, in the order of their ids."""
    told: Mapping[tuple[str, int], tuple[str, ...]]
    """By subscription and sequence: the rules that the message names."""


async def decided(database: Database) -> Decided:
    async with database.read() as tx:
        rows = await deliveries.listed(tx, None, 99)
        messages = [AlertMessage.decode(row.message) for row in rows]
        return Decided(
            await judgements.consumed(tx, PLACE),
            await tx.scalar(select(func.count()).select_from(story_articles)) or 0,
            list(await tx.scalars(select(alerts.c.rule_id).order_by(alerts.c.rule_id))),
            {
                (m.subscription_id, m.sequence): tuple(sorted(r.rule_id for r in m.rules))
                for m in messages
            },
        )


Statement = Callable[[], Awaitable[Any]]


class FailingDatabase(Database):
    """The same database, on which statement number `fails_at` (from 1) raises `error`.

    The commit counts as the last statement; `committed` tells whether it had happened when
    its answer was lost.
    """

    def __init__(
        self, real: Database, error: BaseException, fails_at: int, committed: bool
    ) -> None:
        self._real = real
        self._error = error
        self._left = fails_at
        self._committed = committed

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._real.read() as tx:
            yield tx

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with self._real.write() as tx:
            yield _Failing(tx, self._count)  # type: ignore[misc]
            if not self._committed:
                self._count()
        if self._committed:
            self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise self._error


class _Failing:
    """A connection that counts what is asked of it."""

    def __init__(self, real: AsyncConnection, count: Callable[[], None]) -> None:
        self._real = real
        self._count = count

    def __getattr__(self, name: str) -> Any:
        if name in {"execute", "scalar", "scalars"}:
            self._count()
        return getattr(self._real, name)
