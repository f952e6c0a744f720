"""Compares our rule matching with Lucene Monitor, on the same rules and articles in one run.

Ends with 1 if the match sets differ in a way that is not explained, or at all with --plain.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.match import compare, corpus, files, lucene, table
from bench.match.corpus import Text
from bench.match.files import Setting
from bench.match.lucene import NoLuceneError
from bench.match.ours import ENGINE, SAVES
from bench.match.worker import Task

ROOT = Path(__file__).parents[2]
ARTICLES = ROOT.parent / "shared" / "data" / "articles.jsonl.gz"
Facts = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Runs what the command line asks for."""
    options = _options(arguments)
    program = _lucene(options)
    texts, others = _texts(options)
    print(_facts(texts))
    print(table.HEADER)
    is_wrong = False
    for setting in _settings(options):
        is_wrong |= _run(options, setting, texts, others, program)
    return int(is_wrong)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.match", description=__doc__)
    parser.add_argument("--rules", default="10000,100000", help="sizes (default: %(default)s)")
    parser.add_argument("--common", type=float, default=0.2, help="share of common words (0.2)")
    parser.add_argument(
        "--selective", default="100000", help="sizes of selective rules (%(default)s; '' for none)"
    )
    parser.add_argument("--articles", type=int, default=500, help="how many (500)")
    parser.add_argument(
        "--articles-file",
        type=Path,
        default=os.environ.get("WIREWATCH_BENCH_ARTICLES", ARTICLES),
        help="articles.jsonl.gz; without one they are generated",
    )
    parser.add_argument("--plain", action="store_true", help="words of [a-z0-9], one paragraph")
    parser.add_argument("--repeats", type=int, default=3, help="the best counts (3)")
    parser.add_argument("--updates", type=int, default=files.UPDATES, help="changed rules (1000)")
    parser.add_argument("--without-lucene", action="store_true", help="our side alone")
    parser.add_argument("--work", type=Path, default=ROOT / "var" / "bench", help="for its files")
    return parser.parse_args(arguments)


def _settings(options: argparse.Namespace) -> Iterator[Setting]:
    for size in filter(None, options.rules.split(",")):
        yield Setting(int(size), options.common)
    for size in filter(None, options.selective.split(",")):
        yield Setting(int(size), selective=True)


def _lucene(options: argparse.Namespace) -> Path | None:
    if options.without_lucene:
        return None
    try:
        return lucene.compiled(options.work)
    except NoLuceneError as reason:
        print(reason)
        return None


def _texts(options: argparse.Namespace) -> tuple[list[Text], list[Text]]:
    path = Path(options.articles_file)
    if path.exists():
        texts, others = corpus.sampled(path, options.articles)
    else:
        texts, others = corpus.generated(options.articles)
    if options.plain:
        return list(map(corpus.plain, texts)), list(map(corpus.plain, others))
    return texts, others


def _facts(texts: list[Text]) -> str:
    words = sum(len(text.body.split()) for text in texts) // len(texts)
    kind = "generated" if texts[0].key.startswith("g") else "real"
    return (
        f"{len(texts)} {kind} articles of {words} words; {_processor()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}, "
        f"NumPy {version('numpy')}, numba {version('numba')}; engine: {ENGINE}"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _run(
    options: argparse.Namespace,
    setting: Setting,
    texts: list[Text],
    others: list[Text],
    program: Path | None,
) -> bool:
    """One part of the table; whether the match sets differ as they must not."""
    given = files.prepared(options.work, texts, others, setting)
    with TemporaryDirectory(dir=options.work) as folder:
        scratch = Path(folder)
        mine, theirs = scratch / "ours.tsv", scratch / "lucene.tsv"
        ours = _ours(options, setting, given, scratch, mine)
        peer = (
            lucene.run(program, given, setting.rules, options.repeats, theirs) if program else None
        )
        print("\n".join(table.rows(setting, ours, peer)))
        if not ours["same_with_offsets"]:
            print("  Wirewatch finds other rules with offsets than without")
        if peer is None:
            return not ours["same_with_offsets"]
        found = _compared(given, texts, mine, theirs)
    print(f"  {'matched by one side alone':<44}{'Wirewatch':>14}{'Lucene':>14}")
    print("\n".join(compare.lines(found)), flush=True)
    return (
        bool(found.unexplained or (options.plain and found.count)) or not ours["same_with_offsets"]
    )


def _ours(
    options: argparse.Namespace, setting: Setting, given: files.Input, scratch: Path, pairs: Path
) -> Facts:
    saved = scratch / "saved"
    saved.mkdir()
    task = Task(
        input=str(given.folder),
        rules=setting.rules,
        saved=str(saved),
        pairs=str(pairs),
        repeats=options.repeats,
        updates=options.updates,
    )
    facts = _step("build", task) if SAVES else {}
    return facts | _step("measure", task)


def _step(name: str, task: Task) -> Facts:
    command = [sys.executable, "-m", "bench.match.worker", name]
    task = replace(task, started=time.monotonic())
    done = subprocess.run(
        command, input=task.json(), stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT
    )
    if done.returncode != 0:
        raise SystemExit(f"our side failed to {name} {task.rules:,} rules (see above)")
    facts: Facts = json.loads(done.stdout)
    return facts


def _compared(
    given: files.Input, texts: list[Text], mine: Path, theirs: Path
) -> compare.Differences:
    ours, other = compare.read_pairs(mine), compare.read_pairs(theirs)
    nodes = given.nodes(compare.differing_rules(ours, other))
    return compare.differences(ours, other, texts, nodes)


if __name__ == "__main__":
    if code := main(sys.argv[1:]):
        sys.exit(code)
