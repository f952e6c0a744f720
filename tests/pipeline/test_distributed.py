"""The same stories as separate processes on Kafka, Faust and PostgreSQL."""

import json
from pathlib import Path

import pytest

from tests.pipeline.distributed_fixtures import stack, timeline, wirewatch
from tests.pipeline.distributed_stack import Watch
from tests.pipeline.pipeline_contract import PipelineContract
from tests.pipeline.stories import FILLER, HIT, REFERENCE, SUMMARY
from tests.pipeline.timeline import Timeline
from tests.promises.observability import QUERIES, program
from tests.promises.prometheus_server import running_prometheus
from tests.promises.promql import without_thresholds

__all__ = ["stack", "timeline", "wirewatch"]
pytestmark = pytest.mark.xdist_group("stack")

# No process of the distributed way watches a folder, nobody has a public address for hubs, and
# nothing is wrong enough to alert.
NOT_HERE = ("wirewatch_config_valid", "wirewatch_websub", "ALERTS")


class TestDistributed(PipelineContract):
    """As many processes as the compose file says."""


async def test_a_rule_applied_while_all_runs_is_live_in_every_matcher(
    timeline: Timeline[Watch],
) -> None:
    watch = timeline.wirewatch
    await watch.start_ready()
    second = {"id": "east", "name": "From the east", "query": '"from the east"'}
    watch.write("rules/rules.yaml", {"rules": [REFERENCE, second]})
    await watch.start_ready()
    for number in range(6):  # enough for both matchers to have some
        await timeline.publish("wire", f"Troops {number}", [*HIT, f"{number}."], summary=SUMMARY)
    for _ in range(6):
        await timeline.expect("Reference rule", "From the east")
    await timeline.expect_nothing_more()


async def test_why_and_preview_answer_beside_the_running_stack(timeline: Timeline[Watch]) -> None:
    watch = timeline.wirewatch
    await watch.start_ready()
    url = await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    await timeline.expect_nothing_more()
    told = await watch.command("why", url, "--rule", "reference")
    assert f"told  {url}: told to all" in told
    assert "Full text, read from the article's page" in told
    assert "*Iranian ground forces*" in told
    found = await watch.command(
        *("rules", "preview", "reference", "--config", str(watch.config), "--since", "1h", "--json")
    )
    assert url in [one["url"] for one in json.loads(found)["best"]]


async def test_every_process_is_scraped_and_every_query_has_data(
    timeline: Timeline[Watch], tmp_path: Path
) -> None:
    program("prometheus")
    await timeline.wirewatch.start_ready()
    processes = timeline.wirewatch.stack.processes
    ours = {
        name: str(one["url"]).removeprefix("http://")
        for name, one in processes.items()
        if name.startswith(("poller", "matcher", "notifier"))
    }
    assert len(ours) == 5
    async with running_prometheus(tmp_path / "prometheus", ours) as prometheus:
        await prometheus.until(f'count(up{{job="wirewatch"}} == 1) == {len(ours)}')
        await timeline.publish("wire", "Nothing", FILLER, summary="None.")
        await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
        await timeline.expect("Troops")
        await prometheus.until("increase(wirewatch_deliveries_total{outcome='delivered'}[1m]) > 0")
        await prometheus.until("increase(wirewatch_articles_total[1m]) > 0")
        await prometheus.until("increase(wirewatch_matches_total[1m]) > 0")
        await prometheus.until("increase(wirewatch_articles_matched_total[1m]) > 0")
        here = {n: e for n, e in QUERIES.items() if not any(part in e for part in NOT_HERE)}
        empty = [
            name
            for name, expr in here.items()
            if not await prometheus.knows(
                without_thresholds(expr.replace("$__rate_interval", "1m"))
            )
        ]
        assert empty == []
