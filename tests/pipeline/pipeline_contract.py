"""The stories that the pipeline must tell, whichever way it runs."""

from typing import Any

from tests.pipeline.stories import FILLER, HIT, MORE, REFERENCE, SUMMARY
from tests.pipeline.timeline import Timeline


class PipelineContract:
    """Each way of running gives a `timeline` over an installation that is not started."""

    async def test_a_phrase_that_stands_only_in_the_body_alerts_once_with_its_sentence(
        self, timeline: Timeline[Any]
    ) -> None:
        await timeline.wirewatch.start_ready()
        await timeline.publish("wire", "Troops on the move", HIT, summary=SUMMARY, slug="hit")
        payload = await timeline.expect("Reference rule", "Troops on the move", "hit.html")
        assert "*Iranian ground forces*" in payload
        assert "had entered" in payload
        await timeline.expect_nothing_more()

    async def test_articles_that_match_nothing_and_links_to_others_stay_silent(
        self, timeline: Timeline[Any]
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
        self, timeline: Timeline[Any]
    ) -> None:
        await timeline.wirewatch.start_ready()
        await timeline.publish("wire", "Troops on the move", HIT, summary=SUMMARY)
        await timeline.expect("Troops on the move")
        await timeline.polled_again(3)
        await timeline.expect_nothing_more()
        visits = await timeline.newsroom.visits()
        polls = [v for v in visits if v["path"] == "/feeds/wire.xml"]
        assert [v for v in polls if v["conditional"] and v["status"] == 304]
        assert all("Wirewatch/" in v["user_agent"] for v in polls)

    async def test_an_edited_article_alerts_for_a_rule_that_it_did_not_match_before(
        self, timeline: Timeline[Any]
    ) -> None:
        await timeline.wirewatch.start_ready()
        await timeline.publish("wire", "Talks", FILLER, summary="Talks.", slug="talks")
        await timeline.publish("wire", "Troops", HIT, summary=SUMMARY, slug="troops")
        await timeline.expect("Troops")
        await timeline.newsroom.edit("wire", "talks", summary="Talks and troops.", body=MORE)
        await timeline.expect("Talks")
        await timeline.newsroom.edit("wire", "troops", summary="Troops, corrected.")
        await timeline.articles_since_start(4)
        await timeline.expect_nothing_more()

    async def test_rules_met_by_one_story_make_one_message_that_names_them_all(
        self, timeline: Timeline[Any]
    ) -> None:
        second = {
            "id": "east",
            "name": "From the east",
            "query": '"from the east"',
            "severity": "low",
        }
        timeline.wirewatch.write("rules/rules.yaml", {"rules": [REFERENCE, second]})
        await timeline.wirewatch.start_ready()
        await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
        await timeline.expect("Troops", "Reference rule", "From the east")
        await timeline.expect_nothing_more()
