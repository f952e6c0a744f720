"""How long an exchange may take, without a timer for each.

Decides when time has run out, to a tenth of a second: one timer looks at all exchanges under
way. Setting and clearing a timer for each poll took as long as reading its answer (bench/poll).
What is said then is `fetch`'s business.
"""

import asyncio
from contextvars import ContextVar
from functools import lru_cache
from math import inf
from types import TracebackType

_LOOK_EVERY_SECONDS = 0.1


class Deadline:
    """`asyncio.timeout` for exchanges that take seconds: raises TimeoutError the same way.

    It stands still while a request waits for one of the host's few connections: twenty new
    articles of one slow host share two of them; the last one's time must not run out while
    the first ones are read.
    """

    __slots__ = ("_left", "_timeout", "_watch", "at")

    def __init__(self, seconds: float) -> None:
        self._timeout = asyncio.timeout(None)
        self._watch = _watch_of(asyncio.get_running_loop())
        self._left = seconds
        self.at = inf

    async def __aenter__(self) -> None:
        """The time begins, and is the task's own from now on."""
        await self._timeout.__aenter__()
        self.go_on()
        self._watch.add(self)
        _OF_TASK.set(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """It is over. Raises TimeoutError if it took too long."""
        self._watch.remove(self)
        await self._timeout.__aexit__(kind, error, trace)

    def stop(self) -> None:
        """The request has to wait for a connection."""
        self._left, self.at = self.at - self._watch.now(), inf

    def go_on(self) -> None:
        """The request has its connection."""
        self.at = self._watch.now() + self._left

    def run_out(self) -> None:
        """Cancel what the task does."""
        self._watch.remove(self)
        self._timeout.reschedule(self._watch.now())


class _Watch:
    """The deadlines of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.now = loop.time
        self._open: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, deadline: Deadline) -> None:
        self._open.add(deadline)
        if self._timer is None:
            self._timer = self.loop.call_later(_LOOK_EVERY_SECONDS, self._look)

    def remove(self, deadline: Deadline) -> None:
        self._open.discard(deadline)

    def _look(self) -> None:
        now = self.now()
        for deadline in [d for d in self._open if d.at <= now]:
            deadline.run_out()
        again = self._open
        self._timer = self.loop.call_later(_LOOK_EVERY_SECONDS, self._look) if again else None


def deadline_of_task() -> Deadline | None:
    """The deadline of the exchange that this task is at."""
    return _OF_TASK.get()


_OF_TASK: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
_watch_of = lru_cache(1)(_Watch)  # there is one loop; those of tests follow each other
