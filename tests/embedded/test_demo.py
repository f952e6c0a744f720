"""`wirewatch demo`, as the README promises it."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from services.embedded.demo.expected import EXPECTED
from services.embedded.demo.runner import Outcome, conclude
from tests.pipeline.wirewatch_process import until

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
DEMO = (sys.executable, "-m", "services.cli", "demo")


async def _started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *DEMO,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


async def test_once_ends_by_itself_after_exactly_the_expected_alerts() -> None:
    process = await _started("--once")
    said, _ = await process.communicate()
    text = said.decode()
    assert process.returncode == 0, text
    assert "2 of 2 expected alerts and no other" in text
    assert text.count("Rule ") == 2
    assert "Traceback" not in text


async def test_it_goes_on_until_ctrl_c_and_leaves_nothing_behind() -> None:
    process = await _started()
    assert process.stdout is not None
    seen = b""

    async def first_alert() -> bool:
        nonlocal seen
        assert process.stdout is not None
        seen += await process.stdout.read(1000)
        return b"Iranian ground forces" in seen.split(b"Watching.")[-1] and b"Latency" in seen

    await until(first_alert, "the first alert")
    process.send_signal(signal.SIGINT)
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode(errors="replace")
    assert b"wirewatch run" in said


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (EXPECTED, 0),
        (frozenset(list(EXPECTED)[1:]), 1),
        (EXPECTED | {("words-in-links", "troops-cross-frontier")}, 1),
        (frozenset(), 1),
    ],
)
def test_it_fails_unless_the_alerts_are_exactly_the_expected(
    found: frozenset[tuple[str, str]], code: int
) -> None:
    console = Console(quiet=True)
    outcome = Outcome(found, START + timedelta(seconds=2))
    assert conclude(console, outcome, START) == code
