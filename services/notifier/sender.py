"""Sending: deliveries that are due go to their channels, each channel on its own.

A row is leased, tried with no transaction open, and its outcome recorded. A channel that
is slow or asks for a pause delays nobody else. What the outcome means is decided in
`next_step`; everything else here is action.
"""

import asyncio
import random
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from schemas.message import MalformedMessageError
from services.notifier.channels.port import CLOSING_TIMEOUT, Channel
from services.notifier.message import AlertMessage
from services.notifier.outcome import (
    LONGEST_WAIT,
    Delivered,
    GaveUp,
    Outcome,
    Reason,
    TryLater,
    suspends,
)
from services.runtime.backoff import delay
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.store import deliveries
from services.store.database import Database
from services.store.deliveries import Leased

log = structlog.get_logger()

_ROWS_AT_ONCE = 10
_SUSPENDED_FOR = timedelta(minutes=5)  # until a channel with bad credentials is tried again


@dataclass(frozen=True, slots=True)
class SendingPolicy:
    """How long to try."""

    attempt_timeout: timedelta
    first_wait: timedelta
    give_up_after: timedelta


@dataclass(frozen=True, slots=True)
class Done:
    """The delivery needs nothing more."""

    receipt: str


@dataclass(frozen=True, slots=True)
class Again:
    """The delivery is tried again at `at`; the whole channel rests until `channel_rests`."""

    reason: Reason
    detail: str
    at: datetime
    channel_rests: datetime | None


@dataclass(frozen=True, slots=True)
class Over:
    """The delivery is given up."""

    reason: Reason
    detail: str


def next_step(
    outcome: Outcome, leased: Leased, policy: SendingPolicy, now: datetime, jitter: float
) -> Done | Again | Over:
    """What follows from an attempt's outcome. `jitter` lies in [0, 1)."""
    if isinstance(outcome, Delivered):
        return Done(outcome.receipt)
    if suspends(outcome):
        # The rows of a channel that cannot send wait for its mending, however long.
        rest = now + _SUSPENDED_FOR
        return Again(outcome.reason, outcome.detail, rest, rest)
    match outcome:
        case GaveUp(reason, detail):
            return Over(reason, detail)
        case TryLater(reason, after, detail):
            if now - leased.due_at >= policy.give_up_after:
                return Over(Reason.EXPIRED, f"last tried: {reason.value}: {detail}")
            wait = delay(leased.attempts + 1, policy.first_wait, LONGEST_WAIT, jitter)
            rests = now + after if after is not None else None
            return Again(reason, detail, max(now + wait, rests or now), rests)
        case _:
            assert_never(outcome)


@dataclass(frozen=True, slots=True)
class OpenedChannel:
    """A channel in use; `kind` is its type, a metric label."""

    channel_id: str
    kind: str
    channel: Channel


class Sender:
    """Sends one channel's deliveries."""

    def __init__(
        self,
        opened: OpenedChannel,
        database: Database,
        policy: SendingPolicy,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._channel_id = opened.channel_id
        self._kind = opened.kind
        self._channel = opened.channel
        self._database = database
        self._owner = secrets.token_hex(16)  # of this sender's leases, and of no other's
        self._policy = policy
        self._metrics = metrics
        self._clock = clock
        self._rests_until: datetime | None = None
        self._suspended = False

    async def send_due(self, stop: asyncio.Event) -> None:
        """Try every delivery that is due now; an attempt under way when `stop` is set ends.

        Raises DatabaseUnavailableError; what was leased is then free again after its lease.
        """
        while rows := await self._lease():
            for row in rows:
                if self._resting() or stop.is_set():
                    await self._give_back()
                    return
                await self._attempt(row)

    async def due_at(self) -> datetime | None:
        """When there is something to try next; None while there is nothing."""
        async with self._database.read() as tx:
            due = await deliveries.next_due(tx, self._channel_id)
        return max(due, self._rests_until) if due and self._rests_until else due

    async def close(self) -> None:
        """Give back what is leased and close the channel."""
        await self._give_back()
        await self._channel.close()

    def _resting(self) -> bool:
        return self._rests_until is not None and self._clock() < self._rests_until

    async def _lease(self) -> list[Leased]:
        if self._resting():
            return []
        now = self._clock()
        longest = self._policy.attempt_timeout + timedelta(seconds=CLOSING_TIMEOUT)
        until = now + deliveries.lease_length(longest, _ROWS_AT_ONCE)
        async with self._database.write() as tx:
            rows = await deliveries.lease(
                tx, self._channel_id, self._owner, now, until, _ROWS_AT_ONCE
            )
        return list(rows)

    async def _give_back(self) -> None:
        async with self._database.write() as tx:
            await deliveries.release(tx, self._owner)

    async def _attempt(self, row: Leased) -> None:
        try:
            message = AlertMessage.decode(row.message)
        except MalformedMessageError as error:
            await self._record(row, None, GaveUp(Reason.INVALID_MESSAGE, str(error)))
            return
        await self._record(row, message, await self._try(message))

    async def _try(self, message: AlertMessage) -> Outcome:
        try:
            return await self._channel.send(message, self._clock())
        except Exception as error:
            # A bug in a channel. The text of an unknown exception may hold a secret.
            log.error("a channel failed unexpectedly", channel=self._channel_id)
            return TryLater(Reason.SERVER_ERROR, None, f"unexpected {type(error).__name__}")

    async def _record(self, row: Leased, message: AlertMessage | None, outcome: Outcome) -> None:
        now = self._clock()
        step = next_step(outcome, row, self._policy, now, random.random())
        async with self._database.write() as tx:
            match step:
                case Done(receipt):
                    await deliveries.record_delivered(tx, row.delivery_id, receipt, now)
                case Again(reason, detail, at):
                    await deliveries.record_retry(tx, row.delivery_id, reason.value, detail, at)
                case Over(reason, detail):
                    await deliveries.record_failed(tx, row.delivery_id, reason.value, detail, now)
                case _:
                    assert_never(step)
        self._report(step, row, message, now)

    def _report(
        self, step: Done | Again | Over, row: Leased, message: AlertMessage | None, now: datetime
    ) -> None:
        facts = {
            "channel": self._channel_id,
            "delivery": row.delivery_id,
            "attempt": row.attempts + 1,
        }
        match step:
            case Done():
                self._count("delivered", "")
                self._observe(message, now)
                self._recovered()
                log.info("delivered", rules=_rules(message), **facts)
            case Again(reason, detail, at, rests):
                self._count("try_later", reason.value)
                self._rests_until = rests
                self._tell_suspension(reason, detail)
                wait = round((at - now).total_seconds(), 1)
                log.warning(
                    "not delivered; trying again",
                    reason=reason.value,
                    detail=detail,
                    seconds=wait,
                    **facts,
                )
            case Over(reason, detail):
                self._count("gave_up", reason.value)
                log.error("delivery given up", reason=reason.value, detail=detail, **facts)

    def _count(self, outcome: str, reason: str) -> None:
        self._metrics.deliveries.labels(self._kind, outcome, reason).inc()

    def _observe(self, message: AlertMessage | None, now: datetime) -> None:
        if message is not None:
            self._metrics.observe_latency("delivered", message.matched_at, now)
            self._metrics.observe_latency("total", message.published_at, now)

    def _tell_suspension(self, reason: Reason, detail: str) -> None:
        if reason is Reason.BAD_CREDENTIALS and not self._suspended:
            self._suspended = True
            log.error(
                "channel suspended; its deliveries wait until its credentials are mended",
                channel=self._channel_id,
                detail=detail,
            )

    def _recovered(self) -> None:
        if self._suspended:
            self._suspended = False
            log.info("channel works again", channel=self._channel_id)


def _rules(message: AlertMessage | None) -> list[str]:
    return [rule.rule_id for rule in message.rules] if message else []
