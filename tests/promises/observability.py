"""What is deployed to look at Wirewatch: the alert rules, the dashboard, their queries."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.wirewatch_dashboard import DASHBOARD_FILE

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
METRICS = (ROOT / "docs" / "metrics.md").read_text()

DASHBOARD: dict[str, Any] = json.loads(DASHBOARD_FILE.read_text())
PANELS: list[dict[str, Any]] = [p for p in DASHBOARD["panels"] if p["type"] != "row"]

RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
}

QUERIES: dict[str, str] = {name: rule["expr"] for name, rule in RULES.items()} | {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in PANELS
    for target in panel["targets"]
}


def documented_labels() -> dict[str, frozenset[str]]:
    """Every metric of docs/metrics.md with its labels."""
    rows = re.findall(r"^\| `(wirewatch_\w+)(?:\{([^}]*)\})?`", METRICS, re.MULTILINE)
    return {name: frozenset(labels.split(",")) - {""} for name, labels in rows}


def program(name: str) -> str:
    """Where a program of Prometheus's package is; skips without it, and fails in CI."""
    found = shutil.which(name)
    if found is None:
        reason = f"the program {name} is not installed (package prometheus)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
