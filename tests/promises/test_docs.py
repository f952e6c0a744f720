"""What the documents claim is so: metrics, settings, commands, files, parts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from services.cli import app
from services.notifier.outcome import Reason
from services.poller.parse import ParseReason
from services.poller.replies import FetchReason
from services.runtime.metrics import Metrics
from services.runtime.settings import Settings, variable

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXT = {path.relative_to(ROOT).as_posix(): path.read_text() for path in DOCUMENTS}


def _metric_names() -> set[str]:
    families = list(Metrics().registry.collect())
    counters = {f"{f.name}_total" for f in families if f.type == "counter"}
    return counters | {f.name for f in families if f.type != "counter"}


def test_every_metric_is_explained_and_no_other() -> None:
    explained = set(re.findall(r"^\| `(wirewatch_\w+)", TEXT["docs/metrics.md"], re.MULTILINE))
    assert explained == _metric_names()


@pytest.mark.parametrize("name", TEXT)
def test_every_metric_named_in_a_document_exists(name: str) -> None:
    named = set(re.findall(r"\bwirewatch_\w+[a-z]\b", TEXT[name]))
    stems = {re.sub(r"_(bucket|count|sum)$", "", metric) for metric in named}
    assert stems <= _metric_names()


@pytest.mark.parametrize("name", TEXT)
def test_every_setting_named_in_a_document_exists(name: str) -> None:
    known = {variable(field) for field in Settings.model_fields}
    named = set(re.findall(r"\bWIREWATCH_[A-Z_]*[A-Z]\b", TEXT[name]))
    assert {n for n in named if not n.startswith("WIREWATCH_TEST_")} <= known


def test_every_outcome_of_a_poll_is_explained() -> None:
    line = next(x for x in TEXT["docs/metrics.md"].splitlines() if "wirewatch_polls_total" in x)
    for reason in (*FetchReason, *ParseReason):
        if reason not in {ParseReason.TIMED_OUT}:
            assert f"`{reason.value}`" in line


def test_every_reason_of_a_failed_delivery_is_explained() -> None:
    for reason in Reason:
        assert f"`{reason.value}`" in TEXT["docs/operations.md"]


def _commands() -> set[str]:
    group = typer.main.get_command(app)
    names: set[str] = set()
    for name, command in getattr(group, "commands", {}).items():
        below = getattr(command, "commands", {})
        names |= {f"{name} {sub}" for sub in below} or {name}
    return names


@pytest.mark.parametrize("name", TEXT)
def test_every_command_named_in_a_document_exists(name: str) -> None:
    commands = _commands()
    for words in re.findall(
        r"(?:^    (?:\S*/)?|`)wirewatch ([a-z]+(?: [a-z]+)?)", TEXT[name], re.M
    ):
        first = words.split()[0]
        assert words in commands or first in commands, words


@pytest.mark.parametrize("name", TEXT)
def test_every_make_target_named_in_a_document_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", TEXT[name], re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("name", TEXT)
def test_every_link_to_a_file_leads_somewhere(name: str) -> None:
    here = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT[name]):
        assert (here / target).exists(), target


@pytest.mark.parametrize("name", TEXT)
def test_every_path_named_in_a_document_exists(name: str) -> None:
    for path in re.findall(
        r"`((?:services|schemas|deploy|tests|bench|docs)/[\w./-]+)`", TEXT[name]
    ):
        assert (ROOT / path).exists(), path


def test_every_make_target_is_explained_by_make_help() -> None:
    said = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^  {target} ", said, re.MULTILINE), target


def test_the_readme_shows_what_a_mistake_in_the_folder_says(tmp_path: Path) -> None:
    example = ROOT / "deploy" / "examples" / "config"
    for path in example.rglob("*.yaml"):
        copy = tmp_path / path.relative_to(example)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    (tmp_path / "rules" / "middle-east.yaml").write_text(
        "# Six lines,\n# so that\n# the mistake\nrules:\n  - id: iran\n"
        "    name: Iran\n    querry: Iran\n"
    )
    said = subprocess.run(
        [sys.executable, "-m", "services.cli", "apply", "--config", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    promised = re.search(r"^    (rules/middle-east.yaml:.*)$", TEXT["README.md"], re.MULTILINE)
    assert promised
    assert promised[1] in said.stderr.splitlines()
