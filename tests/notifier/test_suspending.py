"""A channel that is refused is suspended for everybody, told once, and mended by a trial."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from schemas.notice import Notice, NoticeKind
from services.notifier.outcome import Delivered, GaveUp, Reason, TryLater
from services.notifier.recording import TRIAL_EVERY
from services.notifier.spreading import FAILURES_ARE_COUNTED_FOR, Spreader
from services.runtime.wakeup import Wakeup
from services.store import deliveries, failures, notices, unsubscribed, written
from services.store.database import Database
from services.store.delivery_tables import deliveries as delivery_rows
from services.store.failures import OVER_AFTER
from services.store.unsubscribed import EVERYBODY, How
from services.store.written import Kind
from tests.notifier.alerts import NOW
from tests.notifier.sending import SendingDesk

REVOKED = TryLater(Reason.BAD_CREDENTIALS, None, "token_revoked")
REFUSED = GaveUp(Reason.REFUSED, "no such mailbox")
UNREACHABLE = TryLater(Reason.UNREACHABLE, None, "no route")
SUSPENDED, WORKS = NoticeKind.CHANNEL_SUSPENDED, NoticeKind.CHANNEL_WORKS


@pytest.fixture
def desk(database: Database) -> SendingDesk:
    return SendingDesk(database)


async def told(desk: SendingDesk) -> list[Notice]:
    async with desk.database.read() as tx:
        rows = await notices.recent(tx, 99)
    return [Notice.decode(row.notice) for row in reversed(rows)]


async def kinds(desk: SendingDesk) -> list[NoticeKind]:
    return [notice.kind for notice in await told(desk)]


async def spread(desk: SendingDesk, **channels: str) -> dict[str, str]:
    """What was queued for whom, by channel, when each of these subscriptions is of kind ops."""
    specs = {n: {"id": n, "kind": "ops", "channel": c} for n, c in channels.items()}
    async with desk.database.write() as tx:
        await written.put(tx, Kind.SUBSCRIPTIONS, specs, "apply", NOW)
    await Spreader(desk.database, desk.clock, Wakeup()).spread()
    rows = (await desk.rows()).values()
    return {r.subscription_id: r.channel_id for r in rows if r.subscription_id in channels}


async def test_a_suspension_holds_the_rows_of_all_notifiers_and_is_told_once(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b", "c")
    desk.channel.answers.append(REVOKED)
    first, second = desk.sender(), desk.sender()
    assert await desk.send_due(first) == ["a"]
    desk.channel.answers.append(REVOKED)
    assert len(await desk.send_due(second)) == 1, "who starts tries once"
    for sender in (first, second):
        assert await desk.send_due(sender) == []
    assert await kinds(desk) == [SUSPENDED]
    assert set((await desk.states()).values()) == {"pending"}


async def test_of_all_notifiers_one_tries_a_suspended_channel_every_five_minutes(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b")
    desk.channel.answers.extend([REVOKED] * 3)
    senders = [desk.sender(), desk.sender()]
    for sender in senders:
        await desk.send_due(sender)
    desk.clock.pass_by(seconds=TRIAL_EVERY.total_seconds())
    tries = [len(await desk.send_due(sender)) for sender in senders]
    assert sorted(tries) == [0, 1]


async def test_a_trial_that_works_sends_what_waited_and_says_so_once(desk: SendingDesk) -> None:
    await desk.queue("a", "b", "c")
    desk.channel.answers.append(REVOKED)
    sender = desk.sender()
    await desk.send_due(sender)
    desk.clock.pass_by(hours=100)
    assert sorted(await desk.send_due(sender)) == ["a", "b", "c"]
    assert await kinds(desk) == [SUSPENDED, WORKS]
    works = (await told(desk))[-1]
    assert works.until is not None and works.until - works.since == timedelta(hours=100)


async def test_an_outage_during_a_trial_proves_nothing(desk: SendingDesk) -> None:
    await desk.queue("a")
    desk.channel.answers.extend([REVOKED, UNREACHABLE])
    sender = desk.sender()
    await desk.send_due(sender)
    desk.clock.pass_by(minutes=6)
    await desk.send_due(sender)
    assert await kinds(desk) == [SUSPENDED]


async def test_a_message_that_is_refused_for_its_own_sake_proves_the_credentials(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b")
    desk.channel.answers.extend([REVOKED, REFUSED])
    sender = desk.sender()
    await desk.send_due(sender)
    desk.clock.pass_by(minutes=6)
    await desk.send_due(sender)
    assert await kinds(desk) == [SUSPENDED, WORKS]
    assert await desk.states() == {"a": "failed", "b": "delivered"}


async def test_it_is_another_channel_that_tells_if_there_is_one(desk: SendingDesk) -> None:
    await desk.queue("a")
    desk.channel.answers.append(REVOKED)
    await desk.send_due(desk.sender())
    assert await spread(desk, ann="desk", bob="mail") == {"bob": "mail"}


async def test_where_there_is_no_other_channel_it_tells_when_it_works(desk: SendingDesk) -> None:
    await desk.queue("a")
    desk.channel.answers.append(REVOKED)
    await desk.send_due(desk.sender())
    assert await spread(desk, ann="desk") == {"ann": "desk"}


async def test_a_hundred_failures_are_one_notice_with_their_number(desk: SendingDesk) -> None:
    desk.channel.answers.extend([REFUSED] * 103)
    desk.at_once = 8
    sender = desk.sender()
    await desk.queue(*(f"{n:03}" for n in range(100)))
    await desk.send_due(sender)
    assert await spread(desk, ann="mail") == {}, "they are still being counted"
    desk.clock.pass_by(seconds=FAILURES_ARE_COUNTED_FOR.total_seconds())
    assert await spread(desk, ann="mail") == {"ann": "mail"}
    await desk.queue("a", "b")
    await desk.send_due(sender)
    desk.clock.pass_by(hours=5)
    await spread(desk, ann="mail")
    (notice,) = await told(desk)
    assert (notice.kind, notice.failures, notice.reason) == (
        NoticeKind.DELIVERY_FAILED,
        100,
        "refused",
    )
    desk.clock.pass_by(seconds=OVER_AFTER.total_seconds())
    await desk.queue("c")
    await desk.send_due(sender)
    desk.clock.pass_by(seconds=FAILURES_ARE_COUNTED_FOR.total_seconds())
    await spread(desk, ann="mail")
    assert [notice.failures for notice in await told(desk)] == [100, 1]


async def test_a_failure_that_was_another_owners_is_not_counted(desk: SendingDesk) -> None:
    await desk.queue("a")
    hanging = asyncio.Event()
    desk.channel.hangs = hanging
    desk.channel.answers.append(REFUSED)
    slow = asyncio.create_task(desk.sender().send_due(asyncio.Event()))
    await desk.channel.begun.wait()
    desk.clock.pass_by(hours=1)
    desk.channel.hangs = None
    desk.channel.answers.appendleft(Delivered("quick"))
    await desk.send_due(desk.sender())
    hanging.set()
    await slow
    assert await desk.states() == {"a": "delivered"}
    async with desk.database.read() as tx:
        assert await failures.untold(tx, desk.clock()) == []
        (row,) = await deliveries.listed(tx, None, 9)
    assert row.attempts == 1, "what the one who lost the row says changes nothing"


async def test_what_has_waited_a_week_for_its_channel_is_not_too_old_when_it_works(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b")
    busy = TryLater(Reason.RATE_LIMITED, timedelta(seconds=1), "slower")
    desk.channel.answers.extend([REVOKED, Delivered("ok"), busy])
    sender = desk.sender()
    await desk.send_due(sender)
    desk.clock.pass_by(days=7)
    await desk.send_due(sender)
    assert sorted((await desk.states()).values()) == ["delivered", "pending"]
    desk.clock.pass_by(minutes=15)
    await desk.send_due(sender)
    assert await desk.states() == {"a": "delivered", "b": "delivered"}


async def test_an_outage_during_a_trial_gives_up_nothing_however_old(desk: SendingDesk) -> None:
    await desk.queue("a")
    desk.channel.answers.extend([REVOKED, UNREACHABLE])
    sender = desk.sender()
    await desk.send_due(sender)
    desk.clock.pass_by(days=7)
    await desk.send_due(sender)
    assert await desk.states() == {"a": "pending"}


async def test_a_message_that_cannot_be_read_proves_nothing_and_delays_no_trial(
    desk: SendingDesk,
) -> None:
    await desk.queue("a")
    desk.channel.answers.extend([REVOKED, REVOKED])
    sender = desk.sender()
    await desk.send_due(sender)
    async with desk.database.write() as tx:
        await tx.execute(update(delivery_rows).values(message=b"of another version"))
    desk.clock.pass_by(minutes=6)
    await desk.queue("b")
    await desk.send_due(sender)
    assert await desk.send_due(sender) == ["b"]
    assert await kinds(desk) == [SUSPENDED]
    assert await desk.states() == {"a": "failed", "b": "pending"}


async def test_what_nobody_wants_any_more_delays_no_trial(desk: SendingDesk) -> None:
    await desk.queue("a", "b", "c")
    desk.channel.answers.append(REVOKED)
    sender = desk.sender()
    await desk.send_due(sender)
    async with desk.database.write() as tx:
        await unsubscribed.leave(tx, "all", EVERYBODY, How.PAGE, desk.clock())
        mine = delivery_rows.c.delivery_id == "c"
        await tx.execute(update(delivery_rows).where(mine).values(subscription_id="another"))
    desk.clock.pass_by(minutes=6)
    for _ in range(3):
        await desk.send_due(sender)
    assert await desk.states() == {"a": "discarded", "b": "discarded", "c": "delivered"}


async def test_words_that_no_database_takes_stop_no_sender(desk: SendingDesk) -> None:
    odd = "no \x00 such \ud800 mailbox"
    await desk.queue("a", "b")
    desk.channel.answers.extend([GaveUp(Reason.REFUSED, odd)])
    desk.channel.answers.extend([TryLater(Reason.BAD_CREDENTIALS, None, odd)])
    await desk.send_due(desk.sender())
    assert await desk.states() == {"a": "failed", "b": "pending"}
    assert await kinds(desk) == [SUSPENDED]
