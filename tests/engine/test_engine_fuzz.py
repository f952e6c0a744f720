"""The fuzz run checks what it says, and says how to get what it needs."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from services.engine.options import Options
from tests.fuzz.rules import check

_ALL = Options(frozenset({"en"}), stem=True, clitics=True)


@pytest.mark.parametrize(
    ("rule", "title", "body", "outcome"),
    [
        ("karvala -ferry", "Karvala", "", "matched"),
        ("@all NEAR/3 port", "", "في أحمد port", "matched"),
        ("ATLEAST/2 (lind* OR title:x)", "", "Linden", "refused"),
        ("exact:US OR lead:ports", "us", "the port", "matched"),
        ("source:coast.example lang:de", "", "", "did not match"),
        ("(karvala", "", "", "refused"),
        # what it found
        ("㼚\u1a1a\u1a49\u1a1a\u1a1a*\0䤚\u1a1a", "", "", "did not match"),
        ("exact:뒦#ㄴ#\uffda", "", "", "did not match"),
        ("karvala ٣٣٣\u0301٣٣부산", "", "", "did not match"),
    ],
)
def test_what_must_hold_holds(rule: str, title: str, body: str, outcome: str) -> None:
    assert check(rule, title, body, _ALL) == outcome


@pytest.mark.skipif(importlib.util.find_spec("atheris") is not None, reason="atheris is here")
def test_without_atheris_it_says_how_to_install_it() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.rules", "--seconds", "1"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "pip install -r requirements.lock atheris" in said.stderr
