"""The whole way of an article, with the very process a user starts."""

import asyncio
import re
import sys

import pytest

from tests.pipeline.pipeline_contract import PipelineContract
from tests.pipeline.stories import FILLER, HIT, MORE, REFERENCE, SUMMARY
from tests.pipeline.timeline import EmbeddedTimeline
from tests.pipeline.wirewatch_process import WirewatchProcess, until


class TestEmbedded(PipelineContract):
    """Everything in one process."""


async def test_what_stood_in_a_feed_before_it_was_watched_is_not_news(
    timeline: EmbeddedTimeline,
) -> None:
    await timeline.newsroom.publish("wire", "Old troops", HIT, summary=SUMMARY)
    await timeline.wirewatch.start_ready()
    await timeline.wirewatch.until_metric("wirewatch_entries_muted_total", 1)
    await timeline.publish("wire", "New troops", HIT, summary=SUMMARY)
    await timeline.expect("New troops")
    await timeline.expect_nothing_more()


async def test_a_rule_changed_in_the_folder_is_live_and_a_broken_file_changes_nothing(
    timeline: EmbeddedTimeline,
) -> None:
    wirewatch = timeline.wirewatch
    await wirewatch.start_ready()
    wirewatch.write("rules/rules.yaml", 'rules:\n  - id: reference\n    querry: "oops"\n')

    async def refused() -> bool:
        return await wirewatch.metric("wirewatch_config_valid") == 0

    await until(refused, "the broken file to be refused")
    _, ready = await wirewatch.get("/readyz")
    assert "the last good set is in force" in ready
    assert "rules/rules.yaml:3" in ready
    await timeline.publish("wire", "Still watching", HIT, summary=SUMMARY)
    await timeline.expect("Still watching")
    grain = {"id": "grain", "name": "Grain rule", "query": "harvest AND committee"}
    wirewatch.write("rules/rules.yaml", {"rules": [REFERENCE, grain]})
    await wirewatch.until_metric("wirewatch_rules_active", 2)
    await timeline.publish("wire", "Harvest talks", FILLER, summary="Talks about grain.")
    await timeline.expect("Grain rule", "Harvest talks")
    await timeline.expect_nothing_more()


async def test_a_list_changed_in_the_folder_is_live_in_the_rules_that_use_it(
    timeline: EmbeddedTimeline,
) -> None:
    wirewatch = timeline.wirewatch
    grain = {"id": "grain", "name": "Grain rule", "query": "@crops AND committee"}
    wirewatch.write("rules/rules.yaml", {"rules": [grain]})
    wirewatch.write("rules/lists.yaml", {"lists": {"crops": ["barley"]}})
    await wirewatch.start_ready()
    await timeline.publish("wire", "Unheard", FILLER, summary="Talks about grain.")
    await timeline.expect_nothing_more()
    wirewatch.write("rules/lists.yaml", {"lists": {"crops": ["barley", "harvest"]}})
    await wirewatch.until_metric("wirewatch_rules_generation", 2)
    await timeline.publish("wire", "Harvest talks", FILLER, summary="Talks about grain.")
    await timeline.expect("Grain rule", "Harvest talks")
    wirewatch.write("rules/lists.yaml", {"lists": {"crop": ["barley"]}})

    async def refused() -> bool:
        return await wirewatch.metric("wirewatch_config_valid") == 0

    await until(refused, "the list's new name to be refused")
    _, ready = await wirewatch.get("/readyz")
    assert 'there is no saved list "crops"' in ready
    await timeline.expect_nothing_more()


async def test_a_start_with_a_broken_folder_uses_the_last_good_set(
    timeline: EmbeddedTimeline,
) -> None:
    wirewatch = timeline.wirewatch
    await wirewatch.start_ready()
    assert await wirewatch.stop() == 0
    wirewatch.write("channels.yaml", "channels: [{id: desk, type: slck}]\n")
    await wirewatch.start_ready()
    assert wirewatch.logged("configuration not applied")
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    await timeline.expect_nothing_more()


async def test_a_restart_reads_on_from_its_cache_and_a_broken_one_is_no_hindrance(
    timeline: EmbeddedTimeline,
) -> None:
    wirewatch = timeline.wirewatch
    cache = wirewatch.state / "cache" / "cache.json"

    async def saved() -> bool:
        return cache.exists()

    await wirewatch.start_ready()
    await until(saved, "the rules on disk")
    assert await wirewatch.stop() == 0
    await wirewatch.start_ready()
    assert wirewatch.logged("rules remembered", rules=1, generation=1)
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    assert await wirewatch.stop() == 0
    cache.write_text("{")
    await wirewatch.start_ready()
    assert wirewatch.logged("the cache of the rules cannot be read")
    assert not wirewatch.logged("rules remembered")
    await timeline.publish("wire", "More troops", MORE, summary=SUMMARY)
    await timeline.expect("More troops")
    await timeline.expect_nothing_more()


async def test_every_stage_of_the_latency_is_measured(timeline: EmbeddedTimeline) -> None:
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    await timeline.expect_nothing_more()
    for stage in ("seen", "matched", "delivered", "total"):
        name = "wirewatch_alert_latency_seconds_count"
        assert await timeline.wirewatch.metric(name, stage=stage) == 1
    assert (await timeline.wirewatch.get("/healthz"))[0] == 200


def with_an_operator(timeline: EmbeddedTimeline, **env: str) -> None:
    """Somebody is told of feeds, in a channel of their own, after seconds instead of hours."""
    subscriptions = [
        {"id": "all", "channel": "desk", "rules": "all"},
        {"id": "operator", "kind": "ops", "channel": "desk"},
    ]
    timeline.wirewatch.write("subscriptions.yaml", {"subscriptions": subscriptions})
    timeline.wirewatch.env = {**timeline.wirewatch.env, **env}


async def test_a_feed_that_breaks_is_told_once_and_once_more_when_it_is_back(
    timeline: EmbeddedTimeline,
) -> None:
    with_an_operator(timeline, WIREWATCH_FEED_BROKEN_AFTER_MINUTES="0.02")
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    await timeline.newsroom.afflict_feed("wire", "500")
    await timeline.expect("wire cannot be read", "http_error")
    assert await timeline.wirewatch.metric("wirewatch_feeds", state="broken") == 1
    await timeline.polled_again(1)
    await timeline.wirewatch.kill()  # whoever comes next does not tell it again
    await timeline.wirewatch.start()
    await timeline.wirewatch.until_ready()
    await timeline.newsroom.afflict_feed("wire", "ok")
    await timeline.expect("wire can be read again", within=60)  # by now its waits are long
    await timeline.polled_again(3)
    await timeline.expect_nothing_more()


async def test_a_feed_that_goes_silent_is_told_once_and_once_more_when_it_publishes(
    timeline: EmbeddedTimeline,
) -> None:
    with_an_operator(timeline, WIREWATCH_FEED_SILENT_AFTER_HOURS="0.0005")
    await timeline.wirewatch.start_ready()
    for n in range(11):
        await timeline.publish("wire", f"Harvest {n}", FILLER, summary="Talks about grain.")
        await timeline.articles_since_start(n + 1)
    await timeline.expect("wire has gone silent")
    await timeline.polled_again(3)
    await timeline.publish("wire", "Harvest again", FILLER, summary="Talks about grain.")
    await timeline.expect("wire publishes again")
    # It may be silent once more by now, and nothing else.
    await timeline.polled_again(3)
    later = timeline.slack.received[timeline.expected :]
    assert all("has gone silent" in payload for payload in later)
    assert len(later) <= 1


async def test_a_rule_silenced_by_command_is_told_at_the_end_and_its_links_are_served(
    timeline: EmbeddedTimeline,
) -> None:
    wirewatch = timeline.wirewatch
    await wirewatch.start_ready()
    silence = ("--rule", "reference", "--for", "1h", "--author", "Ann", "--reason", "a drill")
    added = await said(wirewatch, "silences", "add", *silence)
    await timeline.publish("wire", "Unheard for now", HIT, summary=SUMMARY)
    await wirewatch.until_metric("wirewatch_silenced_alerts_total", 1)
    assert "1 alert held back" in await said(wirewatch, "silences", "list")
    await said(wirewatch, "silences", "expire", added.split()[0])
    payload = await timeline.expect("Unheard for now", "1 alert was held back", "Ann: a drill")
    links = re.findall(r"<http://wirewatch\.invalid(/[^|>]+)\|", payload)
    assert [path.split("/")[1] for path in links] == ["alerts", "silence", "unsubscribe"]
    for path in links:
        status, page = await wirewatch.get(path)
        assert (status, "<form" in page) == (200, not path.startswith("/alerts"))
    assert (await wirewatch.get("/unsubscribe/x"))[0] == 404
    await timeline.expect_nothing_more()


async def said(wirewatch: WirewatchProcess, *words: str) -> str:
    """What a command says beside the running process."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", *words, "--state", str(wirewatch.state)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await command.communicate()
    assert command.returncode == 0
    return out.decode()


def with_mode(timeline: EmbeddedTimeline, mode: object) -> None:
    """Who gets the alerts gets them in this mode."""
    subscription = {"id": "all", "channel": "desk", "rules": "all", "mode": mode}
    timeline.wirewatch.write("subscriptions.yaml", {"subscriptions": [subscription]})


async def two_alerts_held(timeline: EmbeddedTimeline, why: str) -> None:
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.publish("wire", "More troops", MORE, summary=SUMMARY)
    await timeline.wirewatch.until_metric("wirewatch_held_alerts", 2, why=why)


async def test_what_a_digest_holds_outlives_a_kill_and_follows_the_folder(
    timeline: EmbeddedTimeline,
) -> None:
    with_mode(timeline, {"digest": "weekly mon 08:00"})
    await timeline.wirewatch.start_ready()
    await two_alerts_held(timeline, "digest")
    await timeline.wirewatch.kill()
    await timeline.wirewatch.start_ready()
    await timeline.expect_nothing_more()
    with_mode(timeline, "instant")
    await timeline.expect("2 alerts since", "Troops", "More troops")
    await timeline.expect_nothing_more()
    assert await timeline.wirewatch.metric("wirewatch_held_alerts") == 0


@pytest.mark.slow  # a batch is a minute at least
async def test_a_batch_arrives_as_one_message(timeline: EmbeddedTimeline) -> None:
    with_mode(timeline, {"batch": "1m"})
    await timeline.wirewatch.start_ready()
    await two_alerts_held(timeline, "batch")
    await timeline.expect_nothing_more()
    await timeline.expect("2 alerts since", "Troops", "More troops", within=90)
    await timeline.expect_nothing_more()
