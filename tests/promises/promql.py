"""What a PromQL expression names, read with regular expressions: enough for our own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_METRIC = re.compile(r"\b(wirewatch_\w+|process_\w+|up|ALERTS)\b(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_GROUPED = re.compile(r"\b(?:by|on|group_left|without)\s*\(([^)]*)\)")
_THRESHOLD = re.compile(r"\s*(?:==|!=|>=|<=|>|<)\s*(?:bool\s+)?\d[\d.]*")
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Selected:
    """A metric with the labels that it is selected by."""

    metric: str
    labels: frozenset[str]


def selected(expr: str) -> Iterator[Selected]:
    """The metrics of an expression; a histogram's series count as the histogram."""
    for name, matchers in _METRIC.findall(_GROUPED.sub("", expr)):
        stem = re.sub(r"_(bucket|count|sum)$", "", name)
        yield Selected(stem, frozenset(_LABEL.findall(matchers)))


def grouped(expr: str) -> set[str]:
    """The labels that an expression groups or joins by."""
    lists = _GROUPED.findall(_QUOTED.sub("", expr))
    return {label.strip() for labels in lists for label in labels.split(",")}


def without_thresholds(expr: str) -> str:
    """What an expression looks at, without its judgement: a good state has data, too."""
    return _THRESHOLD.sub("", re.sub(r"\babsent\b", "", expr))
