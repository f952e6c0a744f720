"""The terminal session on the page about rules, typed as it stands there."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.article import Article, revision_of
from schemas.topics import ARTICLES
from services.bus.port import Outgoing
from services.bus.sqlite import open_bus
from tests.engine.newsroom import article
from tests.promises.session import ROOT, exchanges, put_command

PAGE = (ROOT / "docs" / "rules.md").read_text()
SECTION = PAGE[PAGE.index("## Rules as code") :]

QUIET = "The harvest was brought in before the rain, and the price of grain fell a little."
REPORTS = [
    ("Grain is cheap", QUIET, timedelta(days=2)),
    (
        "Troops cross the frontier",
        f"{QUIET}\n\nA colonel said columns of Iranian ground forces had entered Syria at dawn.",
        timedelta(days=1),
    ),
    ("Ministers meet", QUIET, timedelta()),
    (
        "Iranian ground forces leave Syria",
        f"Iranian ground forces have left Syria, the ministry said. {QUIET}",
        timedelta(),
    ),
]


def _report(number: int, title: str, body: str, seen_at: datetime) -> Article:
    return article(
        body,
        article_id=f"article-{number}",
        revision=revision_of(title, body, ""),
        title=title,
        source="Coast Wire",
        url=f"https://example.org/{number}",
        first_seen_at=seen_at,
        seen_at=seen_at,
    )


@pytest.fixture
async def desk(tmp_path: Path) -> Path:
    """A copy of the example folder, a state folder with articles, and the command."""
    shutil.copytree(ROOT / "deploy/examples/config", tmp_path / "my-watch")
    now = datetime.now(UTC)
    async with open_bus(tmp_path / "var" / "bus.sqlite") as bus:
        for number, (title, body, age) in enumerate(REPORTS):
            one = _report(number, title, body, now - age)
            await bus.send(Outgoing(ARTICLES, one.article_id, one.encode()))
    put_command(tmp_path / "bin")
    return tmp_path


def _masked(text: str) -> str:
    """The text without what depends on the day it was printed on."""
    dates = re.sub(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d UTC)?", "DATE", text)
    return re.sub(r"[ \t]+$", "", dates, flags=re.MULTILINE)


def test_the_session_is_what_one_sees(desk: Path) -> None:
    session = list(exchanges(SECTION))
    typed = [command for command, _ in session]
    for name in ("lint", "test", "explain", "preview"):
        assert any(one.startswith(f"wirewatch rules {name} ") for one in typed), name
    for command, promised in session:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=desk,
            env={"PATH": f"{desk / 'bin'}:/usr/bin:/bin", "LANG": "C.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert _masked(done.stdout.strip("\n")) == _masked(promised), command
