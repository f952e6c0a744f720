"""The command line in this process: an empty place, and a way to type."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from services.cli import app
from services.runtime.settings import Settings, variable


@pytest.fixture(autouse=True)
def an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder to work in, no settings but one, and the log as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.setenv("WIREWATCH_ALLOWED_NETWORKS", "127.0.0.0/8")  # where the servers are
    handlers = logging.getLogger().handlers[:]
    yield
    # The commands log to the runner's screen, which is gone now.
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def typed(*arguments: object, **env: str) -> Result:
    """What a command says."""
    # The width of the terminal that the tests were started in is not the command's business.
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": None, **env})
