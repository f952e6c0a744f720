"""The whole way of an article, with the very process a user starts."""

from tests.pipeline.stories import FILLER, HIT, REFERENCE, SUMMARY
from tests.pipeline.timeline import Timeline
from tests.pipeline.wirewatch_process import until


async def test_a_phrase_that_stands_only_in_the_body_alerts_once_with_its_sentence(
    timeline: Timeline,
) -> None:
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "Troops on the move", HIT, summary=SUMMARY, slug="hit")
    payload = await timeline.expect("Reference rule", "Troops on the move", "hit.html")
    assert "*Iranian ground forces*" in payload
    assert "had entered" in payload
    await timeline.expect_nothing_more()


async def test_articles_that_match_nothing_and_links_to_others_stay_silent(
    timeline: Timeline,
) -> None:
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "Harvest talks", FILLER, summary="Talks about grain.")
    await timeline.publish(
        "wire",
        "Ferry timetable",
        FILLER,
        furniture={
            "read_more": [{"after": 1, "title": "Iranian ground forces cross into Syria"}],
            "also_in": ["Iranian ground forces reach Syria"],
        },
    )
    await timeline.publish("wire", "Troops again", HIT, summary=SUMMARY)
    await timeline.expect("Troops again")
    await timeline.expect_nothing_more()


async def test_an_article_polled_many_times_alerts_once_and_feeds_are_asked_conditionally(
    timeline: Timeline,
) -> None:
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "Troops on the move", HIT, summary=SUMMARY)
    await timeline.expect("Troops on the move")
    await timeline.wirewatch.until_metric("wirewatch_polls_total", 3, outcome="unchanged")
    await timeline.expect_nothing_more()
    visits = await timeline.newsroom.visits()
    polls = [v for v in visits if v["path"] == "/feeds/wire.xml"]
    assert [v for v in polls if v["conditional"] and v["status"] == 304]
    assert all("Wirewatch/" in v["user_agent"] for v in polls)


async def test_what_stood_in_a_feed_before_it_was_watched_is_not_news(timeline: Timeline) -> None:
    await timeline.newsroom.publish("wire", "Old troops", HIT, summary=SUMMARY)
    await timeline.wirewatch.start_ready()
    await timeline.wirewatch.until_metric("wirewatch_entries_muted_total", 1)
    await timeline.publish("wire", "New troops", HIT, summary=SUMMARY)
    await timeline.expect("New troops")
    await timeline.expect_nothing_more()


async def test_an_edited_article_alerts_for_a_rule_that_it_did_not_match_before(
    timeline: Timeline,
) -> None:
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "Talks", FILLER, summary="Talks.", slug="talks")
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY, slug="troops")
    await timeline.expect("Troops")
    await timeline.newsroom.edit("wire", "talks", summary="Talks and troops.", body=HIT)
    await timeline.expect("Talks")
    await timeline.newsroom.edit("wire", "troops", summary="Troops, corrected.")
    await timeline.wirewatch.until_metric("wirewatch_articles_total", 4)
    await timeline.expect_nothing_more()


async def test_a_rule_changed_in_the_folder_is_live_and_a_broken_file_changes_nothing(
    timeline: Timeline,
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


async def test_a_start_with_a_broken_folder_uses_the_last_good_set(timeline: Timeline) -> None:
    wirewatch = timeline.wirewatch
    await wirewatch.start_ready()
    assert await wirewatch.stop() == 0
    wirewatch.write("channels.yaml", "channels: [{id: desk, type: slck}]\n")
    await wirewatch.start_ready()
    assert wirewatch.logged("configuration not applied")
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    await timeline.expect_nothing_more()


async def test_rules_met_by_one_story_make_one_message_that_names_them_all(
    timeline: Timeline,
) -> None:
    second = {"id": "east", "name": "From the east", "query": '"from the east"', "severity": "low"}
    timeline.wirewatch.write("rules/rules.yaml", {"rules": [REFERENCE, second]})
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops", "Reference rule", "From the east")
    await timeline.expect_nothing_more()


async def test_every_stage_of_the_latency_is_measured(timeline: Timeline) -> None:
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    await timeline.expect_nothing_more()
    for stage in ("seen", "matched", "delivered", "total"):
        name = "wirewatch_alert_latency_seconds_count"
        assert await timeline.wirewatch.metric(name, stage=stage) == 1
    assert (await timeline.wirewatch.get("/healthz"))[0] == 200
