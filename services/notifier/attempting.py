"""One attempt at a delivery: it always ends, and with a value.

Decides what an exception and a time-out mean. Leaves what follows from the outcome to `steps`,
its record to `recording`, and when to try to the sender.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from schemas.message import MalformedMessageError
from services.notifier.channels.port import CLOSING_TIMEOUT, Before, Channel
from services.notifier.message import AnyMessage, decode, plainly
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater, Unwanted
from services.notifier.render import CannotRenderError
from services.notifier.steps import SendingPolicy, Step, next_step
from services.runtime.clock import Clock
from services.store import unsubscribed
from services.store.deliveries import DeliveryKind, Leased

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that has ended at `at`, and what follows from it.

    `message` is None for a row that could not be read. `trial`: the channel was suspended, and
    this was to show whether it still has to be. `progress`: see `TryLater`.
    """

    row: Leased
    message: AnyMessage | None
    step: Step
    at: datetime
    trial: bool = False
    progress: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedChannel:
    """A channel in use; `kind` is its type, a metric label; `at_once` bounds its attempts."""

    channel_id: str
    kind: str
    channel: Channel
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Attempting:
    """Makes attempts on one channel."""

    opened: OpenedChannel
    policy: SendingPolicy
    clock: Clock
    jitter: Callable[[], float]

    @property
    def longest(self) -> timedelta:
        """How long an attempt can take: the channel keeps its own time, and we keep this."""
        return self.policy.attempt_timeout + timedelta(seconds=CLOSING_TIMEOUT)

    async def __call__(self, row: Leased, *, trial: bool = False) -> Ended:
        """Make one; raises nothing but a cancellation."""
        message, outcome = await self._outcome(row)
        now = self.clock()
        # While its channel is suspended a row does not age.
        aged = replace(row, due_at=now) if trial else row
        step = next_step(outcome, aged, self.policy, now, self.jitter())
        return Ended(row, message, step, now, trial, _progress_of(outcome))

    async def _outcome(self, row: Leased) -> tuple[AnyMessage | None, Outcome]:
        try:
            message = decode(row.message)
        except MalformedMessageError as error:
            return None, GaveUp(Reason.INVALID_MESSAGE, str(error))
        if unsubscribed.EVERYBODY in row.left_out:
            return message, Unwanted("the subscription was ended")
        if row.kind is DeliveryKind.UPDATE and row.thread is None:
            return message, Unwanted("the alert that it updates was not sent")
        before = Before(row.uncertain, row.thread, row.progress, row.left_out)
        return message, await self._try(message, before)

    async def _send(self, message: AnyMessage, before: Before) -> Outcome:
        """Send the message, or where it cannot be shown what is left of it without its frills."""
        try:
            return await self.opened.channel.send(message, self.clock(), before)
        except CannotRenderError as error:
            facts = {"channel": self.opened.channel_id, "delivery": message.delivery_id}
            log.error("a message cannot be shown; it is tried plainly", kind=str(error), **facts)
        try:
            return await self.opened.channel.send(plainly(message), self.clock(), before)
        except CannotRenderError as error:
            return GaveUp(Reason.INVALID_MESSAGE, f"the message cannot be shown: {error}")

    async def _try(self, message: AnyMessage, before: Before) -> Outcome:
        longest = self.longest.total_seconds()
        try:
            async with asyncio.timeout(longest):
                return await self._send(message, before)
        except TimeoutError:
            return TryLater(Reason.TIMED_OUT, None, f"no end within {longest:g} s", uncertain=True)
        except Exception as error:
            # A bug in a channel. The text of an unknown exception may hold a secret.
            log.error("a channel failed unexpectedly", channel=self.opened.channel_id)
            told = f"unexpected {type(error).__name__}"
            return TryLater(Reason.SERVER_ERROR, None, told, uncertain=True)


def _progress_of(outcome: Outcome) -> str | None:
    match outcome:
        case TryLater(progress=progress) | GaveUp(progress=progress):
            return progress
        case Delivered() | Unwanted():
            return None
        case _:
            assert_never(outcome)
