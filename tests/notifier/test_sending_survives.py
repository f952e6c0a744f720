"""A sender that dies between any two steps loses nothing, and repeats only what it cannot know."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from services.notifier.channels.port import NOTHING_BEFORE, Before
from services.notifier.message import AnyMessage
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater
from services.notifier.sender import OpenedChannel, Sender
from services.runtime.metrics import Metrics
from services.store import deliveries, delivery_lists, notices, suspensions
from services.store.database import Database, open_database, sqlite_url
from services.store.deliveries import NewDelivery
from tests.notifier.alerts import ferry_alert
from tests.notifier.judging import FailingDatabase
from tests.notifier.sending import POLICY, ScriptedChannel, SendingDesk, SetClock
from tests.servers.faults import CrashedError

ANSWERS: Mapping[str, Outcome] = {
    "good": Delivered("ok"),
    "fine": Delivered("ok"),
    "slow": TryLater(Reason.UNREACHABLE, None, "no route"),
    "lost": TryLater(Reason.TIMED_OUT, None, "no answer"),
    "wrong": GaveUp(Reason.REFUSED, "no such mailbox"),
}
FINALLY = {name: "failed" if name == "wrong" else "delivered" for name in ANSWERS}


@dataclass
class Town(ScriptedChannel):
    """A channel that answers each message in its own way the first time, and then takes it."""

    answers_of: dict[str, Outcome] = field(default_factory=lambda: dict(ANSWERS))
    took: list[str] = field(default_factory=list)
    careful: list[str] = field(default_factory=list)

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        name = message.delivery_id
        self.sent.append(name)
        if before.uncertain:
            self.careful.append(name)
        answer = ANSWERS[name] if name == "wrong" else self.answers_of.pop(name, Delivered("ok"))
        if isinstance(answer, Delivered):
            self.took.append(name)
        return answer


@asynccontextmanager
async def a_desk(folder: Path, name: str) -> AsyncIterator[tuple[SendingDesk, Town]]:
    async with open_database(sqlite_url(folder / f"{name}.sqlite")) as database:
        town = Town()
        desk = SendingDesk(database, SetClock(), Metrics(), town)
        await desk.queue(*ANSWERS)
        yield desk, town


def sender_on(desk: SendingDesk, database: Database, at_once: int) -> Sender:
    opened = OpenedChannel("desk", "slack", desk.channel, at_once)
    return Sender(opened, database, POLICY, desk.metrics, desk.clock)


async def settle(desk: SendingDesk, at_once: int) -> None:
    """Another process goes on until nothing waits."""
    heir = sender_on(desk, desk.database, at_once)
    for _ in range(4):
        desk.clock.pass_by(hours=1)
        await desk.send_due(heir)
    await heir.close()


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("committed", [False, True])
async def test_a_death_between_any_two_steps_loses_nothing(
    at_once: int, committed: bool, tmp_path: Path
) -> None:
    crashed, number = True, 0
    while crashed:
        number += 1
        async with a_desk(tmp_path, f"{at_once}-{committed}-{number}") as (desk, town):
            dying = FailingDatabase(desk.database, CrashedError(), number, committed=committed)
            sender = sender_on(desk, dying, at_once)
            with suppress(CrashedError):
                await sender.send_due(asyncio.Event())
                crashed = False
            await sender._flights.cut_off()  # the process is gone
            taken_before = list(town.took)
            recorded = {n for n, state in (await desk.states()).items() if state == "delivered"}
            await settle(desk, at_once)
            assert await desk.states() == FINALLY, f"step {number}"
            repeated = {name for name, times in Counter(town.took).items() if times > 1}
            unknown = set(taken_before) - recorded
            assert repeated <= unknown, f"step {number}: what is recorded is sent once"
            assert repeated <= set(town.careful), f"step {number}: a repeat is a careful one"
    assert number > 5


async def test_a_sender_that_was_stopped_and_overtaken_changes_no_record(
    tmp_path: Path,
) -> None:
    async with a_desk(tmp_path, "overtaken") as (desk, town):
        town.answers_of.clear()
        hanging = asyncio.Event()
        slow_channel = ScriptedChannel(hangs=hanging)
        slow_channel.answers.extend([Delivered("late")] * 9)
        opened = OpenedChannel("desk", "slack", slow_channel, 1)
        slow = Sender(opened, desk.database, POLICY, desk.metrics, desk.clock)
        sending = asyncio.create_task(slow.send_due(asyncio.Event()))
        await slow_channel.begun.wait()
        desk.clock.pass_by(hours=1)
        await desk.send_due(desk.sender())
        before = await desk.rows()
        hanging.set()
        await sending
        assert await desk.rows() == before
        assert set((await desk.states()).values()) == {"delivered", "failed"}


async def test_several_notifiers_send_each_row_once(postgres_url: str) -> None:
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        desk = SendingDesk(one, at_once=4)
        names = [f"{n:03}" for n in range(60)]
        await desk.queue(*names)
        senders = [desk.sender(database=database) for database in (one, two, one, two)]
        await asyncio.gather(*(sender.send_due(asyncio.Event()) for sender in senders))
        assert sorted(desk.channel.sent) == names
        assert set((await desk.states()).values()) == {"delivered"}


async def test_of_notifiers_that_are_refused_together_one_tells(postgres_url: str) -> None:
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        desk = SendingDesk(one)
        await desk.queue("a", "b")
        desk.channel.answers.extend([TryLater(Reason.BAD_CREDENTIALS, None, "revoked")] * 2)
        senders = [desk.sender(database=database) for database in (one, two)]
        await asyncio.gather(*(sender.send_due(asyncio.Event()) for sender in senders))
        async with one.read() as tx:
            assert await suspensions.of_channel(tx, "desk") is not None
            assert len(await notices.recent(tx, 9)) == 1


async def test_a_day_of_outage_delays_and_loses_nothing(tmp_path: Path) -> None:
    away = TryLater(Reason.UNREACHABLE, None, "the mail server is away")
    async with open_database(sqlite_url(tmp_path / "day.sqlite")) as database:
        desk = SendingDesk(database, at_once=4)
        sender = desk.sender()
        desk.channel.answers.extend([away] * 10_000)
        await desk.queue(*(f"{n:02}" for n in range(10)))
        for _ in range(24 * 4):
            await desk.send_due(sender)
            desk.clock.pass_by(minutes=15)
        assert set((await desk.states()).values()) == {"pending"}
        desk.channel.answers.clear()
        desk.clock.pass_by(minutes=15)
        await desk.send_due(sender)
        assert set((await desk.states()).values()) == {"delivered"}


async def test_messages_of_one_story_go_out_in_their_order(tmp_path: Path) -> None:
    async with open_database(sqlite_url(tmp_path / "order.sqlite")) as database:
        desk = SendingDesk(database, at_once=8)

        def message(name: str) -> bytes:
            return ferry_alert().model_copy(update={"delivery_id": name}).encode()

        rows = [
            NewDelivery(f"{9 - n}", "story", "all", n, "desk", message(f"{9 - n}"))
            for n in range(1, 6)
        ]
        async with database.write() as tx:
            await deliveries.enqueue(tx, rows, desk.clock())
        sender = desk.sender()
        await desk.send_due(sender)
        for _ in range(6):
            await desk.send_due(sender)
        assert desk.channel.sent == ["8", "7", "6", "5", "4"]


async def test_what_was_discarded_in_flight_and_wanted_after_all_is_sent_with_care(
    tmp_path: Path,
) -> None:
    async with open_database(sqlite_url(tmp_path / "regret.sqlite")) as database:
        desk = SendingDesk(database)
        await desk.queue("a")
        hanging = desk.channel.hangs = asyncio.Event()
        desk.channel.answers.append(TryLater(Reason.TIMED_OUT, None, "no answer"))
        sending = asyncio.create_task(desk.send_due(desk.sender()))
        await desk.channel.begun.wait()
        async with database.write() as tx:
            assert await delivery_lists.discard(tx, "a", "discarded by Ann: old", desk.clock())
        hanging.set()
        await sending
        assert await desk.states() == {"a": "discarded"}
        async with database.write() as tx:
            await delivery_lists.retry(tx, ["a"], desk.clock())
        await desk.send_due(desk.sender())
        assert [before.uncertain for before in desk.channel.before] == [False, True]
        assert await desk.states() == {"a": "delivered"}
