"""The peer: Lucene Monitor, fetched with Maven, compiled and run by the benchmark itself.

Decides whether it can run here; `bench/lucene` decides how it is used.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from bench.match.files import Input

PROJECT = Path(__file__).parents[1] / "lucene"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_NEEDED = ("java", "javac", "mvn")
_UPDATES = 30  # each takes a fraction of a second at a million rules


class NoLuceneError(Exception):
    """Lucene cannot run here; the text is a sentence that says why."""


def compiled(parent: Path) -> Path:
    """The folder with Lucene and the compiled program, made unless it is up to date."""
    if missing := [name for name in _NEEDED if shutil.which(name) is None]:
        raise NoLuceneError(
            f"Lucene is left out: it needs Java 17 and Maven, and there is no {', '.join(missing)}."
        )
    pom = PROJECT / "pom.xml"
    target = parent / "lucene"
    sources = sorted((PROJECT / "src" / "main" / "java").rglob("*.java"))
    done = target / "done"
    if done.exists() and done.stat().st_mtime > max(p.stat().st_mtime for p in (pom, *sources)):
        return target
    shutil.rmtree(target, ignore_errors=True)
    jars, classes = target.resolve() / "jars", target.resolve() / "classes"
    _run(["mvn", "-q", "-B", "-f", str(pom), _COPY, f"-DoutputDirectory={jars}"], "fetched")
    _run(["javac", "-d", str(classes), "-cp", f"{jars}/*", *map(str, sources)], "compiled")
    done.touch()
    return target


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        text = (done.stdout + done.stderr).strip()
        raise NoLuceneError(f"Lucene is left out: it could not be {what}.\n{text}")


def run(program: Path, given: Input, rules: int, repeats: int, pairs: Path) -> dict[str, Any]:
    """Its figures for these rules; the matches go to `pairs`."""
    # Half of it lies idle, so that collecting garbage costs it little.
    heap = f"{6 if rules > 200_000 else 3}g"
    java = ("java", f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseParallelGC")
    classpath = f"{program}/jars/*:{program}/classes"
    arguments = (
        given.rules("lucene"),
        rules,
        given.articles,
        given.rules("lucene", updates=True),
        _UPDATES,
        repeats,
        pairs,
    )
    command = [*java, "-cp", classpath, "bench.MonitorBench", *map(str, arguments)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"Lucene Monitor failed on {given.folder} (see above)")
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts
