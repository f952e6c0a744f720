"""`wirewatch alerts preview`: an alert as each kind of channel sends it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from schemas.article import Article, revision_of
from schemas.topics import ARTICLES
from schemas.webhook import WebhookAlert
from services.bus.port import Outgoing
from services.bus.sqlite import open_bus
from tests.embedded.command_line import an_empty_place, typed
from tests.engine.newsroom import article

__all__ = ["an_empty_place"]

FOLDER = Path(__file__).parents[2] / "deploy" / "examples" / "config"
NOW = datetime.now(UTC)


def preview(*arguments: object, code: int = 0, **env: str) -> str:
    said = typed("alerts", "preview", *arguments, **env)
    assert said.exit_code == code, said.output
    return said.output


def report(name: str, title: str, age: timedelta) -> Article:
    body = f"{title}: the strike goes on, the union said."
    return article(
        body,
        article_id=name,
        revision=revision_of(title, body, ""),
        title=title,
        url=f"https://wire.example/{name}",
        first_seen_at=NOW - age,
        seen_at=NOW - age,
    )


async def put(*articles: Article) -> None:
    async with open_bus(Path("var") / "bus.sqlite") as bus:
        await bus.send_all([Outgoing(ARTICLES, a.article_id, a.encode()) for a in articles])


def test_without_articles_it_is_made_of_the_rules_own_tests_for_every_kind() -> None:
    said = preview("iranian-ground-forces", "--config", FOLDER)
    assert "“Troops arrive”, made of test 1 of the rule" in said
    for kind in ("console", "slack", "email", "webhook", "apprise"):
        assert f"\n{kind} ──" in said
    assert said.count("Iranian ground forces near Syria") >= 5


@pytest.mark.parametrize(
    "query", ['"drone strike" AND (port* OR harbour) NOT film', "strike NEAR/3 port", "2 OF strike"]
)
def test_an_expression_shows_its_own_words(query: str) -> None:
    said = preview(query, "--channel", "email")
    assert "made of the rule's own words" in said
    assert "strike" in said
    assert "film" not in said.partition("\n\n")[2].partition("Published")[0]


@pytest.mark.parametrize("kind", ["slack", "webhook"])
def test_what_a_program_reads_is_whole(kind: str) -> None:
    said = preview("strike", "--channel", kind)
    shown = said[said.index("\n{") : said.rindex("\n}") + 2]
    if kind == "webhook":
        assert WebhookAlert.decode(shown.encode()).data.rules[0].query == "strike"
        return
    builder = said.rpartition("block-kit-builder/#")[2].strip()
    assert json.loads(unquote(builder))["blocks"] == json.loads(shown)["blocks"]


async def test_the_newest_article_on_the_bus_that_matches_is_shown() -> None:
    await put(
        report("old", "Old walkout", timedelta(hours=5)),
        report("new", "New walkout", timedelta(hours=1)),
        article("Nothing at all.", article_id="other", seen_at=NOW, first_seen_at=NOW),
    )
    said = await asyncio.to_thread(preview, "strike", "--channel", "console")
    assert "“New walkout”, the newest on the bus that it matches" in said


def test_an_article_that_does_not_match_is_shown_and_said_not_to(tmp_path: Path) -> None:
    file = tmp_path / "article.txt"
    file.write_text("Ministers met and went home.")
    said = preview("strike", "--article", file, "--channel", "console", code=1)
    assert "Ministers met" in said
    assert "the rule does not match this article" in said


def test_the_mails_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "mail.html"
    preview("strike", "--channel", "email", "--html", page)
    assert "<html" in page.read_text()
    assert "strike" in page.read_text()


def test_a_channel_of_the_folder_is_shown_as_its_kind() -> None:
    said = preview("hormuz", "--config", FOLDER, "--channel", "newsroom-slack")
    assert "\nslack ──" in said
    assert "\nconsole ──" not in said


def test_the_links_of_an_installation_with_a_public_address_are_shown() -> None:
    said = preview("strike", "--channel", "apprise", WIREWATCH_PUBLIC_URL="https://watch.example")
    assert "https://watch.example/silence/" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("strike", "--channel", "slak"), 'no channel "slak"'),
        (("strike", "--zone", "Mars/Base"), "not a time zone"),
        (("strike", "--article", "nowhere.txt"), "nowhere.txt"),
        (("strike", "--article", "a", "--url", "https://x.example"), "exclude each other"),
        (("strike AND", "--channel", "email"), "AND"),
        (("strike", "--html", "no/such/folder.html"), "no/such/folder.html"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(arguments: tuple[str, ...], said: str) -> None:
    assert said in preview(*arguments, code=2)
