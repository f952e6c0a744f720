"""What was sent long ago is forgotten; what waits never is, and what failed much later."""

import asyncio
from datetime import timedelta

from sqlalchemy import func, select
from structlog.testing import capture_logs

from services.notifier.forgetting import FAILED_KEPT, KEPT, TOLD_KEPT, Forgetting
from services.notifier.outcome import Delivered, GaveUp, Reason, TryLater, Unwanted
from services.store import told
from services.store.database import Database
from services.store.delivery_tables import told as told_table
from services.store.told import Told
from tests.notifier.sending import SendingDesk

DAY = timedelta(days=1)


async def test_every_delivery_is_forgotten_in_its_time_and_what_waits_never(
    database: Database,
) -> None:
    desk = SendingDesk(database)
    await desk.queue("delivered", "discarded", "failed", "waits")
    sender = desk.sender()
    refused, away = GaveUp(Reason.REFUSED, "no"), TryLater(Reason.UNREACHABLE, None, "no route")
    desk.channel.answers.extend([Delivered("ok"), Unwanted("nobody"), refused, away])
    await desk.send_due(sender)
    forgetting = Forgetting(database, desk.clock)
    desk.clock.now += KEPT - DAY
    await forgetting.forget(asyncio.Event())
    assert len(await desk.states()) == 4
    desk.clock.now += 2 * DAY
    await forgetting.forget(asyncio.Event())
    assert await desk.states() == {"failed": "failed", "waits": "pending"}
    desk.clock.now += FAILED_KEPT
    with capture_logs() as logs:
        await forgetting.forget(asyncio.Event())
    assert await desk.states() == {"waits": "pending"}
    assert [entry["number"] for entry in logs] == [1]


async def test_more_than_one_step_is_forgotten(database: Database) -> None:
    desk = SendingDesk(database, at_once=8)
    await desk.queue(*(f"{n:04}" for n in range(1100)))
    await desk.send_due(desk.sender())
    async with database.write() as tx:
        for hour in range(50):
            at = desk.clock() + KEPT - TOLD_KEPT + timedelta(hours=hour)
            await told.write(tx, [Told("all", "rule", f"story {hour}", True)], at)
    desk.clock.now += KEPT + DAY
    await Forgetting(database, desk.clock).forget(asyncio.Event())
    async with database.read() as tx:
        left = await tx.scalar(select(func.count()).select_from(told_table))
    assert (await desk.states(), left) == ({}, 26)
