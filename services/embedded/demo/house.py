"""The running newsroom as its parts share it: desk, clock, address, visitors, script."""

import asyncio
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import datetime

from services.embedded.demo.desk import Desk
from services.embedded.demo.script import Script
from services.runtime.clock import Clock

KEPT_VISITS = 20_000


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that is over. `status` is None where no answer was finished."""

    path: str
    status: int | None
    conditional: bool
    user_agent: str | None
    time: datetime

    def as_json(self) -> dict[str, object]:
        """The visit as the control API shows it."""
        return {**asdict(self), "time": self.time.isoformat()}


@dataclass(slots=True)
class House:
    """What site, control and playback work on."""

    desk: Desk
    clock: Clock
    base_url: str
    script: Script
    visits: deque[Visit] = field(default_factory=lambda: deque(maxlen=KEPT_VISITS))
    in_flight: list[str] = field(default_factory=list)
    first_round: asyncio.Event = field(default_factory=asyncio.Event)
    script_done: bool = False

    def note_first_round(self) -> None:
        """Let the script begin once every one of its feeds has been fetched."""
        if self.desk.all_fetched([outlet.id for outlet in self.script.outlets]):
            self.first_round.set()
