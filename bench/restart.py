"""A matcher starts again: from process start to rules in force and an article matched.

Each run is a process of its own on a SQLite bus: the first reads the whole topic and
writes its cache; then some rules change; the second reads on from the cache, catches up,
and is what is measured.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.match import corpus
from bench.match.corpus import as_article
from bench.match.generate import Rules
from bench.match.query import ours
from schemas.rule import RulesManifest, WatchRule
from schemas.topics import WATCH_RULES
from services.bus.port import Outgoing
from services.bus.sqlite import open_bus
from services.matcher.assembly import rules_part
from services.matcher.rules import RulesInForce
from services.runtime.health import Health
from services.runtime.metrics import Metrics

_CHANGED = 100
_AT_ONCE = 5_000
_ANNOUNCED = 1
_TOLD = '{"seconds"'
_ROOT = Path(__file__).parents[1]


def main(arguments: list[str]) -> None:
    """Print one line for the first start and one for the second."""
    parser = argparse.ArgumentParser(prog="python -m bench.restart", description=__doc__)
    parser.add_argument("--rules", type=int, default=100_000)
    count = parser.parse_args(arguments).rules
    with TemporaryDirectory() as folder:
        asyncio.run(_announce(Path(folder), _rules(count), _manifest(1, count)))
        first = _started(folder)
        changed = (
            rule.model_copy(update={"version": 2, "query": f"{rule.query} OR changed"})
            for rule in islice(_rules(count), _CHANGED)
        )
        asyncio.run(_announce(Path(folder), changed, _manifest(2, count)))
        again = _started(folder)
        size = sum(path.stat().st_size for path in Path(folder, "cache").rglob("*.npy"))
    print(f"{count:,} rules, {_CHANGED} of them changed before the second start")
    print(f"  first start, no cache          {first['seconds']:8.1f} s")
    print(f"  second start, from the cache   {again['seconds']:8.1f} s")
    print(f"  the cache                      {size / 1e6:8.1f} MB")


def _manifest(generation: int, count: int) -> RulesManifest:
    # Of one announcement, so that the cache may be read on from.
    return RulesManifest(generation=generation, rules=count, announcement=_ANNOUNCED)


def _rules(count: int) -> Iterator[WatchRule]:
    texts, _ = corpus.generated(500)
    for number, node in enumerate(islice(Rules(texts), count)):
        key = f"q{number:07}"
        yield WatchRule(rule_id=key, version=1, name=key, query=ours(node))


async def _announce(folder: Path, rules: Iterator[WatchRule], manifest: RulesManifest) -> None:
    async with open_bus(folder / "bus.sqlite") as bus:
        while batch := list(islice(rules, _AT_ONCE)):
            await bus.send_all([Outgoing(WATCH_RULES, one.key, one.encode()) for one in batch])
        await bus.send(Outgoing(WATCH_RULES, manifest.key, manifest.encode()))


def _started(folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.restart", "start", folder, str(time.monotonic())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=_ROOT)
    # Among lines of the log.
    told = next(line for line in done.stdout.splitlines() if line.startswith(_TOLD))
    facts: dict[str, float] = json.loads(told)
    return facts


async def _start(folder: Path, begun: float) -> None:
    metrics = Metrics()
    in_force, stop = RulesInForce(metrics), asyncio.Event()
    texts, _ = corpus.generated(1)
    async with open_bus(folder / "bus.sqlite") as bus:
        component = Health(metrics).component("rules")
        run = rules_part(bus, in_force, folder / "cache")
        part = asyncio.ensure_future(run(stop, component))
        rules = await in_force.current()
        result = rules.match(as_article(texts[0]))
        seconds = time.monotonic() - begun
        print(json.dumps({"seconds": seconds, "matches": len(result.matches)}))
        while not _is_saved(folder / "cache", in_force.generation):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.2)
        stop.set()
        await part


def _is_saved(cache: Path, generation: int) -> bool:
    try:
        state = json.loads((cache / "cache.json").read_text())
    except FileNotFoundError:
        return False
    return bool(state["manifest"]["generation"] == generation)


if __name__ == "__main__":
    if sys.argv[1:2] == ["start"]:
        asyncio.run(_start(Path(sys.argv[2]), float(sys.argv[3])))
    else:
        main(sys.argv[1:])
