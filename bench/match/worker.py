"""Our side, measured in a process of its own, so that its memory is that of the rules.

`build` registers the rules and saves them, `measure` loads them and matches. An engine
that cannot save does both in one process. Each step reads a Task as JSON from standard
input and prints one JSON object.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.match import corpus, files
from bench.match.corpus import as_article
from bench.match.memory import memory
from bench.match.ours import SAVES, Ours
from schemas.article import Article
from schemas.rule import WatchRule

Facts = dict[str, Any]
_BEFORE = 20
"""Other articles matched first: what is compiled at first use is no part of a match."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to measure. `started` is the clock of the parent when it started the process."""

    input: str
    rules: int
    saved: str
    pairs: str
    repeats: int
    updates: int
    started: float = 0

    @property
    def files(self) -> files.Input:
        return files.Input(Path(self.input))

    @property
    def folder(self) -> Path | None:
        """Where the compiled rules are, if they are on disk."""
        return Path(self.saved) if SAVES else None

    def json(self) -> str:
        return json.dumps(asdict(self))


def build(task: Task) -> Facts:
    """Registers the rules and saves them."""
    before = memory(task.folder).total
    index, seconds = _built(task)
    facts: Facts = {"register_s": seconds, "built_bytes": memory(task.folder).total - before}
    if task.folder:
        start = time.perf_counter()
        index.save(task.folder)
        facts["save_s"] = time.perf_counter() - start
    return facts


def measure(task: Task) -> Facts:
    """Matches the articles, never seen before and then again and again; then changes rules."""
    articles, others = (_articles(path) for path in (task.files.articles, task.files.others))
    idle = Ours.of([], articles)
    for article in others[:_BEFORE]:
        idle.offsets(article)
    before = memory(task.folder).total
    facts: Facts = {}
    if task.folder:
        index = Ours.load(task.folder)
    else:
        index, facts["register_s"] = _built(task)
    index.ids(others[0])
    facts["ready_s"] = time.monotonic() - task.started
    for article in others[:_BEFORE]:
        index.offsets(article)
    facts["bytes_added"] = memory(task.folder).total - before
    facts |= _matched(index, articles, task)
    facts["bytes"] = memory(task.folder).total
    facts["update"] = _updates(index, task)
    facts["ids_after_updates"] = _best(index.ids, articles, 1)
    return facts


def _matched(index: Ours, articles: Sequence[Article], task: Task) -> Facts:
    facts: Facts = {"unseen": _pass(index.ids, articles)}
    facts |= _written(index, articles, Path(task.pairs))
    facts["ids"] = _best(index.ids, articles, task.repeats)
    facts["offsets"] = _best(index.offsets, articles, task.repeats)
    return facts


def _written(index: Ours, articles: Sequence[Article], path: Path) -> Facts:
    """Writes the matches one article at a time: kept, they would count as memory of the rules."""
    count, same = 0, True
    with path.open("w", encoding="utf-8") as lines:
        for article in articles:
            ids = index.ids(article)
            same &= sorted(ids) == sorted(index.ids_in(index.offsets(article)))
            count += len(ids)
            lines.write("\t".join((article.article_id, *ids)) + "\n")
    return {"matches_per_article": count / len(articles), "same_with_offsets": same}


def _built(task: Task) -> tuple[Ours, float]:
    articles = _articles(task.files.articles)
    start = time.perf_counter()
    index = Ours.of(_rules(task.files.rules("ours"), task.rules), articles)
    return index, time.perf_counter() - start


def _rules(path: Path, count: int) -> Iterator[WatchRule]:
    for key, query in files.read_rules(path, count):
        yield WatchRule(rule_id=key, version=1, name=key, query=query)


def _articles(path: Path) -> list[Article]:
    return [as_article(text) for text in corpus.read(path)]


def _best(
    match: Callable[[Article], object], articles: Sequence[Article], repeats: int
) -> dict[str, float]:
    passes = [_pass(match, articles) for _ in range(repeats)]
    return max(passes, key=lambda one: one["per_s"])


def _pass(match: Callable[[Article], object], articles: Sequence[Article]) -> dict[str, float]:
    took = []
    start, used = time.perf_counter(), time.thread_time()
    for article in articles:
        begin = time.perf_counter()
        match(article)
        took.append(time.perf_counter() - begin)
    return {
        "per_s": len(articles) / (time.perf_counter() - start),
        "per_cpu_s": len(articles) / (time.thread_time() - used),
        **_percentiles(took),
    }


def _percentiles(took: list[float]) -> dict[str, float]:
    took = sorted(took)
    return {
        f"p{percent}_ms": took[max(0, -(-percent * len(took) // 100) - 1)] * 1_000
        for percent in (50, 99)
    }


def _updates(index: Ours, task: Task) -> dict[str, float]:
    """Rules that are there get other expressions, of up to 50 terms, one by one."""
    took = []
    for rule in list(_rules(task.files.rules("ours", updates=True), task.updates)):
        begin = time.perf_counter()
        index.update(rule)
        took.append(time.perf_counter() - begin)
    return _percentiles(took)


if __name__ == "__main__":
    steps = {"build": build, "measure": measure}
    print(json.dumps(steps[sys.argv[1]](Task(**json.load(sys.stdin)))))
