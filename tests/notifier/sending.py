"""Senders at work: a channel that answers as scripted, a clock that is set, a queue."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.notifier.channels.port import NOTHING_BEFORE, Before
from services.notifier.message import AnyMessage
from services.notifier.outcome import Delivered, Outcome
from services.notifier.sender import OpenedChannel, Sender
from services.notifier.steps import SendingPolicy
from services.runtime.metrics import Metrics
from services.store import deliveries
from services.store.database import Database
from services.store.deliveries import Listed, NewDelivery
from tests.notifier.alerts import NOW, ferry_alert

POLICY = SendingPolicy(
    attempt_timeout=timedelta(seconds=30),
    first_wait=timedelta(seconds=2),
    give_up_after=timedelta(hours=72),
)

Answer = Outcome | Exception | Callable[[], None]


@dataclass
class SetClock:
    """A clock that stands still until a test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **lengths: float) -> None:
        self.now += timedelta(**lengths)


@dataclass
class ScriptedChannel:
    """A channel; `answers` in order, then yes. A callable is run before its yes."""

    answers: deque[Answer] = field(default_factory=deque)
    sent: list[str] = field(default_factory=list)
    before: list[Before] = field(default_factory=list)
    closed: bool = False
    hangs: asyncio.Event | None = None
    """If given, an attempt ends when it is set."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        self.sent.append(message.delivery_id)
        self.before.append(before)
        self.begun.set()
        if self.hangs is not None:
            await self.hangs.wait()
        answer = self.answers.popleft() if self.answers else Delivered("ok")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Delivered) or not callable(answer):
            return answer
        answer()
        return Delivered("ok")

    async def close(self) -> None:
        self.closed = True


@dataclass
class SendingDesk:
    """A queue in a database, and senders of its channel "desk"."""

    database: Database
    clock: SetClock = field(default_factory=SetClock)
    metrics: Metrics = field(default_factory=Metrics)
    channel: ScriptedChannel = field(default_factory=ScriptedChannel)
    at_once: int = 1

    def sender(self, policy: SendingPolicy = POLICY, database: Database | None = None) -> Sender:
        opened = OpenedChannel("desk", "slack", self.channel, self.at_once)
        return Sender(opened, database or self.database, policy, self.metrics, self.clock)

    async def queue(self, *names: str, channel: str = "desk", message: bytes | None = None) -> None:
        new = [
            NewDelivery(
                name,
                name,
                "all",
                1,
                channel,
                message or ferry_alert().model_copy(update={"delivery_id": name}).encode(),
            )
            for name in names
        ]
        async with self.database.write() as tx:
            await deliveries.enqueue(tx, new, self.clock())

    async def send_due(self, sender: Sender) -> Sequence[str]:
        """What this pass of the sender sent."""
        before = len(self.channel.sent)
        await sender.send_due(asyncio.Event())
        return self.channel.sent[before:]

    async def rows(self) -> dict[str, Listed]:
        async with self.database.read() as tx:
            return {row.delivery_id: row for row in await deliveries.listed(tx, None, 99)}

    async def states(self) -> dict[str, str]:
        return {name: row.state for name, row in (await self.rows()).items()}

    def counted(self, outcome: str, reason: str = "") -> float:
        labels = {"channel": "slack", "outcome": outcome, "reason": reason}
        found = self.metrics.registry.get_sample_value("wirewatch_deliveries_total", labels)
        return found or 0.0
