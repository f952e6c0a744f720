"""Records that are judged together are judged as each by itself, and all of them or none."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.notifier.message import AlertMessage, decode
from services.store import deliveries, held, written
from services.store.database import Database, open_database, sqlite_url
from services.store.held import Why
from services.store.judgements import NOTHING_CONSUMED, OvertakenError
from services.store.written import Kind
from tests.notifier.alerts import NOW
from tests.notifier.judging import (
    Decided,
    FailingDatabase,
    decided,
    met,
    new_judge,
    record,
    subscribe,
)
from tests.notifier.reports import text
from tests.servers.faults import CrashedError

OTHER: dict[str, Any] = {
    "feed_id": "other",
    "source": "The Other",
    "title": "What the other one has to say about it",
    "url": "https://other.example/3",
}
RECORDS = [
    record(0, met("iran")),
    record(1, met("iran"), article_id="a-2"),
    record(2, met("iran"), met("oil"), revision="r-2"),
    # A copy of the second, which was judged a moment ago.
    record(3, met("iran"), article_id="a-3", body=text("a-2"), **OTHER),
]


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "wirewatch.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


async def test_together_they_decide_what_each_by_itself_does(
    database: Database, tmp_path: Path
) -> None:
    await subscribe(database, ann="all")
    await new_judge(database).handle_all(RECORDS)
    async with open_database(sqlite_url(tmp_path / "one-by-one.sqlite")) as other:
        await subscribe(other, ann="all")
        judge = new_judge(other)
        for one in RECORDS:
            await judge.handle(one)
        assert await decided(database) == await decided(other)
    assert (await decided(database)).alerts == ["iran", "iran", "oil"]


async def test_a_crash_anywhere_leaves_none_of_them_judged(database: Database) -> None:
    await subscribe(database, ann="all")
    number, crashed = 0, True
    while crashed:
        number += 1
        judge = new_judge(FailingDatabase(database, CrashedError(), number, committed=False))
        try:
            await judge.handle_all(RECORDS)
            crashed = False
        except CrashedError:
            assert await decided(database) == Decided(NOTHING_CONSUMED, 0, [], {})
    assert number > 12
    assert (await decided(database)).consumed == 3


async def test_a_judge_that_was_overtaken_writes_none_of_them(database: Database) -> None:
    await subscribe(database, ann="all")
    slow, quick = new_judge(database), new_judge(database)
    await slow.handle(RECORDS[0])
    await quick.handle(RECORDS[1])
    before = await decided(database)
    with pytest.raises(OvertakenError):
        await slow.handle_all(RECORDS[1:])
    assert await decided(database) == before


async def test_a_cap_counts_what_is_judged_together(database: Database) -> None:
    specs = {"ann": {"id": "ann", "channel": "desk", "rules": "all", "cap": 2}}
    async with database.write() as tx:
        generation = await written.begin_change(tx)
        await written.put(tx, Kind.SUBSCRIPTIONS, specs, "apply", NOW)
        await written.set_counter(tx, written.GENERATION, generation + 1)
    flood = [record(n, met("iran"), article_id=f"a-{n + 2}") for n in range(5)]
    await new_judge(database).handle_all(flood[:4])
    await new_judge(database).handle_all(flood[4:])
    async with database.read() as tx:
        rows = await deliveries.listed(tx, None, 99)
        told = [row for row in rows if isinstance(decode(row.message), AlertMessage)]
        assert (len(told), len(rows)) == (2, 3)  # and one notice that the rest comes later
        assert (await held.counts(tx))[Why.CAP] == 3


async def test_what_is_told_of_the_same_story_is_numbered_on(database: Database) -> None:
    await subscribe(database, ann="all")
    both = [record(0, met("iran")), record(1, met("iran"), met("oil"), part=2)]
    await new_judge(database).handle_all([*both, record(2, met("gas"), revision="r-2")])
    assert (await decided(database)).told == {
        ("ann", 1): ("iran",),
        ("ann", 2): ("oil",),
        ("ann", 3): ("gas",),
    }


async def test_a_copy_is_named_in_the_alert_that_is_judged_with_it(database: Database) -> None:
    await subscribe(database, ann="all")
    await new_judge(database).handle_all(RECORDS)
    async with database.read() as tx:
        rows = await deliveries.listed(tx, None, 99)
    alerts = [AlertMessage.decode(row.message) for row in rows]
    assert [[o.source for o in a.others] for a in alerts if a.article_id == "a-2"] == [
        ["The Other"]
    ]
