"""One story, one alert for each rule: whatever is repeated, replayed or overtaken."""

import asyncio

import pytest

from schemas.message import MalformedMessageError
from schemas.rule import Severity
from services.bus.port import Record
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.wakeup import Wakeup
from services.store import judgements
from services.store.database import (
    Database,
    DatabaseUnavailableError,
    open_database,
    sqlite_url,
)
from services.store.judgements import NOTHING_CONSUMED, OvertakenError
from tests.notifier.alerts import NOW
from tests.notifier.judging import (
    PLACE,
    Decided,
    FailingDatabase,
    decided,
    met,
    new_judge,
    record,
    subscribe,
)


class CrashedError(Exception):
    """The process died here."""


NOTHING = Decided(NOTHING_CONSUMED, 0, [], {})


async def test_an_article_that_meets_a_rule_alerts_every_subscription_to_it_once(
    database: Database,
) -> None:
    await subscribe(database, ann="all", bob={"ids": ["iran"]})
    await new_judge(database).handle(record(4, met("iran")))
    assert await decided(database) == Decided(
        4, 1, ["iran"], {("ann", 1): ("iran",), ("bob", 1): ("iran",)}
    )


async def test_rules_that_one_subscription_watches_make_one_message_that_names_them_all(
    database: Database,
) -> None:
    await subscribe(database, ann="all", bob={"ids": ["oil"]})
    await new_judge(database).handle(record(0, met("iran"), met("oil")))
    found = await decided(database)
    assert found.alerts == ["iran", "oil"]
    assert found.told == {("ann", 1): ("iran", "oil"), ("bob", 1): ("oil",)}


async def test_the_same_record_again_alerts_nobody(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    first = await decided(database)
    await judge.handle(record(0, met("iran")))
    await new_judge(database).handle(record(0, met("iran")))
    assert await decided(database) == first


async def test_the_same_report_at_a_later_offset_alerts_nobody(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    await judge.handle(record(1, met("iran")))
    assert await decided(database) == Decided(1, 1, ["iran"], {("ann", 1): ("iran",)})


async def test_an_edited_article_alerts_only_for_rules_that_it_did_not_meet_before(
    database: Database,
) -> None:
    await subscribe(database, ann="all", bob={"ids": ["iran"]})
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    await judge.handle(record(1, met("iran"), revision="r-2"))
    await judge.handle(record(2, met("iran"), met("oil"), revision="r-3"))
    assert await decided(database) == Decided(
        2,
        3,
        ["iran", "oil"],
        {("ann", 1): ("iran",), ("ann", 2): ("oil",), ("bob", 1): ("iran",)},
    )


async def test_a_replay_alerts_for_a_rule_that_failed_on_the_article_the_first_time(
    database: Database,
) -> None:
    """Its pair was dead-lettered; the rule is mended and the article sent again."""
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    await judge.handle(record(1, met("iran"), met("mended")))
    assert (await decided(database)).told == {("ann", 1): ("iran",), ("ann", 2): ("mended",)}


async def test_every_part_of_a_divided_message_is_heard(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    await judge.handle(record(1, met("oil"), part=2))
    assert (await decided(database)).alerts == ["iran", "oil"]
    assert (await decided(database)).told == {("ann", 1): ("iran",), ("ann", 2): ("oil",)}


async def test_two_articles_are_two_stories(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    await judge.handle(record(1, met("iran"), article_id="a-2"))
    assert (await decided(database)).alerts == ["iran", "iran"]


async def test_subscriptions_choose_rules_by_id_tag_and_severity(database: Database) -> None:
    await subscribe(
        database,
        everything="all",
        by_id={"ids": ["iran", "grain"]},
        by_tag={"tags": ["energy", "nothing"]},
        by_severity={"severities": ["urgent"]},
        by_both={"tags": ["energy"], "severities": ["urgent"]},
    )
    urgent = met("oil", "energy", severity=Severity.URGENT)
    await new_judge(database).handle(record(0, met("iran"), met("gas", "energy"), urgent))
    assert (await decided(database)).told == {
        ("everything", 1): ("gas", "iran", "oil"),
        ("by_id", 1): ("iran",),
        ("by_tag", 1): ("gas", "oil"),
        ("by_severity", 1): ("oil",),
        ("by_both", 1): ("oil",),
    }


async def test_an_alert_that_nobody_subscribes_to_is_raised_all_the_same(
    database: Database,
) -> None:
    await subscribe(database, bob={"ids": ["grain"]})
    await new_judge(database).handle(record(0, met("iran")))
    assert await decided(database) == Decided(0, 1, ["iran"], {})


async def test_a_subscription_made_while_the_judge_runs_counts_from_the_next_record(
    database: Database,
) -> None:
    judge = new_judge(database)
    await judge.handle(record(0, met("iran")))
    await subscribe(database, ann="all")
    await judge.handle(record(1, met("iran"), article_id="a-2"))
    assert (await decided(database)).told == {("ann", 1): ("iran",)}


async def test_the_sender_is_woken_by_an_alert_and_only_then(database: Database) -> None:
    await subscribe(database, ann="all")
    wake = Wakeup()
    judge = new_judge(database, wake)
    woken = wake.next()
    await judge.handle(record(0, met("iran")))
    assert woken.is_set()
    woken = wake.next()
    await judge.handle(record(1, met("iran")))
    assert not woken.is_set()


async def test_a_record_that_is_no_message_is_refused_and_nothing_is_consumed(
    database: Database,
) -> None:
    garbage = Record("matches", 0, 3, "a", b"{}", {}, NOW)
    with pytest.raises(MalformedMessageError, match="article"):
        await new_judge(database).handle(garbage)
    assert await decided(database) == NOTHING


async def test_a_judge_that_was_overtaken_writes_nothing_and_starts_over(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    slow, quick = new_judge(database), new_judge(database)
    await slow.handle(record(0, met("iran")))
    await quick.handle(record(1, met("oil"), article_id="a-2"))
    before = await decided(database)
    with pytest.raises(OvertakenError):
        await slow.handle(record(2, met("grain"), article_id="a-3"))
    assert await decided(database) == before
    await slow.handle(record(2, met("grain"), article_id="a-3"))
    assert (await decided(database)).consumed == 2


async def test_two_judges_on_one_partition_never_alert_twice(
    postgres_url: str,
) -> None:
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        await subscribe(one, ann="all")
        judges = [new_judge(one), new_judge(two)]
        overtaken = 0
        for offset in range(10):
            same = record(offset, met("iran"), article_id=f"a-{offset}")
            ends = await asyncio.gather(*(j.handle(same) for j in judges), return_exceptions=True)
            failures = [end for end in ends if end is not None]
            assert all(isinstance(f, OvertakenError) for f in failures), failures
            assert len(failures) < 2
            overtaken += len(failures)
        found = await decided(one)
        assert (found.consumed, found.reports, len(found.alerts)) == (9, 10, 10)
        assert overtaken


async def count_statements(database: Database) -> int:
    """How many statements judging a record takes, with the commit."""
    error = CrashedError()
    failing = FailingDatabase(database, error, 10_000, committed=False)
    await new_judge(failing).handle(record(0, met("iran"), met("oil")))
    return 10_000 - failing._left


async def test_a_crash_before_any_statement_or_the_commit_leaves_nothing(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await subscribe(database, ann="all")
    path = tmp_path_factory.mktemp("other") / "wirewatch.sqlite"
    async with open_database(sqlite_url(path)) as trial:
        await subscribe(trial, ann="all")
        statements = await count_statements(trial)
        whole = await decided(trial)
    assert statements > 5
    for number in range(1, statements + 1):
        judge = new_judge(FailingDatabase(database, CrashedError(), number, committed=False))
        with pytest.raises(CrashedError):
            await judge.handle(record(0, met("iran"), met("oil")))
        assert await decided(database) == NOTHING
    await new_judge(database).handle(record(0, met("iran"), met("oil")))
    assert await decided(database) == whole


async def test_a_commit_whose_answer_was_lost_is_found_done_by_the_same_judge(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    statements = 1 + await count_statements_up_to_commit(database)
    away = DatabaseUnavailableError("away")
    judge = new_judge(FailingDatabase(database, away, statements, committed=True))
    with pytest.raises(DatabaseUnavailableError):
        await judge.handle(record(1, met("iran"), article_id="a-2"))
    done = await decided(database)
    assert done.consumed == 1
    await judge.handle(record(1, met("iran"), article_id="a-2"))
    assert await decided(database) == done
    await judge.handle(record(2, met("iran"), article_id="a-3"))
    assert (await decided(database)).consumed == 2


async def count_statements_up_to_commit(database: Database) -> int:
    failing = FailingDatabase(database, CrashedError(), 10_000, committed=False)
    await new_judge(failing).handle(record(0, met("iran")))
    return 10_000 - failing._left - 1


async def test_what_the_judge_consumed_is_where_the_database_says(database: Database) -> None:
    judge = new_judge(database)
    for offset in (0, 1, 5):
        await judge.handle(record(offset, met("iran"), article_id=f"a-{offset}"))
    async with database.read() as tx:
        assert await judgements.consumed(tx, PLACE) == 5


async def test_a_late_report_is_placed_in_its_story_and_raises_nothing(database: Database) -> None:
    await subscribe(database, ann="all")
    await new_judge(database).handle(record(0, met("iran"), late=True))
    assert await decided(database) == Decided(0, 1, [], {})


async def test_a_revision_of_a_late_report_that_is_not_late_alerts(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(record(0, met("iran"), late=True))
    await judge.handle(record(1, met("iran"), revision="r-2"))
    await judge.handle(record(2, met("iran"), revision="r-3", late=True))
    assert await decided(database) == Decided(2, 3, ["iran"], {("ann", 1): ("iran",)})


async def test_a_stored_subscription_that_cannot_be_read_is_no_records_fault(
    database: Database,
) -> None:
    judge = new_judge(database)
    await subscribe(database, ann={"of a later version": 1})
    with pytest.raises(DependencyUnavailableError, match="subscription ann cannot be read"):
        await judge.handle(record(0, met("iran")))
    assert await decided(database) == NOTHING
    await subscribe(database, ann="all")
    await judge.handle(record(0, met("iran")))
    assert (await decided(database)).told == {("ann", 1): ("iran",)}
