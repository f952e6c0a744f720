"""A real Kafka for tests: one node for the whole run, and nodes of one's own to break.

`kafka_server` gives the address of the brokers: those that WIREWATCH_TEST_KAFKA names, or
a node that all workers of a run share. It ends with the last of them, however they end.
"""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NODE = Path(__file__).parents[2] / "deploy" / "kafka" / "node.py"
STARTED = "Kafka Server started"
PATIENCE = 120.0  # the first start on a machine fetches Kafka
# Compaction within a test, and not after a quarter of a minute.
SETTINGS = ("log.cleaner.backoff.ms=200", "log.initial.task.delay.ms=100")


class KafkaNode:
    """A node in `folder`; it keeps its port and its data when it is started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pipe = folder / "alive"
        self._keeper: subprocess.Popen[bytes] | None = None
        self._alive: int | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{(self._folder / 'port').read_text()}"

    def start(self) -> None:
        """Start, and wait until it serves."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._pipe.exists():
            os.mkfifo(self._pipe)
        command = [sys.executable, str(NODE), "--folder", str(self._folder)]
        settings = [f"--set={setting}" for setting in SETTINGS]
        with (self._folder / "log").open("wb") as log:
            self._keeper = subprocess.Popen(
                [*command, *settings, "--while-open", str(self._pipe)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C ends the tests first
            )
        self._alive = self._alive or _hold_open(self._pipe, self._keeper)
        self._wait_until_started(self._keeper)

    def join(self) -> bool:
        """Use the node that another process has started in `folder`; False without one."""
        try:
            self._alive = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in (errno.ENXIO, errno.ENOENT):
                raise
            return False
        return True

    def stop(self) -> None:
        """As an operator stops it: SIGTERM."""
        assert self._keeper is not None
        self._keeper.terminate()
        self._keeper.wait(PATIENCE)

    def kill(self) -> None:
        """As a crash ends it: SIGKILL."""
        assert self._keeper is not None
        os.kill(int((self._folder / "pid").read_text()), signal.SIGKILL)
        self._keeper.wait(PATIENCE)

    def release(self) -> None:
        """Not used by this process any more."""
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None
        if self._keeper is not None:
            self._keeper.wait(PATIENCE)

    def _wait_until_started(self, keeper: "subprocess.Popen[bytes]") -> None:
        log = self._folder / "log"
        deadline = time.monotonic() + PATIENCE
        while STARTED not in log.read_text(errors="replace"):
            if keeper.poll() is not None or time.monotonic() > deadline:
                keeper.kill()
                raise RuntimeError(f"Kafka did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)


def missing() -> str | None:
    """What there is not on this machine to run a node; None when all is there."""
    if shutil.which("java") is None:
        return "Kafka needs Java 17 or later (`java`)"
    if shutil.which("mvn") is None:
        return "Kafka is fetched with Maven (`mvn`)"
    return None


def skip_without_kafka() -> None:
    """Skip visibly; in CI, where everything must be there, fail."""
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(f"{reason}; or name brokers in WIREWATCH_TEST_KAFKA")


@contextmanager
def shared_node(root: Path) -> Iterator[str]:
    """The address of a node that all processes share which are given the same `root`."""
    node = KafkaNode(root / "kafka")
    root.mkdir(parents=True, exist_ok=True)
    with (root / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not node.join():
            node.start()
    try:
        yield node.address
    finally:
        node.release()


@contextmanager
def own_node(folder: Path) -> Iterator[KafkaNode]:
    """A node to stop, kill and start again; not started yet."""
    skip_without_kafka()
    node = KafkaNode(folder)
    try:
        yield node
    finally:
        node.release()


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of real brokers, `host:port`."""
    if given := os.environ.get("WIREWATCH_TEST_KAFKA"):
        yield given
        return
    skip_without_kafka()
    root = tmp_path_factory.getbasetemp()
    # Each worker of a run has a folder of its own in that of the run.
    with shared_node(root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) as address:
        yield address


def _hold_open(pipe: Path, keeper: "subprocess.Popen[bytes]") -> int:
    """The pipe, open for writing, as soon as the node's keeper reads it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        if keeper.poll() is not None or time.monotonic() > deadline:
            said = (pipe.parent / "log").read_text(errors="replace")
            raise RuntimeError(f"Kafka did not start ({keeper.poll()}):\n{said}")
        time.sleep(0.05)
