"""The Wirewatch dashboard: is it working, how late is it, what flows, what is broken.

    python -m deploy.grafana.wirewatch_dashboard

writes `dashboards/wirewatch.json` beside this file. Decides the order of the rows.
"""

import json
from pathlib import Path

from deploy.grafana import at_a_glance, over_time
from deploy.grafana.panels import Json, page

DASHBOARD_FILE = Path(__file__).parent / "dashboards" / "wirewatch.json"


def dashboard() -> Json:
    """The whole dashboard as Grafana reads it."""
    rows = {
        "Is it working?": [*at_a_glance.processes_and_polls(), *at_a_glance.waiting_and_lost()],
        "How late is it?": over_time.how_late(),
        "What flows?": over_time.what_flows(),
        "What is broken?": [
            *over_time.who_complains(),
            *over_time.failures_of_reading(),
            *over_time.failures_of_telling(),
        ],
        "Processes": over_time.processes(),
    }
    return {
        "uid": "wirewatch",
        "title": "Wirewatch",
        "description": "Is it working, how late is it, what flows, what is broken.",
        "tags": ["wirewatch"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [],
        "panels": page(rows),
    }


def text() -> str:
    """The dashboard as it stands in its file."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    DASHBOARD_FILE.write_text(text())
