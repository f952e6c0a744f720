"""Copies are told once, round-ups only for what is new in them, also after a restart."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from schemas.matches import ArticleField, ArticleMatches, Clause, Hit, RuleMatch
from services.bus.port import Record
from services.notifier.message import AlertMessage
from services.notifier.placing import REPORTS_KEPT, Placing
from services.notifier.stories.stored import packed, unpacked
from services.notifier.stories.window import LONGEST_STORY
from services.store import deliveries, stories
from services.store.database import Database, DatabaseUnavailableError, open_database, sqlite_url
from services.store.delivery_tables import alerts, story_reports
from services.store.judgements import OvertakenError
from services.store.stories import ReportKind, StoredReport
from tests.notifier.alerts import NOW, article
from tests.notifier.judging import FailingDatabase, decided, met, new_judge, record, subscribe
from tests.notifier.reports import report, text

FERRY, STORM, OPERA = text("ferry"), text("storm"), text("opera")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "wirewatch.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


def told(offset: int, outlet: str, body: str, *found: RuleMatch, **changes: Any) -> Record:
    """What an outlet reports, as a record of `matches`."""
    facts = {
        "article_id": f"a-{outlet}",
        "feed_id": outlet,
        "source": outlet.title(),
        "title": f"What {outlet} has to say about all of it",
        "url": f"https://{outlet}.example/{offset}",
        "body": body,
    }
    return record(offset, *found, **facts | changes)


def proven(rule_id: str, body: str, words: str) -> RuleMatch:
    """A match that is proven in the middle of `words`."""
    start = body.index(words) + len(words) // 2
    hit = Hit(field=ArticleField.BODY, start=start, end=start + 5)
    evidence = (Clause(clause=rule_id, hits=(hit,)),)
    return met(rule_id).model_copy(update={"evidence": evidence})


async def messages(database: Database) -> list[list[str]]:
    """The rules that each message names."""
    async with database.read() as tx:
        rows = await deliveries.listed(tx, None, 99)
    read = [AlertMessage.decode(row.message) for row in rows]
    return sorted(sorted(rule.rule_id for rule in message.rules) for message in read)


async def test_a_copy_by_another_outlet_alerts_nobody(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(told(0, "gazette", FERRY, met("iran")))
    await judge.handle(told(1, "courier", FERRY, met("iran")))
    assert await messages(database) == [["iran"]]


async def test_a_copy_after_a_restart_alerts_nobody(database: Database) -> None:
    await subscribe(database, ann="all")
    await new_judge(database).handle(told(0, "gazette", FERRY, met("iran")))
    await new_judge(database).handle(told(1, "courier", FERRY[300:], met("iran")))
    assert await messages(database) == [["iran"]]


async def test_a_headline_over_a_text_that_all_pages_have_is_told(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    wall = text("subscribe to read on", 90)
    for number, title in enumerate(("Ferry to the islands stops", "Teachers announce a strike")):
        hit = Hit(field=ArticleField.TITLE, start=0, end=5)
        match = met("news").model_copy(update={"evidence": (Clause(clause="n", hits=(hit,)),)})
        page = {"article_id": f"a-{number}", "title": title}
        await judge.handle(told(number, "gazette", wall, match, **page))
    assert await messages(database) == [["news"], ["news"]]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_story_ends_after_days_whether_or_not_there_was_a_restart(
    database: Database, restarted: bool
) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    for number, day in enumerate((0.0, 2.5, 5.0, 7.2)):
        now = NOW + timedelta(days=day)
        if restarted:
            judge = new_judge(database)
        judge._clock = lambda now=now: now  # type: ignore[misc]
        at = {"first_seen_at": now, "seen_at": now}
        await judge.handle(told(number, f"paper{number}", FERRY, met("iran"), **at))
    assert await messages(database) == [["iran"], ["iran"]]


async def test_an_article_stays_in_its_story_when_its_report_is_long_forgotten(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(told(0, "gazette", FERRY, met("iran")))
    await judge.handle(told(1, "courier", FERRY, met("iran")))
    async with database.write() as tx:
        await stories.forget(tx, NOW + timedelta(days=50), NOW + timedelta(days=50))
    edited = told(2, "courier", FERRY + " " + STORM, met("iran"), revision="r-2")
    await new_judge(database).handle(edited)
    assert await messages(database) == [["iran"]]


SHORT = "The ferry to the islands stops tonight."


async def test_a_post_without_a_headline_is_told_once_also_after_a_restart(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    for number, outlet in enumerate(("gazette", "courier")):
        await new_judge(database).handle(told(number, outlet, SHORT, met("iran"), title=""))
    assert await messages(database) == [["iran"]]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://ga\x00zette.example/1", id="nul in the host"),
        pytest.param("https://gazette.example/\x00?\x00#\x00", id="nul in the path"),
        pytest.param(f"https://{'gazette.' * 40}example/1", id="a host of 327 characters"),
        pytest.param("https://[gazette/1", id="a broken address"),
    ],
)
async def test_an_address_that_no_database_takes_costs_no_alert(
    database: Database, url: str
) -> None:
    await subscribe(database, ann="all")
    await new_judge(database).handle(told(0, "gazette", FERRY, met("iran"), url=url))
    assert await messages(database) == [["iran"]]


async def test_what_waited_out_an_outage_of_days_is_still_told_once(database: Database) -> None:
    await subscribe(database, ann="all")
    await new_judge(database).handle(told(0, "gazette", FERRY, met("iran")))
    late = new_judge(database)
    late._clock = lambda: NOW + timedelta(days=5)
    soon = {"first_seen_at": NOW + timedelta(hours=1), "seen_at": NOW + timedelta(hours=1)}
    await late.handle(told(1, "courier", FERRY, met("iran"), **soon))
    assert await messages(database) == [["iran"]]


async def test_a_rule_that_only_the_copy_meets_is_told_as_the_storys_next_message(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(told(0, "gazette", FERRY, met("iran")))
    await judge.handle(told(1, "courier", FERRY, met("iran"), met("oil")))
    assert (await decided(database)).told == {("ann", 1): ("iran",), ("ann", 2): ("oil",)}


ROUND_UP = "\n\n".join([OPERA, FERRY, STORM])


async def test_a_round_up_alerts_only_where_its_evidence_is_new(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(told(0, "gazette", FERRY, met("ships"), met("mail")))
    old, new = proven("ships", ROUND_UP, FERRY), proven("mail", ROUND_UP, STORM)
    unmet = proven("weather", ROUND_UP, FERRY)
    await judge.handle(told(1, "weekly", ROUND_UP, old, new, unmet))
    assert await messages(database) == [["mail", "ships"], ["mail", "weather"]]


async def test_a_round_up_sent_again_alerts_nobody(database: Database) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(told(0, "gazette", FERRY, met("ships")))
    again = told(1, "weekly", ROUND_UP, proven("ships", ROUND_UP, FERRY))
    await judge.handle(again)
    before = await decided(database)
    await judge.handle(told(2, "weekly", ROUND_UP, proven("ships", ROUND_UP, FERRY)))
    await new_judge(database).handle(told(3, "weekly", ROUND_UP, proven("ships", ROUND_UP, FERRY)))
    assert (await decided(database)).told == before.told == {("ann", 1): ("ships",)}


async def test_what_a_round_up_did_not_tell_again_names_the_story_that_did(
    database: Database,
) -> None:
    judge = new_judge(database)
    await judge.handle(told(0, "gazette", FERRY, met("ships")))
    await judge.handle(told(1, "weekly", ROUND_UP, proven("ships", ROUND_UP, FERRY)))
    async with database.read() as tx:
        rows = (await tx.execute(select(alerts.c.story_id, alerts.c.told_in))).all()
    first = next(row.story_id for row in rows if row.told_in is None)
    assert [row.told_in for row in rows if row.told_in is not None] == [first]


async def test_an_article_whose_commit_failed_is_not_taken_for_its_own_copy(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    failing = FailingDatabase(database, DatabaseUnavailableError("away"), 10_000, committed=False)
    judge = new_judge(failing)
    await judge.handle(told(0, "gazette", OPERA, met("iran")))
    failing._left = 5
    with pytest.raises(DatabaseUnavailableError):
        await judge.handle(told(1, "courier", FERRY, met("iran")))
    await judge.handle(told(1, "courier", FERRY, met("iran")))
    assert len((await decided(database)).alerts) == 2


async def test_a_judge_that_was_overtaken_learns_what_the_other_has_placed(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    slow, quick = new_judge(database), new_judge(database)
    await slow.handle(told(0, "gazette", OPERA, met("iran")))
    await quick.handle(told(1, "herald", FERRY, met("iran")))
    copy = told(2, "courier", FERRY, met("iran"))
    with pytest.raises(OvertakenError):
        await slow.handle(copy)
    await slow.handle(copy)
    assert len((await decided(database)).alerts) == 2


async def test_an_edited_article_stays_in_its_story_whatever_it_says_now(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    await judge.handle(told(0, "gazette", FERRY, met("iran")))
    await judge.handle(told(1, "gazette", STORM, met("iran"), revision="r-2"))
    await judge.handle(told(2, "courier", STORM, met("iran")))
    assert await messages(database) == [["iran"]]


async def groups(database: Database) -> dict[str, str]:
    """The group of each outlet's story."""
    async with database.read() as tx:
        rows = await tx.execute(select(story_reports.c.source, story_reports.c.story_id))
        of_story = {row.source: row.story_id for row in rows}
        known = await stories.groups_of(tx, of_story.values())
        return {source: known[story] for source, story in of_story.items()}


async def test_reports_of_one_event_are_told_apart_and_kept_in_one_group(
    database: Database,
) -> None:
    await subscribe(database, ann="all")
    judge = new_judge(database)
    for number in range(20):
        await judge.handle(told(number, f"paper{number}", text(f"topic {number}"), met("iran")))
    await judge.handle(told(20, "gazette", FERRY, met("iran")))
    written_apart = " ".join(sorted(FERRY.split(), key=lambda word: word[::-1]))
    await judge.handle(told(21, "courier", written_apart, met("iran")))
    found = await groups(database)
    assert found["Gazette"] == found["Courier"]
    assert len(set(found.values())) == 21
    assert len((await decided(database)).alerts) == 22


async def test_old_traces_and_later_old_reports_are_forgotten(database: Database) -> None:
    clock = [NOW]
    judge = new_judge(database)
    judge._clock = lambda: clock[0]
    await judge.handle(told(0, "gazette", FERRY, met("iran")))
    for days, kept in (
        (2 * LONGEST_STORY.days + 1, {"Gazette": False, "Day15": True}),
        (REPORTS_KEPT.days + 1, {"Day15": False, "Day46": True}),
    ):
        clock[0] = NOW + timedelta(days=days)
        now = {"first_seen_at": clock[0], "seen_at": clock[0]}
        await judge.handle(told(days, f"day{days}", text(f"day {days}"), met("iran"), **now))
        async with database.read() as tx:
            rows = await tx.execute(select(story_reports.c.source, story_reports.c.trace))
            assert {row.source: row.trace is not None for row in rows} == kept


def stored(trace: bytes | None) -> StoredReport:
    one = report("gazette", FERRY).trace
    return StoredReport(
        "a", "s", ReportKind.FIRST.value, one.outlet, "G", " ".join(one.title), one.url, NOW, trace
    )


def test_a_trace_is_the_same_after_it_was_stored() -> None:
    one = report("gazette", FERRY).trace
    again = unpacked(stored(packed(one)))
    assert again is not None
    assert again.shingles.tolist() == one.shingles.tolist()
    assert again.bag.words.tolist() == one.bag.words.tolist()
    assert again.bag.counts.tolist() == one.bag.counts.tolist()
    assert (again.outlet, again.title, again.url) == (one.outlet, one.title, one.url)


@given(st.one_of(st.none(), st.binary(max_size=40)))
def test_a_trace_that_is_none_is_passed_over(blob: bytes | None) -> None:
    assert unpacked(stored(blob)) is None


async def test_placing_the_same_report_twice_finds_its_story(database: Database) -> None:
    placing = Placing()
    one = ArticleMatches(article=article(), matches=(met("iran"),), matched_at=NOW)
    async with database.write() as tx:
        (first,) = await placing.place(tx, [one], NOW)
        (again,) = await placing.place(tx, [one], NOW)
    assert (again.story_id, again.report, again.joined) == (first.story_id, None, False)
