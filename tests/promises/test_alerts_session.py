"""The terminal session on the page about channels, typed as it stands there."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.article import revision_of
from schemas.topics import ARTICLES
from services.bus.port import Outgoing
from services.bus.sqlite import open_bus
from tests.engine.newsroom import article
from tests.promises.session import ROOT, exchanges, put_command

PAGE = (ROOT / "docs" / "channels.md").read_text()
SECTION = PAGE[PAGE.index("## See an alert") : PAGE.index("## Webhook")]

TITLE = "Troops cross the frontier"
BODY = (
    "The night had been quiet. A colonel said columns of Iranian ground forces had entered Syria "
    "at dawn. Nobody was hurt.\n\nThe ministry did not comment."
)


@pytest.fixture
async def desk(tmp_path: Path) -> Path:
    """A copy of the example folder, a state folder with two articles, and the command."""
    shutil.copytree(ROOT / "deploy/examples/config", tmp_path / "my-watch")
    seen_at = datetime.now(UTC) - timedelta(hours=2)
    async with open_bus(tmp_path / "var" / "bus.sqlite") as bus:
        for name, title, body in (("1", TITLE, BODY), ("2", "Ministers meet", "Grain is cheap.")):
            one = article(
                body,
                article_id=name,
                revision=revision_of(title, body, ""),
                title=title,
                source="Coast Wire",
                url=f"https://coast.example/{name}",
                published_at=seen_at - timedelta(seconds=40),
                first_seen_at=seen_at,
                seen_at=seen_at,
            )
            await bus.send(Outgoing(ARTICLES, one.article_id, one.encode()))
    put_command(tmp_path / "bin")
    return tmp_path


def _masked(text: str) -> str:
    """The text without what depends on the day it was printed on."""
    return re.sub(r"\d{1,2} [A-Z][a-z]{2} \d{4}, \d\d:\d\d (?:GMT|BST)", "THEN", text)


def test_the_session_is_what_one_sees(desk: Path) -> None:
    session = list(exchanges(SECTION))
    assert any(command.startswith("wirewatch alerts preview ") for command, _ in session)
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
