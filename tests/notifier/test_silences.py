"""Silences at work: what they keep from whom, and what is told at their end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from schemas.rule import Severity
from services.notifier.message import AlertMessage, SummaryKind, SummaryMessage, decode
from services.notifier.silence_ends import SilenceEnds
from services.runtime.metrics import Metrics
from services.runtime.wakeup import Wakeup
from services.store import deliveries, silences, unsubscribed, written
from services.store.database import Database
from services.store.delivery_tables import held
from services.store.delivery_tables import silences as silences_table
from services.store.silences import Silence, SilenceKind
from services.store.unsubscribed import EVERYBODY, How
from services.store.written import Kind
from tests.notifier.alerts import NOW
from tests.notifier.judging import FailingDatabase, met, new_judge, record, subscribe

END = NOW + timedelta(hours=1)
IRAN = Silence("s-1", SilenceKind.RULE, "iran", None, "Ann", "the summit is over", NOW, END)


class CrashedError(BaseException):
    """The process died here."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be sent: by subscription the rules of each alert; the summaries."""

    alerts: Sequence[tuple[str, tuple[str, ...]]]
    summaries: Sequence[SummaryMessage]


async def begin(database: Database, *new: Silence) -> None:
    async with database.write() as tx:
        for silence in new:
            await silences.add(tx, silence)


async def told(database: Database) -> Told:
    async with database.read() as tx:
        rows = await deliveries.listed(tx, None, 99)
    messages = [decode(row.message) for row in rows]
    alerts = [
        (m.subscription_id, tuple(sorted(r.rule_id for r in m.rules)))
        for m in messages
        if isinstance(m, AlertMessage)
    ]
    return Told(sorted(alerts), [m for m in messages if isinstance(m, SummaryMessage)])


async def at_the_end(database: Database, at: datetime = END) -> int:
    return await SilenceEnds(database, Metrics(), lambda: at, Wakeup()).tell()


async def waiting(database: Database) -> int:
    async with database.read() as tx:
        rows = await tx.scalars(select(held.c.held_id).where(held.c.released_at.is_(None)))
        return len(list(rows))


async def test_a_silenced_rule_alerts_nobody_also_where_it_is_urgent(database: Database) -> None:
    await subscribe(database, ann="all", bob="all")
    await begin(database, IRAN)
    judge = new_judge(database)
    await judge.handle(record(0, met("iran", severity=Severity.URGENT)))
    assert await told(database) == Told([], [])
    assert await waiting(database) == 2
    exposed = judge._metrics.exposition().decode()
    assert "wirewatch_silenced_alerts_total 2.0" in exposed


async def test_what_else_the_story_meets_is_told_at_once(database: Database) -> None:
    await subscribe(database, ann="all")
    await begin(database, IRAN)
    await new_judge(database).handle(record(0, met("iran"), met("oil")))
    assert (await told(database)).alerts == [("ann", ("oil",))]
    assert await at_the_end(database) == 1
    (summary,) = (await told(database)).summaries
    assert [r.rule_id for item in summary.items for r in item.rules] == ["iran"]


async def test_a_silence_of_one_subscription_leaves_the_others_alone(database: Database) -> None:
    await subscribe(database, ann="all", bob="all")
    await begin(database, replace(IRAN, subscription_id="bob"))
    await new_judge(database).handle(record(0, met("iran")))
    assert (await told(database)).alerts == [("ann", ("iran",))]


async def test_a_silenced_source_alerts_nobody(database: Database) -> None:
    await subscribe(database, ann="all")
    await begin(database, replace(IRAN, kind=SilenceKind.SOURCE, target="gazette.example"))
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    await judge.handle(record(1, met("oil"), article_id="a-2", url="https://other.example/x"))
    assert (await told(database)).alerts == [("ann", ("oil",))]


async def test_a_silenced_story_alerts_for_no_further_rule(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    async with database.read() as tx:
        (row,) = await deliveries.listed(tx, None, 9)
    story = AlertMessage.decode(row.message).story_id
    await begin(database, replace(IRAN, kind=SilenceKind.STORY, target=story))
    await judge.handle(record(1, met("iran"), met("oil"), revision="r-2"))
    assert (await told(database)).alerts == [("ann", ("iran",))]
    await at_the_end(database)
    (summary,) = (await told(database)).summaries
    assert summary.title.startswith("1 alert was held back while “Ferry line")


async def test_nothing_is_told_before_the_end(database: Database) -> None:
    await subscribe(database, ann="all")
    await begin(database, IRAN)
    await new_judge(database).handle(record(0, met("iran")))
    assert await at_the_end(database, END - timedelta(microseconds=1)) == 0
    assert await waiting(database) == 1


async def test_at_the_end_one_message_says_how_many_who_silenced_and_why(
    database: Database,
) -> None:
    await subscribe(database, ann="all", bob={"ids": ["oil"]})
    await begin(database, IRAN)
    judge = new_judge(database)
    for number in range(3):
        await judge.handle(record(number, met("iran"), article_id=f"a-{number}"))
    assert await at_the_end(database) == 1
    assert await at_the_end(database) == 0
    (summary,) = (await told(database)).summaries
    assert (summary.subscription_id, summary.kind) == ("ann", SummaryKind.SILENCE)
    assert summary.title == "3 alerts were held back while the rule Rule iran was silenced"
    assert summary.lines == (
        "Silenced from 14 Mar 2026, 09:26 UTC to 14 Mar 2026, 10:26 UTC.",
        "Ann: the summit is over",
    )
    assert len(summary.items) == 3
    assert await waiting(database) == 0
    async with database.read() as tx:
        assert [(c.silence, c.held) for c in await silences.listed(tx)] == [(IRAN, 3)]


async def test_a_silence_that_is_ended_early_tells_at_once(database: Database) -> None:
    await subscribe(database, ann="all")
    await begin(database, IRAN)
    await new_judge(database).handle(record(0, met("iran")))
    async with database.write() as tx:
        await silences.expire(tx, "s-1", NOW)
    assert await at_the_end(database, NOW) == 1


async def test_what_a_judge_wrote_in_the_moment_of_the_end_is_told_too(database: Database) -> None:
    await subscribe(database, ann="all")
    await begin(database, IRAN)
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    await at_the_end(database)
    await judge.handle(record(1, met("iran"), article_id="a-2"))  # its clock has not come so far
    assert await at_the_end(database) == 1
    summaries = (await told(database)).summaries
    assert sorted(s.sequence for s in summaries) == [1, 2]
    assert len({s.story_id for s in summaries}) == 1


async def test_the_end_of_a_silence_in_quiet_hours_waits_for_their_end(database: Database) -> None:
    await in_force(database, quiet={"from": "10:00", "to": "12:00"}, zone="UTC")
    await begin(database, IRAN)
    await new_judge(database).handle(record(0, met("iran")))
    assert await at_the_end(database) == 0
    assert await at_the_end(database, NOW.replace(hour=12)) == 1


async def test_what_was_held_waits_a_week_for_a_subscription_that_is_gone(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    await begin(database, IRAN)
    await new_judge(database).handle(record(0, met("iran")))
    async with database.write() as tx:
        await written.remove(tx, Kind.SUBSCRIPTIONS, ["ann"])
        await written.set_counter(tx, written.GENERATION, 2)
    assert await at_the_end(database) == 0
    assert await waiting(database) == 1
    assert await at_the_end(database, END + timedelta(days=7)) == 0
    assert await waiting(database) == 0


async def test_what_a_long_silence_held_waits_a_week_from_its_end(database: Database) -> None:
    await subscribe(database, ann="all")
    end = NOW + timedelta(days=30)
    await begin(database, replace(IRAN, ends_at=end))
    await new_judge(database).handle(record(0, met("iran")))
    async with database.write() as tx:
        await written.remove(tx, Kind.SUBSCRIPTIONS, ["ann"])
        await written.set_counter(tx, written.GENERATION, 2)
    assert await at_the_end(database, end) == 0
    await subscribe(database, ann="all")
    assert await at_the_end(database, end + timedelta(days=1)) == 1


async def test_what_is_held_by_a_silence_that_is_unknown_is_told(database: Database) -> None:
    await subscribe(database, ann="all")
    await begin(database, IRAN)
    await new_judge(database).handle(record(0, met("iran")))
    async with database.write() as tx:
        await tx.execute(delete(silences_table))
    assert await at_the_end(database, NOW) == 1


@pytest.mark.parametrize("committed", [False, True])
async def test_a_crash_at_any_statement_of_the_end_loses_nothing_and_doubles_nothing(
    committed: bool, database: Database
) -> None:
    await subscribe(database, ann="all", bob="all")
    await begin(database, IRAN)
    await new_judge(database).handle(record(0, met("iran")))
    crashes = 0
    for number in range(1, 60):
        failing = FailingDatabase(database, CrashedError(), number, committed=committed)
        failing.read = database.read  # type: ignore[method-assign]
        try:
            await at_the_end(failing)
        except CrashedError:
            crashes += 1
        else:
            break
    await at_the_end(database)
    assert crashes >= 8
    assert await waiting(database) == 0
    summaries = (await told(database)).summaries
    assert sorted(s.subscription_id for s in summaries) == ["ann", "bob"]


async def test_an_unsubscribed_subscription_is_told_nothing_and_the_others_are(
    database: Database,
) -> None:
    await subscribe(database, ann="all", bob="all")
    async with database.write() as tx:
        await unsubscribed.leave(tx, "ann", EVERYBODY, How.PAGE, NOW)
        await unsubscribed.leave(tx, "bob", "bob@desk.example", How.PAGE, NOW)
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    assert (await told(database)).alerts == [("bob", ("iran",))]
    async with database.write() as tx:
        await unsubscribed.come_back(tx, "ann", EVERYBODY)
    await judge.handle(record(1, met("iran"), article_id="a-2"))
    assert [who for who, _ in (await told(database)).alerts] == ["ann", "bob", "bob"]


async def in_force(database: Database, **more: Any) -> None:
    spec = {"id": "ann", "channel": "desk", "rules": "all", **more}
    async with database.write() as tx:
        generation = await written.begin_change(tx)
        await written.put(tx, Kind.SUBSCRIPTIONS, {"ann": spec}, "apply", NOW)
        await written.set_counter(tx, written.GENERATION, generation + 1)
