"""Grafana's panels in the few forms that the dashboard uses, and their places on the page.

Decides how a panel looks; what it asks and what its colours mean is the dashboard's. The
form is Grafana's dashboard JSON, schema version 39, which Grafana 11 and 12 read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

DATA_SOURCE = {"type": "prometheus", "uid": "wirewatch-prometheus"}
PAGE_WIDTH = 24

GOOD, BAD, ODD, FLOWING, DIM, FAINT = "green", "red", "orange", "blue", "gray", "yellow"


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and what its series are called on the page."""

    expr: str
    legend: str = ""
    right_unit: str | None = None  # drawn against the right axis, in this unit


@dataclass(frozen=True, slots=True)
class Scale:
    """What a number means: `color` up to the first of `limits`, then each limit's colour."""

    color: str
    limits: Sequence[tuple[float, str]] = ()
    unit: str = "short"
    words: Mapping[int, str] = field(default_factory=dict)  # shown instead of these values
    none: str = "no data"  # shown where Prometheus knows nothing


@dataclass(frozen=True, slots=True)
class Chart:
    """How series are drawn; `colors` by legend."""

    width: int = 8
    unit: str = "short"
    stacked: bool = False
    logarithmic: bool = False
    colors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel without its place. `moment`: it shows now, not the time range."""

    kind: str
    title: str
    tells: str
    queries: Sequence[Query]
    size: tuple[int, int]
    options: Json
    defaults: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()
    moment: bool = False
    result: Literal["time_series", "heatmap", "table"] = "time_series"


def stat(title: str, tells: str, expr: str, scale: Scale) -> Panel:
    """One number on its colour."""
    options = {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "center",
        "textMode": "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    defaults = {
        "unit": scale.unit,
        "decimals": 0,
        "thresholds": _thresholds(scale),
        "mappings": _mappings(scale),
        "noValue": scale.none,
    }
    return Panel("stat", title, tells, [Query(expr)], (4, 4), options, defaults, moment=True)


def lines(title: str, tells: str, queries: Sequence[Query], chart: Chart) -> Panel:
    """Series over time."""
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    drawn = {
        "lineWidth": 2,
        "fillOpacity": 30 if chart.stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if chart.stacked else "none", "group": "A"},
        "scaleDistribution": {"type": "log", "log": 10}
        if chart.logarithmic
        else {"type": "linear"},
    }
    lowest = {} if chart.logarithmic else {"min": 0}
    defaults = {"unit": chart.unit, "custom": drawn, **lowest}
    overrides = [_override(name, _fixed(color)) for name, color in chart.colors.items()]
    overrides += [_override(q.legend, _right(q.right_unit)) for q in queries if q.right_unit]
    size = (chart.width, 8)
    return Panel("timeseries", title, tells, queries, size, options, defaults, overrides)


def heatmap(title: str, tells: str, expr: str, chart: Chart) -> Panel:
    """A histogram's buckets over time."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "unit": chart.unit},
    }
    buckets = [Query(expr, "{{le}}")]
    return Panel("heatmap", title, tells, buckets, (chart.width, 8), options, result="heatmap")


def table(title: str, tells: str, expr: str, columns: Mapping[str, str], none: str) -> Panel:
    """The series of this moment, a row each; `columns` are labels and their headings."""
    kept = {"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}}
    order = {label: place for place, label in enumerate(columns)}
    named = {"indexByName": order, "renameByName": dict(columns)}
    return Panel(
        kind="table",
        title=title,
        tells=tells,
        queries=[Query(expr)],
        size=(12, 7),
        options={"showHeader": True, "cellHeight": "sm"},
        defaults={"noValue": none},
        transformations=[kept, {"id": "organize", "options": named}],
        moment=True,
        result="table",
    )


def page(rows: Mapping[str, Sequence[Panel]]) -> list[Json]:
    """All panels with ids and places: each row under its heading, from left to right."""
    placed: list[Json] = []
    top = 0
    for heading, panels in rows.items():
        placed.append(_heading(heading, _place(0, top, (PAGE_WIDTH, 1)), len(placed) + 1))
        top += 1
        left, lowest = 0, 0
        for panel in panels:
            width, height = panel.size
            if left + width > PAGE_WIDTH:
                top, left, lowest = top + lowest, 0, 0
            placed.append(_shown(panel, _place(left, top, panel.size), len(placed) + 1))
            left, lowest = left + width, max(lowest, height)
        top += lowest
    return placed


def _place(left: int, top: int, size: tuple[int, int]) -> Json:
    return {"x": left, "y": top, "w": size[0], "h": size[1]}


def _heading(title: str, place: Json, number: int) -> Json:
    row = {"type": "row", "title": title, "collapsed": False, "panels": []}
    return {"id": number, "gridPos": place, **row}


def _shown(panel: Panel, place: Json, number: int) -> Json:
    return {
        "id": number,
        "gridPos": place,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.tells,
        "datasource": DATA_SOURCE,
        "targets": [_target(panel, q, "ABCDEFGH"[n]) for n, q in enumerate(panel.queries)],
        "fieldConfig": {"defaults": panel.defaults, "overrides": list(panel.overrides)},
        "options": panel.options,
        "transformations": list(panel.transformations),
    }


def _target(panel: Panel, query: Query, name: str) -> Json:
    return {
        "refId": name,
        "datasource": DATA_SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "format": panel.result,
        "instant": panel.moment,
        "range": not panel.moment,
    }


def _thresholds(scale: Scale) -> Json:
    first: Json = {"color": scale.color, "value": None}
    rest = [{"color": color, "value": limit} for limit, color in scale.limits]
    return {"mode": "absolute", "steps": [first, *rest]}


def _mappings(scale: Scale) -> list[Json]:
    unknown = {"match": "null+nan", "result": {"text": scale.none, "color": ODD}}
    named = {str(value): {"text": word} for value, word in scale.words.items()}
    known = [{"type": "value", "options": named}] if named else []
    return [{"type": "special", "options": unknown}, *known]


def _override(legend: str, properties: list[Json]) -> Json:
    return {"matcher": {"id": "byName", "options": legend}, "properties": properties}


def _fixed(color: str) -> list[Json]:
    return [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}]


def _right(unit: str | None) -> list[Json]:
    return [{"id": "custom.axisPlacement", "value": "right"}, {"id": "unit", "value": unit}]
