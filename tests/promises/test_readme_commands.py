"""The README's commands for one's own feeds, typed as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_commands_for_ones_own_feeds_work_as_they_stand(tmp_path: Path) -> None:
    section = README[README.index("## Run it on your feeds") : README.index("| file | holds |")]
    lines = re.findall(r"^    (.+?)(?:\s+#.*)?$", section, re.MULTILINE)
    copy, apply, channel, run = lines
    assert copy == "cp -r deploy/examples/config my-watch"
    shutil.copytree(ROOT / "deploy/examples/config", tmp_path / "my-watch")
    assert run == ".venv/bin/wirewatch run --config my-watch"
    assert "rules: 4 added" in _typed(apply, tmp_path)
    assert "console: delivered" in _typed(channel, tmp_path)


def _typed(line: str, place: Path) -> str:
    command, *arguments = line.split()
    assert command == ".venv/bin/wirewatch"
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
