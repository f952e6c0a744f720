"""Files that show what an output looks like, so that a change of it is seen in review."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """`text` is what the file says; with WIREWATCH_TEST_UPDATE_GOLDEN=1 it is made so."""
    path = GOLDEN / name
    if os.environ.get("WIREWATCH_TEST_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), (
        f"{path.name} says otherwise; look at the difference, and if it is meant, "
        "run this test with WIREWATCH_TEST_UPDATE_GOLDEN=1"
    )
