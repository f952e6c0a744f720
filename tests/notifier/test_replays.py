"""`matches` read once more: nothing is lost, and an old story is no news."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from services.bus.port import Record
from services.notifier.forgetting import Forgetting
from services.notifier.judge import Judge
from services.notifier.sender import OpenedChannel, Sender
from services.runtime.metrics import Metrics
from services.store.database import Database, DatabaseUnavailableError, open_database, sqlite_url
from services.store.delivery_tables import alerts, deliveries, held
from tests.notifier.gathering import GatheringDesk
from tests.notifier.judging import FailingDatabase, met, record
from tests.notifier.sending import POLICY, ScriptedChannel
from tests.servers.faults import CrashedError

DAYS = 35
SUBSCRIPTIONS = {
    "instant": {},
    "digest": {"mode": {"digest": "daily 08:00"}},
    "capped": {"cap": 1},
}


@dataclass
class Month:
    """A newsroom that has worked for weeks: an article every day, and a copy of it."""

    desk: GatheringDesk
    records: list[Record] = field(default_factory=list)
    channel: ScriptedChannel = field(default_factory=ScriptedChannel)

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.begun = self.desk.clock()

    async def live(self, days: int) -> None:
        for day in range(days):
            self.desk.clock.now = self.begun + timedelta(days=day)
            for name in (f"first {day}", f"other {day}"):
                now = self.desk.clock()
                one = record(
                    len(self.records), met("rule"), article_id=name, first_seen_at=now, seen_at=now
                )
                self.records.append(one)
                await self.desk.judge.handle(one)
            await self.work()

    async def work(self) -> None:
        """Gather, send and forget what there is."""
        await self.desk.gather()
        opened = OpenedChannel("desk", "slack", self.channel, 4)
        database = self.desk.database
        sender = Sender(opened, database, POLICY, self.metrics, self.desk.clock)
        for _ in range(3):
            await sender.send_due(asyncio.Event())
        await sender.close()
        await Forgetting(database, self.desk.clock).forget(asyncio.Event())

    def another_judge(self, database: Database | None = None) -> Judge:
        return Judge(database or self.desk.database, self.metrics, self.desk.clock, self.desk.wake)

    async def written(self) -> Mapping[str, object]:
        """Alerts, messages and what is held, as they are."""
        async with self.desk.database.read() as tx:
            return {
                "alerts": set(await tx.scalars(select(alerts.c.alert_id))),
                "messages": set(await tx.scalars(select(deliveries.c.delivery_id))),
                "held": set(await tx.scalars(select(held.c.held_id))),
            }


@pytest.fixture
async def month(database: Database) -> AsyncIterator[Month]:
    desk = GatheringDesk(database)
    await desk.subscribe(**SUBSCRIPTIONS)
    month = Month(desk)
    await month.live(DAYS)
    yield month


@pytest.mark.parametrize("days", [0, 1, 31])
async def test_a_replay_tells_nobody_of_anything_again(month: Month, days: int) -> None:
    before, sent = await month.written(), list(month.channel.sent)
    assert len(sent) == len(set(sent)) > 2 * DAYS
    judge = month.another_judge()
    for one in month.records[-2 * (days + 1) :]:
        await judge.handle(one)
    assert await month.written() == before
    await month.work()
    assert month.channel.sent == sent


async def test_neither_does_one_after_everything_was_forgotten(month: Month) -> None:
    sent = list(month.channel.sent)
    month.desk.clock.pass_by(days=60)
    await month.work()
    assert month.channel.sent[: len(sent)] == sent
    sent, before = list(month.channel.sent), await month.written()
    judge = month.another_judge()
    for one in month.records:
        await judge.handle(one)
    assert await month.written() == before
    await month.work()
    assert month.channel.sent == sent


async def test_a_replay_that_is_cut_off_anywhere_loses_nothing_of_what_came_since(
    tmp_path: Path,
) -> None:
    crashed, number = True, 0
    while crashed:
        number += 1
        async with open_database(sqlite_url(tmp_path / f"{number}.sqlite")) as database:
            desk = GatheringDesk(database)
            await desk.subscribe(instant={})
            month = Month(desk)
            await month.live(2)
            sent = list(month.channel.sent)
            now = desk.clock()
            new = record(4, met("rule"), article_id="new", first_seen_at=now, seen_at=now)
            dying = FailingDatabase(database, CrashedError(), number, committed=number % 2 == 0)
            judge = month.another_judge(dying)
            crashed = await _is_cut_off(judge, [*month.records, new])
            heir = month.another_judge()
            for one in [*month.records, new]:
                await heir.handle(one)
            await month.work()
            assert len(month.channel.sent) == len(sent) + 1
            assert len(set(month.channel.sent)) == len(month.channel.sent)
    assert number > 9


async def _is_cut_off(judge: Judge, records: list[Record]) -> bool:
    try:
        await judge.handle_all(records)
    except (CrashedError, DatabaseUnavailableError):
        return True
    return False
