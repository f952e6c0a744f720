"""`wirewatch rules explain`: why a rule matches an article or not."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.embedded.command_line import an_empty_place, typed
from tests.pipeline.newsroom_desk import running_newsroom
from tests.pipeline.stories import FILLER, HIT, SUMMARY

__all__ = ["an_empty_place"]

RULE = '"Iranian ground forces" NEAR/3 Syria'
PAGE = """<!doctype html><html lang="en"><head><title>Troops arrive</title></head><body><article>
<h1>Troops arrive</h1>
<p>Ministers met in the capital on Monday to talk about the coming harvest season at length.</p>
<p>Columns of Iranian ground forces had entered Syria from the east at dawn, a colonel said.</p>
<p>Nobody was prepared to say when the next meeting of the committee would take place there.</p>
</article></body></html>"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(f"rules:\n  - id: troops\n    name: Troops in Syria\n    query: '{RULE}'\n")
    return path


def test_the_verdict_comes_first_then_the_clauses_then_the_text(rules: Path) -> None:
    said = typed(
        *("rules", "explain", "troops", "--config", rules, "--title", "Talks"),
        *("--text", "Nothing yet.", "--text", "Iranian ground forces entered Syria."),
    )
    assert said.exit_code == 0
    assert said.stdout.splitlines() == [
        "match  troops  Troops in Syria",
        "",
        f"held    {RULE}",
        "",
        "the text given:",
        "Talks",
        "    … 1 paragraph without a hit",
        "    *Iranian ground forces* entered *Syria*.",
    ]


def test_a_missed_proximity_says_how_far_it_was_and_where() -> None:
    text = "It was calm. Iranian ground forces were that day seen to be in Syria. So it was."
    said = typed("rules", "explain", RULE, "--text", text)
    assert said.exit_code == 1
    assert said.stdout.startswith("no match  expression\n")
    assert "7 words between them where they are nearest" in " ".join(said.stdout.split())
    assert "          *Iranian ground forces* were that day seen to be in *Syria*.\n" in said.stdout


def test_clauses_are_told_one_by_one_and_the_many_that_failed_are_counted() -> None:
    many = " OR ".join(f"word{n}" for n in range(40))
    said = typed("rules", "explain", f"alpha ({many}) NOT bravo", "--text", "Alpha and bravo.")
    assert said.exit_code == 1
    assert [line.rstrip() for line in said.stdout.splitlines() if line[:4] in {"held", "fail"}] == [
        "failed  all of these",
        "held      alpha  occurs once",
        "failed    any of these",
        *(f"failed      word{n}  does not occur" for n in range(6)),
        "failed    none of these",
        "held        bravo  occurs once",
    ]
    assert "and 34 more that failed" in said.stdout
    whole = typed("rules", "explain", f"alpha ({many})", "--text", "Alpha", "--full")
    assert "word39  does not occur" in whole.stdout


@pytest.mark.parametrize(
    ("name", "content", "origin"),
    [
        ("page.html", PAGE, "the page in page.html, as it is extracted (language: en):"),
        ("page", PAGE, "the page in page, as it is extracted (language: en):"),
        ("text.txt", "Iranian ground forces entered Syria.", "the text in text.txt:"),
        (
            "article.json",
            json.dumps({"body": "Iranian ground forces entered Syria.", "author": ["A"], "x": 1}),
            "the JSON in article.json:",
        ),
    ],
)
def test_a_file_is_a_page_a_text_or_an_article(name: str, content: str, origin: str) -> None:
    Path(name).write_text(content)
    said = typed("rules", "explain", RULE, "--file", name)
    assert said.exit_code == 0, said.output
    assert origin in said.stdout
    assert "*Iranian ground forces*" in said.stdout


def test_a_page_loses_its_furniture_before_it_is_matched() -> None:
    more = "<aside><p><a href='/x'>Read more: Iranian ground forces in Syria</a></p></aside>"
    Path("page.html").write_text(
        PAGE.replace("Columns of Iranian ground forces", "Columns").replace(
            "</article>", f"</article>{more}"
        )
    )
    assert typed("rules", "explain", RULE, "--file", "page.html").exit_code == 1


async def test_a_page_is_fetched_and_extracted_as_the_poller_does() -> None:
    async with running_newsroom() as newsroom:
        await newsroom.open_feed("wire")
        url = await newsroom.publish("wire", "Troops", HIT, summary=SUMMARY, slug="troops")
        said = await asyncio.to_thread(typed, "rules", "explain", RULE, "--url", url)
        assert said.exit_code == 0, said.output
        assert f"the page {url}, as it is extracted" in said.stdout
        assert FILLER[0] not in said.stdout
        full = await asyncio.to_thread(typed, "rules", "explain", RULE, "--url", url, "--full")
        assert FILLER[0][:40] in full.stdout
        named = ("--url", url, "--title", "Mine")
        titled = await asyncio.to_thread(typed, "rules", "explain", f"{RULE} title:mine", *named)
        assert titled.exit_code == 0, titled.output
        await newsroom.afflict_page("wire", "troops", "500")
        refused = await asyncio.to_thread(typed, "rules", "explain", RULE, "--url", url)
        assert refused.exit_code == 2
        assert "no text was read" in refused.stderr


def test_what_is_said_beside_the_text_counts() -> None:
    facts = (
        *("--source", "coast", "--author", "A. Writer", "--category", "World"),
        *("--lang", "en", "--url", "https://example.org/live/1", "--text", "Two drones fell."),
    )
    query = 'source:coast author:writer category:world lang:en url:org/live "drones fell"'
    assert typed("rules", "explain", query, *facts).exit_code == 0
    assert typed("rules", "explain", "drone", *facts).exit_code == 1
    assert typed("rules", "explain", "drone", *facts, "--stem").exit_code == 0


def test_an_id_that_is_nearly_right_is_told_apart_from_an_expression(rules: Path) -> None:
    said = typed("rules", "explain", "trops", "--config", rules, "--text", "x")
    assert said.exit_code == 1
    assert 'has the id "trops"; did you mean "troops"?; read as an expression' in said.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("(alpha", "--text", "x"), "bracket"),
        (("alpha",), "--url URL, --file FILE or --text TEXT"),
        (("alpha", "--file", "nowhere.html"), "nowhere.html: no such file"),
        (("alpha", "--file", "bad.json"), "not JSON"),
        (("alpha", "--file", "empty.json"), "at least one of"),
        (("alpha", "--file", "page.html"), "no text was read"),
        (("alpha", "--config", "nowhere", "--text", "x"), "nowhere: no such folder"),
        (("alpha", "--url", "http://127.0.0.1:1/"), "unreachable"),
    ],
)
def test_what_cannot_be_answered_ends_with_two(arguments: tuple[str, ...], words: str) -> None:
    Path("bad.json").write_text("{")
    Path("empty.json").write_text('{"headline": "x"}')
    Path("page.html").write_text("<html><body></body></html>")
    said = typed("rules", "explain", *arguments)
    assert said.exit_code == 2
    assert words in said.stderr


def test_a_rule_of_the_folder_with_a_mistake_is_told_with_its_place(rules: Path) -> None:
    rules.write_text("rules:\n  - id: troops\n    query: '(x'\n")
    said = typed("rules", "explain", "troops", "--config", rules, "--text", "x")
    assert said.exit_code == 2
    assert 'rules.yaml:3: rule "troops": ' in said.stderr


def test_colours_are_for_terminals_and_stars_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    question = ("rules", "explain", "alpha", "--text", "Alpha fell.")
    assert "\x1b[" not in typed(*question).stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = typed(*question).stdout
    assert "\x1b[" in coloured
    assert "*Alpha*" not in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = typed(*question).stdout
    assert "*Alpha*" in plain
    assert "\x1b[3" not in plain
