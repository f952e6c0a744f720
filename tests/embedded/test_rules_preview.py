"""`wirewatch rules preview`: a rule over the articles that the bus keeps."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.article import Article, revision_of
from schemas.topics import ARTICLES
from services.bus.kafka import open_kafka_bus
from services.bus.kafka_topics import create_topics
from services.bus.port import Bus, Outgoing
from services.bus.sqlite import open_bus
from services.embedded.rules.chosen import choose
from services.embedded.rules.preview import bar, start_of, tally
from services.embedded.rules.tally import Tally
from services.engine.ruleset import RuleSet
from tests.embedded.command_line import an_empty_place, typed
from tests.engine.newsroom import article, rule
from tests.servers.kafka_server import kafka_server

__all__ = ["an_empty_place", "kafka_server"]

NOW = datetime.now(UTC)
QUERY = '"Iranian ground forces" AND Syria'


def report(name: str, body: str, seen_at: datetime = NOW, title: str = "") -> Article:
    title = title or f"Report {name}"
    return article(
        body,
        article_id=f"article-{name}",
        revision=revision_of(title, body, ""),
        title=title,
        url=f"https://example.org/{name}",
        seen_at=seen_at,
        first_seen_at=seen_at,
    )


async def put(bus: Bus, *values: Article | bytes) -> None:
    encoded = [v if isinstance(v, bytes) else v.encode() for v in values]
    await bus.send_all([Outgoing(ARTICLES, f"{n}", value) for n, value in enumerate(encoded)])


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    """The bus of the state folder `var`, open as a running process has it."""
    async with open_bus(tmp_path / "var" / "bus.sqlite") as opened:
        yield opened


async def preview(*arguments: object) -> str:
    said = await asyncio.to_thread(typed, "rules", "preview", *arguments)
    assert said.exit_code == 0, said.output
    return said.stdout


async def test_matches_are_counted_by_day_and_shown_with_their_sentences(bus: Bus) -> None:
    now = datetime.now(UTC)
    days = [now - timedelta(days=n) for n in range(3)]
    await put(
        bus,
        report("old", "Iranian ground forces left. They left Syria.", days[2]),
        report("nothing", "A quiet day.", days[1]),
        report("new", "It was so. Iranian ground forces entered Syria. So it was.", days[0]),
    )
    said = await preview(QUERY, "--since", "7d")
    assert "expression\n    " + QUERY in said
    assert "3 articles, 2 match: 1.0 a day" in said
    assert "the bus keeps nothing older" in said
    bars = re.findall(r"^(\d{4}-\d\d-\d\d) +(\d+)(?:  (█+))?$", said, re.MULTILINE)
    assert [(day, int(count)) for day, count, _ in bars] == [
        (f"{days[2]:%Y-%m-%d}", 1),
        (f"{days[1]:%Y-%m-%d}", 0),
        (f"{days[0]:%Y-%m-%d}", 1),
    ]
    assert "*Iranian ground forces* entered *Syria*." in said
    assert said.index("Report new") < said.index("Report old")
    assert "It was so" not in said


async def test_what_was_put_on_the_bus_earlier_is_not_looked_at(bus: Bus) -> None:
    await put(bus, report("one", "Iranian ground forces in Syria."))
    said = await preview(QUERY, "--since", (NOW + timedelta(days=1)).date().isoformat())
    assert "no article was put on the bus since" in said


async def test_a_machine_gets_the_same_in_json(bus: Bus) -> None:
    hit = report("one", "Iranian ground forces entered Syria.")
    await put(bus, hit, hit, report("two", "Nothing."), b"rubbish")
    said = json.loads(await preview(QUERY, "--json", "--since", "1d"))
    assert (said["articles"], said["revisions"], said["matched"]) == (2, 3, 1)
    assert said["unreadable"] == 1
    assert sum(said["days"].values()) == 1
    (best,) = said["best"]
    assert best["url"] == "https://example.org/one"
    assert best["sentences"] == [
        {
            "field": "body",
            "text": "Iranian ground forces entered Syria.",
            "hits": ["Iranian ground forces", "Syria"],
        }
    ]


async def test_a_rule_of_the_folder_is_previewed_by_its_id(bus: Bus, tmp_path: Path) -> None:
    await put(bus, report("one", "Iranian ground forces entered Syria."))
    path = tmp_path / "rules.yaml"
    path.write_text(f"rules:\n  - id: troops\n    query: '{QUERY}'\n")
    assert "1 article, 1 match" in await preview("troops", "--config", path)


async def test_the_tally_on_kafka_is_the_same(kafka_server: str) -> None:
    await create_topics(kafka_server)
    begin = datetime.now(UTC) - timedelta(seconds=1)
    name = f"kafka-{begin.timestamp()}"
    async with open_kafka_bus(kafka_server) as bus:
        await put(bus, report(name, f"Karvalan drones over {name} and Lind."), b"rubbish")
    said = await asyncio.to_thread(
        typed,
        *("rules", "preview", f'drones NEAR/2 "{name}"', "--json"),
        *("--since", begin.isoformat()),
        WIREWATCH_KAFKA_SERVERS=kafka_server,
    )
    assert said.exit_code == 0, said.output
    counted = json.loads(said.stdout)
    assert counted["matched"] == 1
    assert counted["best"][0]["article_id"] == f"article-{name}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("(x",), "bracket"),
        (("x", "--since", "a while"), "write 7d, 36h, 2w or a date"),
        (("x", "--state", "nowhere"), "nowhere: no such state folder"),
        (("x", "--state", "."), "no bus in ."),
    ],
)
def test_what_cannot_be_previewed_ends_with_two(arguments: Sequence[str], words: str) -> None:
    said = typed("rules", "preview", *arguments)
    assert said.exit_code == 2
    assert words in said.stderr


# The tally


def _tallied(query: str, *articles: Article, most: int = 20) -> Tally:
    counted = Tally(RuleSet.of([rule(query)]), most)
    for one in articles:
        counted.take(one)
    return counted


def test_revisions_of_an_article_count_once_on_the_day_of_the_first_match() -> None:
    first = NOW - timedelta(days=2)
    counted = _tallied(
        "drones",
        report("one", "Nothing yet.", first),
        report("one", "Two drones.", first + timedelta(days=1)),
        report("one", "Three drones.", NOW),
    )
    assert (counted.articles, counted.revisions, counted.matched) == (1, 3, 1)
    assert counted.days == {(first + timedelta(days=1)).date(): 1}
    assert [found.article.body for found in counted.best] == ["Three drones."]


def test_the_best_have_their_clauses_on_top_then_many_clauses_and_then_are_new() -> None:
    counted = _tallied(
        "drones OR ships OR planes",
        report("deep", "Nothing.\n\nDrones, ships and planes."),
        report("top", "Drones.", title="Drones"),
        report("older", "Nothing.\n\nDrones.", NOW - timedelta(hours=1)),
        report("newer", "Nothing.\n\nShips."),
        most=3,
    )
    assert [found.article.article_id for found in counted.best] == [
        "article-top",
        "article-deep",
        "article-newer",
    ]


def test_a_report_that_several_feeds_carry_is_shown_once() -> None:
    counted = _tallied(
        "drones",
        *(report(name, f"Drones, says {name}.", title="Drones  over Lind") for name in "abc"),
    )
    assert (counted.matched, len(counted.best)) == (3, 1)


@pytest.mark.parametrize(
    ("since", "start"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("36h", NOW - timedelta(hours=36)),
        ("2w", NOW - timedelta(weeks=2)),
        ("90m", NOW - timedelta(minutes=90)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_start_is_a_length_of_time_or_a_date(since: str, start: datetime) -> None:
    assert start_of(since, NOW) == start


def test_bars_are_as_long_as_their_counts() -> None:
    assert [bar(n, 40) for n in (0, 1, 10, 40)] == ["", "█", "█" * 10, "█" * 40]
    assert bar(1, 4000) == "▏"
    assert len(bar(4000, 4000)) == 40


async def test_the_whole_of_a_large_topic_is_read_in_pieces(bus: Bus) -> None:
    await put(bus, *(report(f"{n}", "Two drones." if n % 7 else "None.") for n in range(1_300)))
    counted = await tally(
        bus, choose("drones", None, stem=False, clitics=False), NOW - timedelta(days=1), 5
    )
    assert (counted.articles, counted.matched, len(counted.best)) == (1_300, 1_114, 5)
