"""`wirewatch why`: asked of an installation that runs, and of one that does not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import Result

from tests.embedded.command_line import an_empty_place, typed
from tests.pipeline.inboxes import SlackInbox, slack_inbox
from tests.pipeline.newsroom_desk import NewsroomDesk, running_newsroom
from tests.pipeline.stories import FILLER, HIT, REFERENCE, SUMMARY
from tests.pipeline.timeline import EmbeddedTimeline
from tests.pipeline.wirewatch_process import WirewatchProcess, until, wirewatch_process

__all__ = ["an_empty_place"]


@pytest.fixture
async def newsroom() -> AsyncIterator[NewsroomDesk]:
    async with running_newsroom() as desk:
        yield desk


@pytest.fixture
async def slack() -> AsyncIterator[SlackInbox]:
    async with slack_inbox() as inbox:
        yield inbox


@pytest.fixture
async def wirewatch(
    tmp_path: Path, newsroom: NewsroomDesk, slack: SlackInbox
) -> AsyncIterator[WirewatchProcess]:
    async with wirewatch_process(tmp_path) as installation:
        installation.env = {"SLACK_TEST_URL": slack.url}
        url = await newsroom.open_feed("wire")
        installation.write("feeds.yaml", {"feeds": [{"id": "wire", "url": url, "name": "Wire"}]})
        quiet = {"id": "quiet", "query": "harvest", "severity": "low"}
        never = {"id": "never", "query": "zeppelin AND Syria"}
        installation.write("rules/rules.yaml", {"rules": [REFERENCE, quiet, never]})
        webhook = {"env": "SLACK_TEST_URL"}
        channels = [{"id": "desk", "type": "slack", "webhook_url": webhook}]
        installation.write("channels.yaml", {"channels": channels})
        chosen = {"severities": ["normal", "urgent"]}
        subscriptions = [{"id": "all", "channel": "desk", "rules": chosen}]
        installation.write("subscriptions.yaml", {"subscriptions": subscriptions})
        yield installation


@pytest.fixture
def timeline(
    newsroom: NewsroomDesk, wirewatch: WirewatchProcess, slack: SlackInbox
) -> EmbeddedTimeline:
    return EmbeddedTimeline(newsroom, wirewatch, slack)


async def why(wirewatch: WirewatchProcess, *arguments: str) -> Result:
    return await asyncio.to_thread(typed, "why", *arguments, "--state", wirewatch.state)


def line(said: Result, step: str) -> str:
    """The lines of a step as one."""
    rest = said.stdout.split(f"\n{step} ")[1]
    lines = rest.splitlines()
    own = [lines[0], *(x for x in _while_indented(lines[1:]))]
    return " ".join(" ".join(own).split())


def _while_indented(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for one in lines:
        if not one.startswith("  "):
            break
        kept.append(one)
    return kept


async def test_somebody_was_told_and_every_step_says_when(timeline: EmbeddedTimeline) -> None:
    await timeline.wirewatch.start_ready()
    url = await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    await timeline.expect_nothing_more()
    said = await why(timeline.wirewatch, url)  # beside the running process
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith(f"told  {url}: told to all\n")
    assert "yes wire (Wire): ok; last answered" in line(said, "feed")
    assert "Full text, read from the article's page" in line(said, "page")
    assert "“Troops” revision" in line(said, "article")
    assert "reference (Reference rule) matches" in line(said, "rules")
    assert "1 rule did not match" in line(said, "rules")
    assert "all through desk: delivered" in line(said, "deliveries")
    assert await timeline.wirewatch.stop() == 0
    for lenient in (
        url.replace("http://", "https://") + "/?utm_source=x#top",
        url.partition("://")[2],
    ):
        assert (await why(timeline.wirewatch, lenient)).exit_code == 0


async def test_a_rule_that_missed_is_explained(timeline: EmbeddedTimeline) -> None:
    await timeline.wirewatch.start_ready()
    url = await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    await timeline.expect_nothing_more()
    said = await why(timeline.wirewatch, url, "--rule", "never")
    assert said.exit_code == 1
    assert said.stdout.startswith(f"not told  {url}: rule never does not match it\n")
    assert "failed    zeppelin  does not occur" in said.stdout
    assert "held      Syria     occurs once" in said.stdout or "Syria  occurs once" in said.stdout
    unknown = await why(timeline.wirewatch, url, "--rule", "nevr")
    assert unknown.exit_code == 2
    assert 'no rule in force has the id "nevr"; did you mean "never"?' in unknown.stderr


async def test_an_alert_that_nobody_wanted_ends_at_the_deliveries(
    timeline: EmbeddedTimeline,
) -> None:
    await timeline.wirewatch.start_ready()
    url = await timeline.publish("wire", "Harvest", FILLER, summary="Talks.")
    await timeline.expect_nothing_more()
    said = await why(timeline.wirewatch, url)
    assert said.exit_code == 1
    assert "no subscription selects the rules that matched" in said.stdout
    assert line(said, "alerts").startswith("yes quiet, raised")


async def test_no_rule_matched(timeline: EmbeddedTimeline) -> None:
    await timeline.wirewatch.start_ready()
    url = await timeline.publish("wire", "Calm", ["Nothing whatever took place on this long day."])
    await timeline.expect_nothing_more()
    said = await why(timeline.wirewatch, url)
    assert said.exit_code == 1
    assert f"not told  {url}: none of 3 rules matches it" in said.stdout


async def test_what_stood_in_the_feed_at_the_first_fetch_is_told_as_that(
    timeline: EmbeddedTimeline,
) -> None:
    url = await timeline.newsroom.publish("wire", "Old troops", HIT, summary=SUMMARY)
    await timeline.wirewatch.start_ready()
    await timeline.wirewatch.until_metric("wirewatch_entries_muted_total", 1)
    await timeline.publish("wire", "Calm", ["Nothing whatever took place on this long day."])
    await timeline.expect_nothing_more()
    said = await why(timeline.wirewatch, url)
    assert said.exit_code == 1
    assert "it stood in the feed at the first fetch, and was not news then" in said.stdout


async def test_a_page_that_could_not_be_read_says_so_and_when_it_is_tried_again(
    timeline: EmbeddedTimeline,
) -> None:
    await timeline.wirewatch.start_ready()
    await timeline.newsroom.afflict_page("wire", "troops", "500")
    url = await timeline.publish("wire", "Troops", HIT, summary=SUMMARY, slug="troops")
    await timeline.expect_nothing_more()
    said = await why(timeline.wirewatch, url, "--rule", "reference")
    assert said.exit_code == 1
    assert "Only the feed's summary: the page answered with an error" in line(said, "page")
    assert "the page is tried again" in line(said, "page")


async def test_a_delivery_that_waits_is_no_telling_yet(timeline: EmbeddedTimeline) -> None:
    timeline.slack.answers.extend([500] * 500)
    timeline.wirewatch.env = {
        **timeline.wirewatch.env,
        "WIREWATCH_DELIVERY_RETRY_FIRST_SECONDS": "600",
    }
    await timeline.wirewatch.start_ready()
    url = await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)

    async def refused() -> bool:
        return timeline.slack.refused > 0

    await until(refused, "a refused delivery")

    async def waits() -> bool:
        said = await why(timeline.wirewatch, url)
        return said.exit_code == 1 and "1 try so far (server_error" in line(said, "deliveries")

    await until(waits, "the outcome to be recorded")


async def test_a_feed_that_fails_and_an_article_that_nobody_showed(
    timeline: EmbeddedTimeline,
) -> None:
    await timeline.wirewatch.start_ready()
    url = await timeline.publish("wire", "Calm", ["Nothing whatever took place on this long day."])
    await timeline.expect_nothing_more()
    await timeline.newsroom.afflict_feed("wire", "500")
    await timeline.wirewatch.until_metric("wirewatch_polls_total", 1, outcome="http_error")
    unheard = url.rpartition("/")[0] + "/unheard-of"

    async def failing() -> bool:
        return "failing" in line(await why(timeline.wirewatch, unheard), "feed")

    await until(failing, "the failed poll to be written down")
    said = await why(timeline.wirewatch, unheard)
    assert said.exit_code == 1
    assert "no feed has shown it, and it is not on the bus" in said.stdout
    assert "last error: http_error" in line(said, "feed")
    elsewhere = await why(timeline.wirewatch, "https://elsewhere.example/x")
    assert "no feed of elsewhere.example is watched" in elsewhere.stdout


async def test_a_part_of_an_address_lists_the_articles_it_may_mean(
    timeline: EmbeddedTimeline,
) -> None:
    await timeline.wirewatch.start_ready()
    calm = ["Nothing whatever took place on this long day."]
    urls = [await timeline.publish("wire", f"Calm {n}", calm, slug=f"calm-{n}") for n in "ab"]
    await timeline.expect_nothing_more()
    said = await why(timeline.wirewatch, "calm-")
    assert said.exit_code == 2
    assert all(url in said.stderr for url in urls)


def test_without_a_state_folder_there_is_no_answer() -> None:
    said = typed("why", "https://example.org/x")
    assert said.exit_code == 2
    assert "no such state folder" in said.stderr
