"""Notices become deliveries: one per subscription of kind ops, however often a crash intervenes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from schemas.notice import NoticeKind
from services.notifier.message import NoticeMessage, decode
from services.notifier.spreading import Spreader
from services.runtime.wakeup import Wakeup
from services.store import deliveries, notices, written
from services.store.database import Database, open_database
from services.store.notices import StoredNotice
from services.store.written import Kind
from tests.notifier.alerts import NOW
from tests.notifier.notices import stored
from tests.notifier.sending import SendingDesk
from tests.servers.faults import FaultyDatabase


@dataclass
class Office:
    """Notices, subscriptions, and a notifier that spreads the ones over the others."""

    database: Database
    wake: Wakeup = field(default_factory=Wakeup)

    def spreader(self, database: Database | None = None) -> Spreader:
        return Spreader(database or self.database, lambda: NOW, self.wake)

    async def subscribe(self, **subscriptions: Any) -> None:
        specs = {n: {"id": n, "channel": "desk", **spec} for n, spec in subscriptions.items()}
        async with self.database.write() as tx:
            await written.put(tx, Kind.SUBSCRIPTIONS, specs, "apply", NOW)

    async def write(self, *new: StoredNotice) -> None:
        async with self.database.write() as tx:
            for notice in new:
                await notices.write(tx, notice)

    async def told(self) -> list[tuple[str, str]]:
        """Who is told of what."""
        async with self.database.read() as tx:
            rows = await deliveries.listed(tx, None, 99)
        messages = [(row.subscription_id, decode(row.message)) for row in rows]
        return sorted((who, m.kind) for who, m in messages if isinstance(m, NoticeMessage))

    async def waiting(self) -> bool:
        async with self.database.read() as tx:
            return await notices.any_waiting(tx)


@pytest.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    office = Office(database)
    await office.subscribe(
        me={"kind": "ops"}, night={"kind": "ops", "zone": "Asia/Tokyo"}, desk={"rules": "all"}
    )
    yield office


async def test_every_subscription_of_kind_ops_is_told_once(office: Office) -> None:
    await office.write(stored(), stored(NoticeKind.SILENT))
    woken = office.wake.next()
    assert await office.spreader().spread() == 2
    assert await office.spreader().spread() == 0
    assert await office.told() == [
        ("me", "broken"),
        ("me", "silent"),
        ("night", "broken"),
        ("night", "silent"),
    ]
    assert woken.is_set()


async def test_everybody_is_told_by_the_own_clock(office: Office) -> None:
    await office.write(stored())
    await office.spreader().spread()
    async with office.database.read() as tx:
        rows = await deliveries.listed(tx, None, 99)
    lines = {row.subscription_id: decode(row.message).model_dump()["lines"][0] for row in rows}
    assert "08:26 UTC" in lines["me"]
    assert "17:26 JST" in lines["night"]


async def test_what_is_spread_is_sent(office: Office) -> None:
    await office.write(stored())
    await office.spreader().spread()
    desk = SendingDesk(office.database)
    await desk.send_due(desk.sender())
    assert set((await desk.states()).values()) == {"delivered"}
    assert len(desk.channel.sent) == 2


async def test_without_a_subscription_of_kind_ops_the_log_says_that_nobody_is_told(
    database: Database,
) -> None:
    office = Office(database)
    await office.subscribe(desk={"rules": "all"})
    await office.write(stored())
    with capture_logs() as logs:
        await office.spreader().spread()
    assert await office.told() == []
    assert not await office.waiting()
    assert [line["feed"] for line in logs if "nobody is told" in line["event"]] == ["harbour"]
    await office.subscribe(me={"kind": "ops"})
    await office.spreader().spread()
    assert await office.told() == []  # what is past is listed, and wakes nobody


async def test_a_notice_that_cannot_be_read_keeps_no_other_back(office: Office) -> None:
    unreadable = StoredNotice("bad", "broken", "harbour", NOW, b"{")
    await office.write(unreadable, stored(NoticeKind.SILENT))
    with capture_logs() as logs:
        assert await office.spreader().spread() == 2
    assert await office.told() == [("me", "silent"), ("night", "silent")]
    assert [line["notice"] for line in logs if line["log_level"] == "error"] == ["bad"]


class DiedError(Exception):
    """The notifier died here."""


STEPS = ("waiting", "enqueue_missing", "mark_spread")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_at_any_step_leaves_each_told_once(
    office: Office, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    await office.write(stored(), stored(NoticeKind.SILENT))
    module = deliveries if step == "enqueue_missing" else notices
    real = getattr(module, step)

    async def dies(tx: AsyncConnection, *args: Any) -> None:
        if after:
            await real(tx, *args)
        raise DiedError

    with monkeypatch.context() as patched:
        patched.setattr(module, step, dies)
        with pytest.raises(DiedError):
            await office.spreader().spread()
    assert await office.told() == []
    assert await office.spreader().spread() == 2
    assert len(await office.told()) == 4


async def test_an_answer_of_the_database_that_is_lost_tells_nobody_twice(office: Office) -> None:
    await office.write(stored())
    lost = FaultyDatabase(office.database, 1, after_commit=True)
    with pytest.raises(Exception, match="away"):
        await office.spreader(lost).spread()
    assert await office.spreader().spread() == 0
    assert await office.told() == [("me", "broken"), ("night", "broken")]


async def test_several_notifiers_tell_each_once(postgres_url: str) -> None:
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        office = Office(one)
        await office.subscribe(me={"kind": "ops"})
        await office.write(*(stored(notice_id=f"n-{n}") for n in range(120)))
        both = [office.spreader(one), office.spreader(two)]
        async with asyncio.timeout(60):
            while await office.waiting():
                await asyncio.gather(*(spreader.spread() for spreader in both))
        async with one.read() as tx:
            rows = await deliveries.listed(tx, None, 999)
    assert len(rows) == len({row.delivery_id for row in rows}) == 120
