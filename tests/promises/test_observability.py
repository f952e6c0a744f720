"""Alert rules, dashboard and runbook name what exists, and fit each other."""

import re
import subprocess
from itertools import combinations
from typing import Any

import pytest
import yaml

from deploy.grafana.panels import PAGE_WIDTH
from deploy.grafana.wirewatch_dashboard import DASHBOARD_FILE, text
from tests.promises.observability import (
    DASHBOARD,
    OPERATIONS,
    PANELS,
    PROMETHEUS,
    QUERIES,
    ROOT,
    RULES,
    documented_labels,
    program,
)
from tests.promises.promql import grouped, selected

# Prometheus's own names, those of its client, and the labels that scraping adds.
FOREIGN_METRICS = {
    "up": frozenset[str](),
    "ALERTS": frozenset({"alertstate"}),
    "process_start_time_seconds": frozenset[str](),
    "process_resident_memory_bytes": frozenset[str](),
    "process_cpu_seconds_total": frozenset[str](),
}
SCRAPED = {"job", "instance", "service", "le"}

RULE_TESTS = yaml.safe_load((PROMETHEUS / "rules.test.yml").read_text())["tests"]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_names_metrics_and_labels_that_exist(name: str) -> None:
    known = {**documented_labels(), **FOREIGN_METRICS}
    asked = list(selected(QUERIES[name]))
    assert asked
    for metric, labels in ((a.metric, a.labels) for a in asked):
        assert metric in known
        assert labels <= known[metric] | SCRAPED, metric
    of_all = frozenset[str]().union(*(known[a.metric] for a in asked))
    assert grouped(QUERIES[name]) <= of_all | SCRAPED


@pytest.mark.parametrize("config", ["prometheus.yml", "prometheus.local.yml"])
def test_prometheus_accepts_its_configuration(config: str) -> None:
    _promtool("check", "config", config)


def test_prometheus_accepts_the_rules() -> None:
    _promtool("check", "rules", "--lint-fatal", "rules.yml")


def test_every_alert_fires_and_stays_silent_when_it_should() -> None:
    _promtool("test", "rules", "rules.test.yml")


def _promtool(*arguments: str) -> None:
    command = [program("promtool"), *arguments]
    said = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def _cases(alert: str) -> list[dict[str, Any]]:
    cases = [case for test in RULE_TESTS for case in test["promql_expr_test"]]
    wanted = f'ALERTS{{alertname="{alert}", alertstate="firing"}}'
    return [case for case in cases if case["expr"] == wanted]


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_has_a_case_that_fires_and_one_that_stays_silent(alert: str) -> None:
    assert {bool(case.get("exp_samples")) for case in _cases(alert)} == {True, False}


def test_every_case_is_of_an_alert_that_exists() -> None:
    cases = [case for test in RULE_TESTS for case in test["promql_expr_test"]]
    assert len(cases) == sum(len(_cases(alert)) for alert in RULES)


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_says_what_it_means_and_names_only_labels_that_it_has(alert: str) -> None:
    rule = RULES[alert]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    told = rule["annotations"]
    assert told["summary"]
    assert told["description"].endswith(".")
    fired = " ".join(str(case.get("exp_samples", "")) for case in _cases(alert))
    for label in re.findall(r"\$labels\.(\w+)", told["summary"] + told["description"]):
        assert f"{label}=" in fired, label


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_has_its_heading_in_the_runbook(alert: str) -> None:
    assert RULES[alert]["annotations"]["runbook"] == f"docs/operations.md#{alert.lower()}"
    assert re.search(rf"^### {alert}$", OPERATIONS, re.MULTILINE)


def test_every_heading_of_an_alert_is_an_alert_in_the_order_of_the_rules() -> None:
    assert re.findall(r"^#+ (Wirewatch[A-Z]\w+)$", OPERATIONS, re.MULTILINE) == list(RULES)


def test_the_runbook_names_only_alerts_that_exist() -> None:
    assert set(re.findall(r"\bWirewatch[A-Z]\w+", OPERATIONS)) <= set(RULES)


def test_the_runbook_quotes_log_lines_that_exist() -> None:
    source = "".join(path.read_text() for path in (ROOT / "services").rglob("*.py"))
    quoted = re.findall(r"log lines? `([^`]+)`|The\s+line `([^`]+)`", OPERATIONS)
    lines = {" ".join((one or other).split()) for one, other in quoted}
    assert len(lines) >= 6
    for line in lines:
        assert line in source, line


def test_the_dashboard_file_is_what_its_source_says() -> None:
    assert DASHBOARD_FILE.read_text() == text(), "python -m deploy.grafana.wirewatch_dashboard"


def test_panels_have_names_and_numbers_of_their_own() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert len(set(titles)) == len(titles)


def test_panels_lie_on_the_page_and_not_on_one_another() -> None:
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= PAGE_WIDTH
    for one, other in combinations(DASHBOARD["panels"], 2):
        assert not _cells(one) & _cells(other), (one["title"], other["title"])


def _cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    columns = range(place["x"], place["x"] + place["w"])
    return {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_the_provisioned_data_source_and_says_what_to_do(
    panel: dict[str, Any],
) -> None:
    provisioned = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text()
    )["datasources"][0]
    expected = {"type": "prometheus", "uid": provisioned["uid"]}
    assert panel["datasource"] == expected
    assert all(target["datasource"] == expected for target in panel["targets"])
    assert len(panel["description"]) > 30


def test_panels_refer_to_panels_and_settings_that_exist() -> None:
    titles = " ".join(panel["title"] for panel in PANELS)
    told = " ".join(panel["description"] for panel in PANELS) + OPERATIONS
    for name in ("Attempts to deliver", "Alerts that fire", "Parts that are not ready"):
        assert name in told
        assert name in titles
    for name in ("Feeds by state", "Records waiting by step", "Generation of the rules by matcher"):
        assert name in " ".join(told.split())
        assert name in titles


def test_the_containers_see_these_files_and_are_found_by_prometheus() -> None:
    services = COMPOSE["services"]
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    (found,) = next(j for j in jobs if j["job_name"] == "wirewatch")["dns_sd_configs"]
    running = {n for n, s in services.items() if s.get("command") == [n]}
    assert set(found["names"]) == running
    for name in running:
        assert services[name]["environment"]["WIREWATCH_HTTP_PORT"] == str(found["port"])
    provider = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/dashboards/wirewatch.yml").read_text()
    )["providers"][0]
    volumes = services["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in volumes
    assert "./deploy/prometheus:/etc/prometheus:ro" in services["prometheus"]["volumes"]
