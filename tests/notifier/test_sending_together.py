"""Several notifiers on one PostgreSQL: every story is told once, whoever stops or dies."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest

from services.notifier import recording
from services.notifier.attempting import Ended
from services.notifier.channels.port import NOTHING_BEFORE, Before
from services.notifier.message import AnyMessage
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater
from services.notifier.recording import TRIAL_EVERY
from services.notifier.spreading import Spreader
from services.notifier.steps import Over
from services.runtime.wakeup import Wakeup
from services.store import deliveries, failures, notices, suspensions
from services.store.database import Database, DatabaseUnavailableError, open_database
from services.store.tables import metadata
from tests.notifier.judging import FailingDatabase, met, new_judge, record, subscribe
from tests.notifier.sending import ScriptedChannel, SendingDesk
from tests.servers.faults import CrashedError

REVOKED = TryLater(Reason.BAD_CREDENTIALS, None, "token_revoked")


async def test_two_judges_and_two_senders_send_each_alert_once(postgres_url: str) -> None:
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        await subscribe(one, ann="all", bob="all")
        desk = SendingDesk(one, at_once=4)
        ended = asyncio.Event()

        async def judge(database: Database, partition: int) -> None:
            judge = new_judge(database)
            for offset in range(12):
                same = record(offset, met("iran"), article_id=f"{partition}-{offset}")
                await judge.handle(replace(same, partition=partition))

        async def send(database: Database) -> None:
            sender = desk.sender(database=database)
            while not ended.is_set():
                await sender.send_due(asyncio.Event())
                await asyncio.sleep(0)
            await sender.send_due(asyncio.Event())
            await sender.close()

        sending = [asyncio.create_task(send(database)) for database in (one, two)]
        await asyncio.gather(judge(one, 0), judge(two, 1))
        ended.set()
        await asyncio.gather(*sending)
        assert len(desk.channel.sent) == len(set(desk.channel.sent)) == 2 * 24
        assert set((await desk.states()).values()) == {"delivered"}


async def test_one_that_is_stopped_and_continued_sends_nothing_that_another_has_sent(
    postgres_url: str,
) -> None:
    """Stopped for longer than its leases last, with rows in hand and one attempt under way."""
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        desk = SendingDesk(one, at_once=2)
        names = [f"{n:02}" for n in range(12)]
        await desk.queue(*names)
        continued = desk.channel.hangs = asyncio.Event()
        stopped = asyncio.create_task(desk.sender().send_due(asyncio.Event()))
        await desk.channel.begun.wait()
        under_way = set(desk.channel.sent)
        desk.clock.pass_by(minutes=10)
        others = SendingDesk(two, desk.clock, at_once=2)
        sent = await others.send_due(others.sender())
        assert sorted(sent) == names
        careful = {n for n, b in zip(sent, others.channel.before, strict=True) if b.uncertain}
        assert under_way <= careful, "what was under way may have arrived"
        before = await desk.rows()
        continued.set()
        await stopped
        assert set(desk.channel.sent) == under_way
        assert await desk.rows() == before


class Fickle(ScriptedChannel):
    """Takes some messages, refuses one, and once none for its credentials."""

    revoked = True

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        name = message.delivery_id
        if name == "c" and self.revoked:
            self.revoked = False
            return REVOKED
        self.sent.append(name)
        if before.uncertain:
            self.before.append(before)
        return GaveUp(Reason.REFUSED, "no such mailbox") if name == "b" else Delivered("ok")


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("error", [CrashedError(), DatabaseUnavailableError("away")])
async def test_a_death_while_a_channel_is_suspended_loses_no_row_and_no_notice(
    error: Exception, committed: bool, postgres_url: str
) -> None:
    async with open_database(postgres_url) as database:
        failed, number = True, 0
        while failed:
            number += 1
            await _empty(database)
            channel = Fickle()
            desk = SendingDesk(database, channel=channel, at_once=2)
            await desk.queue("a", "b", "c", "d")
            dying = FailingDatabase(database, error, number, committed=committed)
            sender = desk.sender(database=dying)
            failed = False
            for _ in range(4):
                try:
                    await sender.send_due(asyncio.Event())
                except type(error):
                    failed = True
                    if isinstance(error, CrashedError):
                        break
            await sender._flights.cut_off()
            await _settle(desk)
            assert await desk.states() == {
                "a": "delivered",
                "b": "failed",
                "c": "delivered",
                "d": "delivered",
            }, number
            async with database.read() as tx:
                assert await suspensions.of_channel(tx, "desk") is None, number
                told = Counter(row.kind for row in await notices.recent(tx, 99))
            assert told["channel_suspended"] == told["channel_works"] <= 1, (number, told)
            assert told["delivery_failed"] == 1, number
            repeats = len(channel.sent) - len(set(channel.sent))
            assert repeats <= len(channel.before), f"{number}: a repeat is a careful one"
    assert number > 10


async def _settle(desk: SendingDesk) -> None:
    heir = desk.sender()
    for _ in range(8):
        desk.clock.pass_by(seconds=TRIAL_EVERY.total_seconds())
        await desk.send_due(heir)
    await heir.close()
    await Spreader(desk.database, desk.clock, Wakeup()).spread()


async def _empty(database: Database) -> None:
    async with database.write() as tx:
        for table in reversed(metadata.sorted_tables):
            await tx.execute(table.delete())


async def test_notifiers_that_give_up_for_several_reasons_at_once_wait_for_each_other(
    postgres_url: str,
) -> None:
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        desk = SendingDesk(one)
        reasons = [Reason.REFUSED, Reason.INVALID_MESSAGE, Reason.EXPIRED]
        names = [f"{n:03}" for n in range(60)]
        await desk.queue(*names)

        async def give_up(database: Database, owner: str, order: list[Reason]) -> None:
            now = desk.clock()
            for _ in range(10):
                async with database.write() as tx:
                    rows = await deliveries.lease(tx, "desk", owner, now, now + TRIAL_EVERY, 3)
                pairs = zip(rows, order, strict=True)
                ended = [Ended(row, None, Over(reason, "no"), now) for row, reason in pairs]
                async with database.write() as tx:
                    await recording.record(tx, "desk", ended)

        await asyncio.gather(give_up(one, "a", reasons), give_up(two, "b", reasons[::-1]))
        async with one.write() as tx:
            counted = {e.reason: e.failures for e in await failures.untold(tx, desk.clock())}
        assert counted == {"refused": 20, "invalid_message": 20, "expired": 20}
