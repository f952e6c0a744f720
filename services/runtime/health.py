"""What works and what does not, in words: the state behind /healthz and /readyz.

A component is ready when it can do its work now. One that waits for something says for
what; one that has stopped for good makes the process unhealthy, so that whoever
supervises it restarts it and somebody looks.
"""

from dataclasses import dataclass
from enum import StrEnum

from services.runtime.metrics import Metrics


class State(StrEnum):
    """The state of a component."""

    READY = "ready"
    WAITING = "waiting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """A component's state and, unless all is well, the reason."""

    state: State
    reason: str = ""


class Component:
    """A component's own view of its status."""

    def __init__(self, health: "Health", name: str) -> None:
        self._health = health
        self.name = name

    def ready(self, note: str = "") -> None:
        """It can do its work; `note` is what somebody should know all the same."""
        self._health.report(self.name, Status(State.READY, note))

    def waiting(self, reason: str) -> None:
        """It cannot work now and will go on by itself."""
        self._health.report(self.name, Status(State.WAITING, reason))

    def stopped(self, reason: str) -> None:
        """It has given up; an operator must look."""
        self._health.report(self.name, Status(State.STOPPED, reason))


class Health:
    """The statuses of all components of a process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._statuses: dict[str, Status] = {}

    def component(self, name: str) -> Component:
        """Register a component; it counts as waiting until it says otherwise."""
        component = Component(self, name)
        component.waiting("starting")
        return component

    def report(self, name: str, status: Status) -> None:
        """Take down a component's status."""
        self._statuses[name] = status
        self._metrics.ready.labels(name).set(status.state is State.READY)

    def alive(self) -> bool:
        """Whether no component has stopped for good."""
        return all(s.state is not State.STOPPED for s in self._statuses.values())

    def is_ready(self) -> bool:
        """Whether every component is ready."""
        return bool(self._statuses) and all(s.state is State.READY for s in self._statuses.values())

    def describe(self) -> str:
        """One line per component."""
        return "".join(
            f"{name}: {s.state}{f': {s.reason}' if s.reason else ''}\n"
            for name, s in sorted(self._statuses.items())
        )
