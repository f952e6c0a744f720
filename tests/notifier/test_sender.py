"""Every delivery is made, or listed as failed: whatever the channel and the database do."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater, Unwanted
from services.notifier.steps import Again, Done, Dropped, Held, Over, Step, next_step
from services.store import deliveries, unsubscribed
from services.store.database import Database, DatabaseUnavailableError
from services.store.deliveries import Leased
from services.store.unsubscribed import How
from tests.notifier.alerts import NOW
from tests.notifier.sending import POLICY, SendingDesk
from tests.servers.faults import FaultyDatabase

RATE_LIMITED = TryLater(Reason.RATE_LIMITED, timedelta(seconds=40), "slow down")
UNREACHABLE = TryLater(Reason.UNREACHABLE, None, "no route")
BAD_CREDENTIALS = TryLater(Reason.BAD_CREDENTIALS, None, "no such webhook")
REFUSED = GaveUp(Reason.REFUSED, "no such mailbox")
DAY = timedelta(days=1)
AGAIN = timedelta(seconds=1)  # half of the first wait, as the jitter below has it


@pytest.fixture
def desk(database: Database) -> SendingDesk:
    return SendingDesk(database)


# What follows from an outcome


@pytest.mark.parametrize(
    ("outcome", "age", "expected"),
    [
        (Delivered("ok"), 9 * DAY, Done("ok")),
        (UNREACHABLE, DAY, Again(Reason.UNREACHABLE, "no route", NOW + AGAIN, None)),
        (
            RATE_LIMITED,
            DAY,
            Again(
                Reason.RATE_LIMITED,
                "slow down",
                NOW + timedelta(seconds=40),
                NOW + timedelta(seconds=40),
            ),
        ),
        (
            replace(RATE_LIMITED, after=timedelta()),
            DAY,
            Again(Reason.RATE_LIMITED, "slow down", NOW + AGAIN, NOW),
        ),
        (UNREACHABLE, 3 * DAY, Over(Reason.EXPIRED, "last tried: unreachable: no route")),
        (RATE_LIMITED, 4 * DAY, Over(Reason.EXPIRED, "last tried: rate_limited: slow down")),
        (REFUSED, DAY, Over(Reason.REFUSED, "no such mailbox")),
        (Unwanted("all have unsubscribed"), DAY, Dropped("all have unsubscribed")),
        (
            BAD_CREDENTIALS,
            30 * DAY,
            Held(Reason.BAD_CREDENTIALS, "no such webhook"),
        ),
        (
            GaveUp(Reason.BAD_CREDENTIALS, "revoked"),
            30 * DAY,
            Held(Reason.BAD_CREDENTIALS, "revoked"),
        ),
    ],
)
def test_what_follows_from_an_outcome(outcome: Outcome, age: timedelta, expected: Step) -> None:
    leased = Leased("a", "me", b"", NOW - age, attempts=1 if age > DAY else 0)
    assert next_step(outcome, leased, POLICY, NOW, 0.5) == expected


def test_waits_double_up_to_a_quarter_of_an_hour_and_age_alone_ends_them() -> None:
    waits = []
    for attempts in (0, 1, 2, 8, 9, 1000):
        leased = Leased("a", "me", b"", NOW, attempts)
        step = next_step(UNREACHABLE, leased, POLICY, NOW, 1.0)
        assert isinstance(step, Again)
        waits.append((step.at - NOW).total_seconds())
    assert waits == [2, 4, 8, 512, 900, 900]


# Sending


async def test_everything_that_is_due_is_sent_once_the_oldest_first(desk: SendingDesk) -> None:
    await desk.queue(*(f"{n:02}" for n in range(25)))
    sender = desk.sender()
    assert await desk.send_due(sender) == [f"{n:02}" for n in range(25)]
    assert await desk.send_due(sender) == []
    assert set((await desk.states()).values()) == {"delivered"}
    assert desk.counted("delivered") == 25


async def test_a_failed_attempt_is_tried_again_when_its_wait_is_over(desk: SendingDesk) -> None:
    await desk.queue("a", "b")
    desk.channel.answers.append(UNREACHABLE)
    sender = desk.sender()
    assert await desk.send_due(sender) == ["a", "b"]
    assert await desk.states() == {"a": "pending", "b": "delivered"}
    desk.clock.pass_by(seconds=2)
    assert await desk.send_due(sender) == ["a"]
    assert (await desk.rows())["a"].attempts == 2


async def test_a_crash_between_the_channels_yes_and_its_record_sends_again_under_the_same_id(
    desk: SendingDesk,
) -> None:
    await desk.queue("a")
    crashed = FaultyDatabase(desk.database, 2)
    with pytest.raises(DatabaseUnavailableError):
        await desk.send_due(desk.sender(database=crashed))
    assert await desk.states() == {"a": "pending"}
    second = desk.sender()  # of the process that comes after
    assert await desk.send_due(second) == []
    desk.clock.pass_by(hours=1)
    assert await desk.send_due(second) == ["a"]
    assert desk.channel.sent == ["a", "a"]
    assert await desk.states() == {"a": "delivered"}


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_sender_that_lives_through_an_outage_records_what_the_channel_said(
    desk: SendingDesk, after_commit: bool
) -> None:
    await desk.queue("a", "b")
    sender = desk.sender(database=FaultyDatabase(desk.database, 2, after_commit=after_commit))
    with pytest.raises(DatabaseUnavailableError):
        await desk.send_due(sender)
    await desk.send_due(sender)
    assert desk.channel.sent == ["a", "b"]
    assert await desk.states() == {"a": "delivered", "b": "delivered"}


async def test_a_delivery_nobody_wants_is_discarded_and_no_failure(desk: SendingDesk) -> None:
    await desk.queue("a")
    desk.channel.answers.append(Unwanted("all have unsubscribed"))
    await desk.send_due(desk.sender())
    row = (await desk.rows())["a"]
    assert (row.state, row.reason, row.detail) == ("discarded", None, "all have unsubscribed")
    assert desk.counted("unwanted") == 1


@pytest.mark.parametrize(
    "end", [replace(UNREACHABLE, progress="1 of 2"), replace(REFUSED, progress="1 of 2")]
)
async def test_what_an_attempt_accomplished_is_told_to_the_next_one_of_whatever_process(
    desk: SendingDesk, end: Outcome
) -> None:
    await desk.queue("a")
    desk.channel.answers.extend([end, UNREACHABLE])
    await desk.send_due(desk.sender())
    async with desk.database.write() as tx:
        await deliveries.retry_now(tx, "a", desk.clock())
    for _ in range(2):
        desk.clock.pass_by(hours=1)
        await desk.send_due(desk.sender())
    assert [before.progress for before in desk.channel.before] == [None, "1 of 2", "1 of 2"]


async def test_an_attempt_that_may_have_arrived_makes_the_next_one_careful(
    desk: SendingDesk,
) -> None:
    await desk.queue("a")
    desk.channel.answers.extend([UNREACHABLE, replace(UNREACHABLE, uncertain=True), UNREACHABLE])
    for _ in range(4):
        await desk.send_due(desk.sender())
        desk.clock.pass_by(hours=1)
    assert [b.uncertain for b in desk.channel.before] == [False, False, True, True]


async def test_who_has_unsubscribed_is_told_to_the_channel(desk: SendingDesk) -> None:
    async with desk.database.write() as tx:
        await unsubscribed.leave(tx, "all", "Ann@desk.example", How.PAGE, desk.clock())
    await desk.queue("a")
    await desk.send_due(desk.sender())
    assert [before.left_out for before in desk.channel.before] == [{"ann@desk.example"}]


async def test_an_ended_subscription_gets_nothing_that_still_waited(desk: SendingDesk) -> None:
    await desk.queue("a")
    async with desk.database.write() as tx:
        await unsubscribed.leave(tx, "all", unsubscribed.EVERYBODY, How.PAGE, desk.clock())
    assert await desk.send_due(desk.sender()) == []
    assert await desk.states() == {"a": "discarded"}


async def test_a_lease_whose_answer_was_lost_delays_nothing(desk: SendingDesk) -> None:
    await desk.queue("a")
    sender = desk.sender(database=FaultyDatabase(desk.database, 1, after_commit=True))
    with pytest.raises(DatabaseUnavailableError):
        await desk.send_due(sender)
    assert await desk.send_due(sender) == ["a"]


async def test_an_outage_while_closing_still_closes_the_channel(desk: SendingDesk) -> None:
    await desk.queue("a")
    sender = desk.sender(database=FaultyDatabase(desk.database, 2, 3))
    with pytest.raises(DatabaseUnavailableError):
        await desk.send_due(sender)
    await sender.close()
    assert desk.channel.closed


async def test_retry_after_rests_the_whole_channel(desk: SendingDesk) -> None:
    await desk.queue("a", "b")
    desk.channel.answers.append(RATE_LIMITED)
    sender = desk.sender()
    assert await desk.send_due(sender) == ["a"]
    assert await sender.due_at() == NOW + timedelta(seconds=40)
    desk.clock.pass_by(seconds=39)
    await desk.queue("c")
    assert await desk.send_due(sender) == []
    desk.clock.pass_by(seconds=1)
    assert sorted(await desk.send_due(sender)) == ["a", "b", "c"]


async def test_rows_held_back_by_a_rest_are_free_for_another_notifier(desk: SendingDesk) -> None:
    await desk.queue("a", "b")
    desk.channel.answers.append(RATE_LIMITED)
    await desk.send_due(desk.sender())
    assert await desk.send_due(desk.sender()) == ["b"]


async def test_bad_credentials_hold_all_rows_however_long_and_are_told_once(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b", "c")
    sender = desk.sender()
    with capture_logs() as logs:
        for _ in range(3):
            desk.channel.answers.append(BAD_CREDENTIALS)
            assert len(await desk.send_due(sender)) == 1
            desk.clock.pass_by(hours=30)
    assert sum("channel suspended" in entry["event"] for entry in logs) == 1
    assert set((await desk.states()).values()) == {"pending"}
    assert sorted(await desk.send_due(sender)) == ["a", "b", "c"]
    assert set((await desk.states()).values()) == {"delivered"}


async def test_a_delivery_is_given_up_by_age_listed_as_failed_and_retried_by_command(
    desk: SendingDesk,
) -> None:
    await desk.queue("a")
    sender = desk.sender()
    for _ in range(4):
        desk.channel.answers.append(UNREACHABLE)
        await desk.send_due(sender)
        desk.clock.pass_by(hours=24)
    row = (await desk.rows())["a"]
    assert (row.state, row.reason, row.detail) == (
        "failed",
        "expired",
        "last tried: unreachable: no route",
    )
    assert desk.counted("gave_up", "expired") == 1
    assert await desk.send_due(sender) == []
    async with desk.database.write() as tx:
        assert await deliveries.retry_now(tx, "a", desk.clock())
    desk.channel.answers.append(UNREACHABLE)
    assert await desk.send_due(sender) == ["a"]
    assert await desk.states() == {"a": "pending"}, "its age counts from the command"
    desk.clock.pass_by(hours=1)
    assert await desk.send_due(sender) == ["a"]
    assert await desk.states() == {"a": "delivered"}


async def test_what_a_channel_refuses_is_failed_at_once_and_blocks_nothing(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b")
    desk.channel.answers.append(REFUSED)
    assert await desk.send_due(desk.sender()) == ["a", "b"]
    assert await desk.states() == {"a": "failed", "b": "delivered"}


async def test_a_row_that_cannot_be_read_is_failed_and_blocks_nothing(desk: SendingDesk) -> None:
    await desk.queue("a", message=b"\x00 garbage")
    await desk.queue("b")
    assert await desk.send_due(desk.sender()) == ["b"]
    assert await desk.states() == {"a": "failed", "b": "delivered"}
    assert (await desk.rows())["a"].reason == "invalid_message"


async def test_an_exception_of_a_channel_is_no_delivery_and_its_words_are_kept_secret(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b")
    desk.channel.answers.append(RuntimeError("https://hooks.example/SECRET"))
    with capture_logs() as logs:
        assert await desk.send_due(desk.sender()) == ["a", "b"]
    assert await desk.states() == {"a": "pending", "b": "delivered"}
    assert (await desk.rows())["a"].detail == "unexpected RuntimeError"
    assert "SECRET" not in str(logs)


async def test_a_channel_that_never_answers_is_cut_off(desk: SendingDesk) -> None:
    await desk.queue("a")
    desk.channel.hangs = asyncio.Event()
    at_once = replace(POLICY, attempt_timeout=timedelta(seconds=-2))
    await desk.send_due(desk.sender(at_once))
    assert (await desk.rows())["a"].reason == "timed_out"


async def test_a_stop_finishes_the_attempt_in_flight_and_gives_back_the_rest(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b", "c")
    desk.channel.hangs = asyncio.Event()
    sender, stop = desk.sender(), asyncio.Event()
    sending = asyncio.create_task(sender.send_due(stop))
    await desk.channel.begun.wait()
    stop.set()
    desk.channel.hangs.set()
    await sending
    assert await desk.states() == {"a": "delivered", "b": "pending", "c": "pending"}
    assert await desk.send_due(desk.sender()) == ["b", "c"]


async def test_a_sender_that_is_cut_off_in_an_attempt_gives_back_its_rows(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b")
    desk.channel.hangs = asyncio.Event()
    sender = desk.sender()
    sending = asyncio.create_task(sender.send_due(asyncio.Event()))
    await desk.channel.begun.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await sender.close()
    desk.channel.hangs.set()
    assert await desk.send_due(desk.sender()) == ["a", "b"]


async def test_two_notifiers_share_the_rows(desk: SendingDesk) -> None:
    await desk.queue(*(f"{n:02}" for n in range(40)))
    await asyncio.gather(*(desk.sender().send_due(asyncio.Event()) for _ in range(3)))
    assert sorted(desk.channel.sent) == [f"{n:02}" for n in range(40)]


async def test_the_lease_outlasts_every_attempt_that_it_is_for(desk: SendingDesk) -> None:
    await desk.queue(*"abcdefghij")
    longest = POLICY.attempt_timeout.total_seconds() + 2

    def take_long() -> None:
        desk.clock.pass_by(seconds=longest)

    desk.channel.answers.extend([take_long] * 10)
    sender = desk.sender()
    stop = asyncio.Event()
    sending = asyncio.create_task(sender.send_due(stop))
    while len(desk.channel.sent) < 10:
        await asyncio.sleep(0)
        async with desk.database.write() as tx:
            taken = await deliveries.lease(tx, "desk", "other", desk.clock(), desk.clock(), 1)
            assert not {row.delivery_id for row in taken} & set(desk.channel.sent)
            await deliveries.release(tx, "other")
    await sending
    assert sorted(desk.channel.sent) == list("abcdefghij")
    assert set((await desk.states()).values()) == {"delivered"}


async def test_what_waited_for_the_notifier_itself_is_tried_as_long_as_anything_else(
    desk: SendingDesk,
) -> None:
    """Nobody was there for four days; then the channel wants a pause."""
    away = TryLater(Reason.UNREACHABLE, None, "no route")
    await desk.queue("a")
    desk.clock.pass_by(days=4)
    desk.channel.answers.extend([away] * 3)
    sender = desk.sender()
    for _ in range(3):
        await desk.send_due(sender)
        desk.clock.pass_by(hours=20)
    await desk.send_due(sender)
    assert await desk.states() == {"a": "delivered"}
