"""The figures of a run as lines of one table, the ratio last.

A ratio says how many times better ours is: faster, smaller or shorter.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.match.files import Setting

Facts = Mapping[str, Any]
HEADER = f"{'':<46}{'Wirewatch':>14}{'Lucene':>14}{'ratio':>9}"


def rows(setting: Setting, ours: Facts, lucene: Facts | None) -> Iterator[str]:
    """One size of rule set. `lucene` is None where it could not run."""
    theirs = lucene or {}
    rules = setting.rules
    kind = "selective" if setting.selective else f"{setting.common:.0%} of their words common"
    yield f"{rules:,} rules, {kind}"
    yield _row("matches an article", ours["matches_per_article"], theirs.get("matches_per_article"))
    for name, key in (("matches only", "ids"), ("matches with offsets", "offsets")):
        yield from _speed(name, ours[key], theirs.get(key))
    yield from _speed("matches only, unseen articles", ours["unseen"], None)
    yield _row("bytes a rule, whole process", ours["bytes"] / rules, digits=0)
    added, heap = ours["bytes_added"] / rules, theirs.get("bytes_per_rule")
    yield _row("bytes a rule added (Lucene: heap)", added, heap, digits=0, smaller=True)
    if "built_bytes" in ours:
        yield _row("bytes a rule added, if registered", ours["built_bytes"] / rules, digits=0)
    yield _row("registration, s", ours["register_s"], theirs.get("register_s"), smaller=True)
    if "save_s" in ours:
        yield _row("saving, s", ours["save_s"])
        yield _row("process start to ready, rules saved, s", ours["ready_s"])
    yield _row("matches only after the changes, articles/s", ours["ids_after_updates"]["per_s"])
    mine, other = ours["update"], theirs.get("update", {})
    for percent in ("p50_ms", "p99_ms"):
        name = f"change of a rule of 50 terms, {percent[:3]} ms"
        yield _row(name, mine[percent], other.get(percent), digits=3, smaller=True)


def _speed(name: str, ours: Facts, lucene: Facts | None) -> Iterator[str]:
    theirs = lucene or {}
    yield _row(f"{name}, articles/s", ours["per_s"], theirs.get("per_s"), digits=1, larger=True)
    used, other = ours["per_cpu_s"], theirs.get("per_cpu_s")
    yield _row(f"{name}, articles/CPU s", used, other, digits=1, larger=True)
    yield _row(f"{name}, p50 ms", ours["p50_ms"], theirs.get("p50_ms"), digits=2, smaller=True)
    yield _row(f"{name}, p99 ms", ours["p99_ms"], theirs.get("p99_ms"), digits=2, smaller=True)


def _row(
    name: str,
    ours: float | None,
    lucene: float | None = None,
    *,
    digits: int = 1,
    larger: bool = False,
    smaller: bool = False,
) -> str:
    ratio = ""
    if ours and lucene and (larger or smaller):
        ratio = f"{ours / lucene if larger else lucene / ours:.2f}"
    return (
        f"  {name:<44}{_number(ours, digits):>14}{_number(lucene, digits):>14}{ratio:>9}".rstrip()
    )


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
