"""What is held is told when its time has come: once, whole, whatever crashes or changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from schemas.rule import Severity
from services.notifier.gathering import report_held
from services.notifier.message import AlertMessage, SummaryKind, decode
from services.store import held
from services.store.database import Database, DatabaseUnavailableError, open_database
from services.store.held import NewHeld, Why
from tests.notifier.gathering import GatheringDesk
from tests.notifier.holdings import NIGHT
from tests.notifier.judging import FailingDatabase, met

DIGEST: dict[str, Any] = {"mode": {"digest": "daily 08:00"}}
BATCH: dict[str, Any] = {"mode": {"batch": "10m"}}
TITLE = "All the news of {} from yesterday"


@pytest.fixture
def desk(database: Database) -> GatheringDesk:
    return GatheringDesk(database)


def news(name: str) -> str:
    return TITLE.format(name)


async def test_a_digest_comes_at_its_time_with_all_its_alerts(desk: GatheringDesk) -> None:
    await desk.subscribe(me=DIGEST)
    await desk.alert("one", met("iran"))
    await desk.alert("two", met("oil", severity=Severity.HIGH))
    assert await desk.held() == {"digest": 2}
    assert await desk.gather() == []
    desk.at("2026-11-29 07:59")
    assert await desk.gather() == []
    desk.at("2026-11-29 08:00")
    woken = desk.wake.next()
    assert await desk.gather() == ["Daily digest, Sunday 29 November: 2 alerts"]
    assert woken.is_set()
    message = await desk.summary("Daily digest, Sunday 29 November: 2 alerts")
    assert message.kind is SummaryKind.DIGEST
    assert [item.title for item in message.items] == [news("two"), news("one")]
    assert message.lines == ("Rule iran 1, Rule oil 1",)
    assert await desk.gather() == []
    assert await desk.held() == {}


async def test_a_batch_comes_its_length_after_the_first_alert(desk: GatheringDesk) -> None:
    await desk.subscribe(me=BATCH)
    await desk.alert("one", met("iran"))
    desk.at("14:29")
    await desk.alert("two", met("iran"))
    assert await desk.gather() == []
    desk.at("14:30")
    assert await desk.gather() == ["2 alerts since 28 Nov, 14:20"]
    await desk.alert("three", met("iran"))
    assert await desk.gather() == []


async def test_an_alert_that_is_alone_in_its_batch_comes_as_itself(desk: GatheringDesk) -> None:
    await desk.subscribe(me=BATCH)
    await desk.alert("one", met("iran"))
    desk.at("14:30")
    assert await desk.gather() == [news("one")]
    (message,) = await desk.alerts()
    assert message.sequence == 1
    row = (await desk.told())[news("one")]
    assert row.delivery_id == message.delivery_id


async def test_a_digest_of_one_alert_is_a_digest(desk: GatheringDesk) -> None:
    await desk.subscribe(me=DIGEST)
    await desk.alert("one", met("iran"))
    desk.at("2026-11-29 08:00")
    assert await desk.gather() == ["Daily digest, Sunday 29 November: 1 alert"]


async def test_quiet_hours_hold_all_but_what_is_urgent_and_end_with_a_summary(
    desk: GatheringDesk,
) -> None:
    await desk.subscribe(me={"quiet": NIGHT})
    desk.at("23:30")
    await desk.alert("one", met("iran"))
    await desk.alert("two", met("oil"))
    await desk.alert("three", met("gas", severity=Severity.URGENT))
    assert list(await desk.told()) == [news("three")]
    desk.at("2026-11-29 06:59")
    assert await desk.gather() == []
    desk.at("2026-11-29 07:00")
    assert await desk.gather() == ["2 alerts from quiet hours, 22:00 to 07:00"]
    await desk.alert("four", met("iran"))
    assert news("four") in await desk.told()


async def test_a_flood_is_told_once_when_it_begins_and_whole_when_its_hour_ends(
    desk: GatheringDesk,
) -> None:
    await desk.subscribe(me={"cap": 2}, other={})
    for name in ("a", "b", "c", "d", "e"):
        await desk.alert(name, met("iran"))
    await desk.alert("x", met("oil"))
    mine = {t for t, row in (await desk.told()).items() if row.subscription_id == "me"}
    begins = "Rule iran: more than 2 alerts since 14:00"
    async with desk.database.read() as tx:
        assert await held.counts(tx) == {Why.CAP: 3}
    assert begins in mine
    notice = await desk.summary(begins)
    assert notice.lines == ("Its further alerts of this hour come as one message at 15:00.",)
    assert await desk.gather() == []
    desk.at("15:00")
    await desk.alert("f", met("iran"))  # a new hour
    assert await desk.gather() == ["Rule iran: 3 alerts more, 14:00 to 15:00"]
    rest = await desk.summary("Rule iran: 3 alerts more, 14:00 to 15:00")
    assert (rest.story_id, rest.sequence) == (notice.story_id, 2)
    assert {item.title for item in rest.items} == {news("c"), news("d"), news("e")}
    assert await desk.held() == {}


async def test_what_was_held_does_not_count_for_the_cap(desk: GatheringDesk) -> None:
    await desk.subscribe(me={"cap": 1, "quiet": {"from": "14:00", "to": "14:30"}})
    await desk.alert("one", met("iran"))
    await desk.alert("two", met("iran"))
    desk.at("14:31")
    await desk.alert("three", met("iran"))
    assert list(await desk.told()) == [news("three")]


async def test_a_story_that_meets_a_further_rule_while_it_is_held_is_one_alert(
    desk: GatheringDesk,
) -> None:
    await desk.subscribe(me=DIGEST)
    await desk.alert("one", met("iran"))
    await desk.alert("one", met("iran"), met("oil", severity=Severity.URGENT), revision="r-2")
    desk.at("2026-11-29 08:00")
    assert await desk.gather() == ["Daily digest, Sunday 29 November: 1 alert"]
    (item,) = (await desk.summary("Daily digest, Sunday 29 November: 1 alert")).items
    assert [rule.rule_id for rule in item.rules] == ["oil", "iran"]


async def test_what_is_told_after_something_was_held_has_the_next_number(
    desk: GatheringDesk,
) -> None:
    await desk.subscribe(me={"quiet": NIGHT})
    desk.at("23:30")
    await desk.alert("one", met("iran"))
    await desk.alert("one", met("gas", severity=Severity.URGENT), revision="r-2")
    (urgent,) = await desk.alerts()
    assert urgent.sequence == 2
    desk.at("2026-11-29 07:00")
    await desk.gather()
    assert sorted(message.sequence for message in await desk.alerts()) == [1, 2]


async def test_held_alerts_follow_a_subscription_that_becomes_instant(desk: GatheringDesk) -> None:
    await desk.subscribe(me=DIGEST)
    await desk.alert("one", met("iran"))
    await desk.alert("two", met("iran"))
    await desk.subscribe(me={"channel": "mail"})
    desk.at("14:21")
    assert await desk.gather() == ["2 alerts since 28 Nov, 14:20"]
    (row,) = (await desk.told()).values()
    assert row.channel_id == "mail"


async def test_a_digest_that_is_moved_on_its_day_comes_at_both_times(desk: GatheringDesk) -> None:
    await desk.subscribe(me={"mode": {"digest": "daily 15:00"}})
    await desk.alert("one", met("iran"))
    desk.at("15:00")
    await desk.gather()
    await desk.subscribe(me={"mode": {"digest": "daily 16:00"}})
    await desk.alert("two", met("iran"))
    await desk.alert("three", met("iran"))
    desk.at("16:00")
    assert await desk.gather() == ["Daily digest, Saturday 28 November: 2 alerts"]


@pytest.mark.parametrize("now", [{}, {"me": {"kind": "ops"}}])
async def test_what_is_held_for_a_subscription_that_is_gone_waits_a_week_for_it(
    desk: GatheringDesk, now: dict[str, Any]
) -> None:
    await desk.subscribe(me=DIGEST)
    await desk.alert("one", met("iran"))
    await desk.subscribe(**now)
    desk.at("2026-11-30 09:00")
    with capture_logs() as logs:
        assert await desk.gather() == []
        assert await desk.gather() == []
    assert ["not there" in line["event"] for line in logs] == [True]
    assert await desk.held() == {"digest": 1}
    await desk.subscribe(me=DIGEST)
    assert await desk.gather() == ["Daily digest, Monday 30 November: 1 alert"]


async def test_a_subscription_that_is_gone_for_days_loses_nothing_of_the_week_before(
    desk: GatheringDesk,
) -> None:
    weekly = {"mode": {"digest": "weekly sat 08:00"}}
    await desk.subscribe(me=weekly)
    await desk.alert("one", met("iran"))
    desk.at("2026-12-04 20:00")
    await desk.subscribe()
    await desk.gather()
    desk.at("2026-12-06 20:00")
    assert await desk.gather() == []
    await desk.subscribe(me=weekly)
    assert await desk.gather() == ["Weekly digest, Saturday 5 December: 1 alert"]


async def test_what_nobody_is_left_to_be_told_is_given_up_loudly(desk: GatheringDesk) -> None:
    await desk.subscribe(me=DIGEST)
    await desk.alert("one", met("iran"))
    await desk.subscribe()
    await desk.gather()
    desk.at("2026-12-05 14:21")
    with capture_logs() as logs:
        assert await desk.gather() == []
    assert [line["alerts"] for line in logs if "given up" in line["event"]] == [1]
    assert await desk.held() == {}
    assert desk.metrics.registry.get_sample_value("wirewatch_held_alerts_given_up_total") == 1


async def test_what_waited_long_is_told_to_a_subscription_that_came_back_just_now(
    desk: GatheringDesk,
) -> None:
    await desk.subscribe(me=DIGEST)
    await desk.alert("one", met("iran"))
    await desk.subscribe()
    await desk.gather()

    class ComesBack(FailingDatabase):
        """The subscription comes back between the look and what follows from it."""

        @asynccontextmanager
        async def write(self) -> AsyncIterator[AsyncConnection]:
            await desk.subscribe(me=DIGEST)
            async with super().write() as tx:
                yield tx

    gatherer = desk.gatherer(ComesBack(desk.database, CrashedError(), 10_000, committed=False))
    await gatherer.gather()
    desk.at("2026-12-05 14:21")
    await gatherer.gather()
    assert await desk.held() == {"digest": 1}
    assert await desk.gather() == ["Daily digest, Saturday 5 December: 1 alert"]


async def test_what_cannot_be_read_is_counted_and_keeps_nothing_else_back(
    desk: GatheringDesk,
) -> None:
    await desk.subscribe(me=DIGEST)
    await desk.alert("one", met("iran"))
    await desk.subscribe(me=DIGEST, you=DIGEST)
    async with desk.database.write() as tx:
        for who in ("me", "you"):
            bad = NewHeld(f"bad {who}", "story", who, 1, Why.DIGEST, ("iran",), b"{")
            await held.hold(tx, [bad], desk.clock())
    desk.at("2026-11-29 08:00")
    with capture_logs() as logs:
        titles = await desk.gather()
    assert titles == [f"Daily digest, Sunday 29 November: {n}" for n in ("1 alert", "2 alerts")]
    assert sum("cannot be read" in line["event"] for line in logs) == 2
    assert await desk.held() == {}
    shown = [await desk.summary(title) for title in titles]
    assert [(len(one.items), one.left_out) for one in shown] == [(0, 1), (1, 1)]


class CrashedError(Exception):
    """The process died here."""


async def a_night(desk: GatheringDesk, name: str) -> None:
    """From a morning over two alerts of the evening to the morning on which they are told."""
    desk.clock.pass_by(hours=15)
    await desk.alert(f"{name} one", met("iran"))
    await desk.alert(f"{name} two", met("iran"))
    desk.clock.pass_by(hours=9)


async def test_a_crash_at_any_statement_loses_nothing_and_repeats_nothing(
    desk: GatheringDesk,
) -> None:
    await desk.subscribe(me=DIGEST, you={"quiet": NIGHT})
    desk.at("08:00")
    await a_night(desk, "first")
    counting = FailingDatabase(desk.database, CrashedError(), 10_000, committed=False)
    await desk.gatherer(counting).gather()
    statements = 10_000 - counting._left
    assert statements > 10
    for number in range(1, statements + 1):
        for committed in (False, True):
            await a_night(desk, f"{number} {committed}")
            before = await desk.count()
            error = DatabaseUnavailableError("it is away")
            failing = FailingDatabase(desk.database, error, number, committed)
            with pytest.raises(DatabaseUnavailableError):
                await desk.gatherer(failing).gather()
            await desk.gatherer().gather()
            assert await desk.count() == before + 2
            assert await desk.held() == {}


async def test_several_notifiers_tell_everything_once(postgres_url: str) -> None:
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        desk = GatheringDesk(one)
        names = [f"reader-{n}" for n in range(8)]
        await desk.subscribe(**dict.fromkeys(names, DIGEST))
        for number in range(5):
            await desk.alert(f"a-{number}", met("iran"))
        desk.at("2026-11-29 08:00")
        gatherers = [desk.gatherer(one), desk.gatherer(two), desk.gatherer(two)]
        made = await asyncio.gather(*(g.gather() for g in gatherers))
        assert sum(made) == len(names)
        assert await desk.held() == {}


async def test_the_gauge_tells_what_is_held_and_why(desk: GatheringDesk) -> None:
    await desk.subscribe(me=DIGEST)
    await desk.alert("one", met("iran"))
    await report_held(desk.database, desk.metrics)
    value = desk.metrics.registry.get_sample_value
    assert value("wirewatch_held_alerts", {"why": "digest"}) == 1
    assert value("wirewatch_held_alerts", {"why": "silence"}) == 0


async def test_a_stored_alert_of_a_batch_is_told_by_the_clock_of_today(desk: GatheringDesk) -> None:
    await desk.subscribe(me=BATCH)
    await desk.alert("one", met("iran"))
    await desk.subscribe(me={**BATCH, "zone": "Asia/Tokyo"})
    desk.at("14:30")
    await desk.gather()
    message = decode(next(iter((await desk.told()).values())).message)
    assert isinstance(message, AlertMessage)
    assert message.zone == "Asia/Tokyo"
