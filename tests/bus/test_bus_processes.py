"""Several processes on one bus file, and what is left when one of them is killed."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from services.bus.errors import BusInUseError
from services.bus.sqlite import open_bus
from tests.bus.bus_process import GROUP, NUMBERS
from tests.contracts.bus_contract import PATIENCE, letters, take

ROUNDS = 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bus.sqlite3"


@asynccontextmanager
async def process(task: str, path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A `bus_process`, killed with -9 in the end."""
    program = Path(__file__).with_name("bus_process.py")
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        task,
        str(path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate(b"")  # input, so that standard input is closed


async def last_line_before_kill(running: asyncio.subprocess.Process, lines: int) -> int:
    """Kill the process in full flight after some lines; the last number it has printed."""
    assert running.stdout is not None
    async with asyncio.timeout(PATIENCE):
        printed = [await running.stdout.readline() for _ in range(lines)]
        running.send_signal(signal.SIGKILL)
        rest, _ = await running.communicate()
    # What was printed by half was cut by the kill.
    return int([*printed, *(line for line in rest.splitlines(True) if line.endswith(b"\n"))][-1])


def assert_sound(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


async def test_what_was_sent_before_a_kill_is_there(path: Path) -> None:
    for round_number in range(ROUNDS):
        async with process("send", path) as sender:
            promised = await last_line_before_kill(sender, 5 + 7 * round_number)
        assert_sound(path)
        async with open_bus(path) as bus:
            stored = await bus.tail(NUMBERS, 1_000_000)
        assert len(stored) > promised > 0
        for number, record in enumerate(stored):
            assert (record.offset, (record.value or b"").rstrip(b"\0")) == (number, b"%d" % number)


async def test_what_was_committed_before_a_kill_stays_committed(path: Path) -> None:
    async with open_bus(path) as bus:
        await bus.send_all(letters(NUMBERS, "x" * 100_000))
        for round_number in range(ROUNDS):
            async with process("consume", path) as consumer:
                promised = await last_line_before_kill(consumer, 5 + 7 * round_number)
            assert_sound(path)
            # The kernel has released the lock with the process: this one may consume now.
            async with bus.consume(NUMBERS, GROUP) as successor:
                (following,) = await take(successor, 1)
            assert following.offset > promised > 0


async def test_a_sender_in_another_process_wakes_a_consumer_in_this_one(path: Path) -> None:
    async with open_bus(path) as bus, bus.consume(NUMBERS, GROUP) as consumer:
        await consumer.fetch(1, 0)
        async with process("send", path):
            assert len(await take(consumer, 30)) == 30


async def test_a_forked_child_does_not_keep_the_lock_of_a_killed_parent(path: Path) -> None:
    async with process("fork", path) as parent, open_bus(path) as bus:
        assert parent.stdout is not None
        child = int(await parent.stdout.readline())
        with pytest.raises(BusInUseError, match=f"process {parent.pid};"):
            async with bus.consume(NUMBERS, GROUP):
                pass
        parent.kill()
        with suppress(ChildProcessError):  # asyncio has taken note of its end already
            await asyncio.to_thread(os.waitid, os.P_PID, parent.pid, os.WEXITED | os.WNOWAIT)
        os.kill(child, 0)  # it lives
        async with bus.consume(NUMBERS, GROUP):
            pass
