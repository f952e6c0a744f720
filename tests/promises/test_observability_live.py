"""A real Prometheus looks at a real process: every query of dashboard and rules has data."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from schemas.topics import ARTICLES
from services.bus.port import Outgoing
from services.bus.sqlite import open_bus
from tests.pipeline.stories import FILLER, HIT, MORE, SUMMARY
from tests.pipeline.timeline import Timeline
from tests.pipeline.wirewatch_process import WirewatchProcess
from tests.promises.observability import QUERIES, RULES, documented_labels, program
from tests.promises.prometheus_server import Prometheus, running_prometheus
from tests.promises.promql import without_thresholds

# What Grafana puts in for its own variable.
RATE_INTERVAL = "1m"
# What happens here is worth these alerts and no other.
EXPECTED_ALERTS = {"WirewatchDeliveriesGivenUp", "WirewatchDeadLetters"}


async def test_every_query_of_dashboard_and_rules_has_data(
    timeline: Timeline[WirewatchProcess], tmp_path: Path
) -> None:
    program("prometheus")
    await timeline.wirewatch.start_ready()
    targets = {"embedded": timeline.wirewatch.url.removeprefix("http://")}
    async with running_prometheus(tmp_path / "prometheus", targets) as prometheus:
        await prometheus.until('wirewatch_polls_total{outcome="unchanged"} > 1')
        await _everything_happens(timeline)
        await prometheus.until('increase(wirewatch_dead_letters_total{topic="articles"}[1m]) > 0')
        await prometheus.until("increase(wirewatch_deliveries_total{outcome='delivered'}[1m]) > 0")
        for alert in EXPECTED_ALERTS:
            await prometheus.until(f'ALERTS{{alertname="{alert}", alertstate="firing"}}')
        empty = [name for name, expr in QUERIES.items() if not await _knows(prometheus, expr)]
        assert empty == []
        await _nothing_else_fires(prometheus)
    await _every_metric_is_as_documented(timeline)


async def _everything_happens(timeline: Timeline[WirewatchProcess]) -> None:
    """News with and without a match, a page without text, poison, and a refusal for good."""
    # Away once; then it refuses the message, and the plain text that is tried instead.
    timeline.slack.answers.extend([500, 400, 400])
    await timeline.newsroom.afflict_page("wire", "unreadable", "500")
    await timeline.publish("wire", "Unreadable", FILLER, summary="None.", slug="unreadable")
    await timeline.publish("wire", "Nothing", FILLER, summary="None.")
    await timeline.publish("wire", "Given up", HIT, summary=SUMMARY)
    await timeline.wirewatch.until_metric("wirewatch_deliveries_total", 1, outcome="gave_up")
    async with open_bus(timeline.wirewatch.state / "bus.sqlite") as bus:
        await bus.send(Outgoing(ARTICLES, "rubbish", b"rubbish"))
    await timeline.publish("wire", "Told", MORE, summary=SUMMARY)
    await timeline.expect("Told")
    await timeline.wirewatch.until_metric("wirewatch_dead_letters_total", 1, topic="articles")


async def _knows(prometheus: Prometheus, expr: str) -> bool:
    concrete = expr.replace("$__rate_interval", RATE_INTERVAL)
    return await prometheus.knows(without_thresholds(concrete))


async def _nothing_else_fires(prometheus: Prometheus) -> None:
    """The rules are evaluated without a mistake, and a good process is left in peace."""
    said = await prometheus.rules()
    assert set(said) == set(RULES)
    assert {rule["health"] for rule in said.values()} == {"ok"}
    firing = {name for name, rule in said.items() if rule["state"] == "firing"}
    assert firing == EXPECTED_ALERTS
    told = [alert["annotations"] for rule in said.values() for alert in rule["alerts"]]
    assert told
    assert not re.search(r"<no value>|<error|\{\{", str(told))


async def _every_metric_is_as_documented(timeline: Timeline[WirewatchProcess]) -> None:
    _, text = await timeline.wirewatch.get("/metrics")
    exposed: dict[str, set[frozenset[str]]] = {}
    for family in text_string_to_metric_families(text):
        samples = [s for s in family.samples if not s.name.endswith("_created")]
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if name.startswith("wirewatch_") and samples:
            exposed[name] = {frozenset(s.labels) - {"le"} for s in samples}
    assert exposed == {name: {labels} for name, labels in documented_labels().items()}
