"""Records that are judged together are judged as each by itself, and all of them or none."""

from pathlib import Path
from typing import Any

import pytest

from services.store.database import Database, open_database, sqlite_url
from services.store.judgements import NOTHING_CONSUMED, OvertakenError
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
    assert number > 30
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
