"""The processes of a measurement: the servers, and the notifiers with what is put on their bus."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.deliver.notifier import Task


@dataclass(frozen=True, slots=True)
class Place:
    """Where one case is measured."""

    folder: Path
    url: str
    mail_port: int
    slack_port: int

    @property
    def kind(self) -> str:
        """The kind of database."""
        return self.url.partition(":")[0].partition("+")[0]

    @property
    def bus(self) -> Path:
        """The bus file."""
        return self.folder / "bus.sqlite"


@contextmanager
def servers() -> Iterator[tuple[int, int]]:
    """The ports of a mail server and of a Slack, each at work."""
    with _child("bench.deliver.servers") as child:
        assert child.stdout is not None
        mail, slack = child.stdout.readline().split()
        yield int(mail), int(slack)


@contextmanager
def notifiers_at_work(
    place: Place, number: int, profile: str
) -> Iterator[tuple["subprocess.Popen[str]", list[float]]]:
    """Notifiers at work, the first of them, and afterwards each one's processor time in seconds."""
    ends: list[float] = []
    slack = f"http://127.0.0.1:{place.slack_port}/services/T/B/bench"
    with ExitStack() as stack:
        children = [stack.enter_context(_child("bench.deliver.notifier")) for _ in range(number)]
        for n, child in enumerate(children):
            task = Task(str(place.bus), place.url, slack, n == 0, profile if n == 0 else "")
            assert child.stdin is not None and child.stdout is not None
            child.stdin.write(json.dumps(asdict(task)) + "\n")
            child.stdin.flush()
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        yield children[0], ends
        for child in children:
            assert child.stdin is not None and child.stdout is not None
            child.stdin.close()
            ends.append(float(child.stdout.readline()))
            child.wait()


@contextmanager
def _child(module: str) -> Iterator["subprocess.Popen[str]"]:
    child = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a line for every alert and every delivery
        text=True,
    )
    try:
        yield child
    finally:
        if child.stdin is not None and not child.stdin.closed:
            child.stdin.close()
        if child.poll() is None:
            child.terminate()
        child.wait()
