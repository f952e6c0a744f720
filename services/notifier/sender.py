"""Sending: deliveries that are due go to their channels, each channel on its own.

A row is leased, tried with no transaction open, and its outcome recorded. A channel that
is slow or asks for a pause delays nobody else. What the outcome means is decided in
`steps`; everything here is action.
"""

import asyncio
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from schemas.message import MalformedMessageError
from services.notifier.channels.port import CLOSING_TIMEOUT, Before, Channel
from services.notifier.counted import sending_starts_at_zero
from services.notifier.message import (
    AlertMessage,
    AnyMessage,
    NoticeMessage,
    SummaryMessage,
    decode,
)
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater, Unwanted
from services.notifier.steps import Again, Done, Dropped, Over, SendingPolicy, Step, next_step
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.metrics import Metrics
from services.store import deliveries, unsubscribed
from services.store.database import Database
from services.store.deliveries import Leased

log = structlog.get_logger()

_ROWS_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt that has ended; `message` is None for a row that could not be read."""

    row: Leased
    message: AnyMessage | None
    outcome: Outcome
    at: datetime


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
        self._settled = True  # nothing is leased, and every attempt is recorded
        self._unrecorded: _Ended | None = None
        sending_starts_at_zero(metrics, opened.kind)

    async def send_due(self, stop: asyncio.Event) -> None:
        """Try every delivery that is due now; an attempt under way when `stop` is set ends.

        Raises DatabaseUnavailableError; the next call begins with what is left over then.
        """
        await self._settle()
        self._settled = False
        while (rows := await self._lease()) and await self._try_all(rows, stop):
            pass
        self._settled = True

    async def due_at(self) -> datetime | None:
        """When there is something to try next; None while there is nothing."""
        async with self._database.read() as tx:
            due = await deliveries.next_due(tx, self._channel_id)
        return max(due, self._rests_until) if due and self._rests_until else due

    async def close(self) -> None:
        """Give back what is leased and close the channel."""
        try:
            await self._settle()
        except DependencyUnavailableError as error:
            log.warning(
                "leases not given back; they end by themselves",
                channel=self._channel_id,
                error=str(error),
            )
        finally:
            await self._channel.close()

    def _resting(self) -> bool:
        return self._rests_until is not None and self._clock() < self._rests_until

    def _longest_attempt(self) -> timedelta:
        return self._policy.attempt_timeout + timedelta(seconds=CLOSING_TIMEOUT)

    async def _lease(self) -> list[Leased]:
        if self._resting():
            return []
        now = self._clock()
        until = now + deliveries.lease_length(self._longest_attempt(), _ROWS_AT_ONCE)
        async with self._database.write() as tx:
            rows = await deliveries.lease(
                tx, self._channel_id, self._owner, now, until, _ROWS_AT_ONCE
            )
            left = {
                s: await unsubscribed.addresses(tx, s) for s in {r.subscription_id for r in rows}
            }
        return [replace(row, left_out=left[row.subscription_id]) for row in rows]

    async def _give_back(self) -> None:
        async with self._database.write() as tx:
            await deliveries.release(tx, self._owner)

    async def _settle(self) -> None:
        """Finish what an outage or a stop interrupted.

        What the channel said is known as long as this process lives: it is recorded, for
        otherwise the row would be sent again when its lease has ended.
        """
        if self._settled:
            return
        if self._unrecorded is not None:
            await self._record(self._unrecorded)
        await self._give_back()
        self._settled = True

    async def _try_all(self, rows: Sequence[Leased], stop: asyncio.Event) -> bool:
        """Try these rows, as long as that makes sense; whether all of them were."""
        for row in rows:
            if self._resting() or stop.is_set():
                await self._give_back()
                return False
            self._unrecorded = await self._attempt(row)
            await self._record(self._unrecorded)
        return True

    async def _attempt(self, row: Leased) -> _Ended:
        try:
            message = decode(row.message)
        except MalformedMessageError as error:
            unreadable = GaveUp(Reason.INVALID_MESSAGE, str(error))
            return _Ended(row, None, unreadable, self._clock())
        if unsubscribed.EVERYBODY in row.left_out:
            return _Ended(row, message, Unwanted("the subscription was ended"), self._clock())
        before = Before(row.uncertain, progress=row.progress, left_out=row.left_out)
        outcome = await self._try(message, before)
        return _Ended(row, message, outcome, self._clock())

    async def _try(self, message: AnyMessage, before: Before) -> Outcome:
        # The channel keeps its own time; a lease must not run out if it fails to.
        longest = self._longest_attempt().total_seconds()
        try:
            async with asyncio.timeout(longest):
                return await self._channel.send(message, self._clock(), before)
        except TimeoutError:
            told = f"no end within {longest:g} s"
            return TryLater(Reason.TIMED_OUT, None, told, uncertain=True)
        except Exception as error:
            # A bug in a channel. The text of an unknown exception may hold a secret.
            log.error("a channel failed unexpectedly", channel=self._channel_id)
            return TryLater(
                Reason.SERVER_ERROR, None, f"unexpected {type(error).__name__}", uncertain=True
            )

    async def _record(self, ended: _Ended) -> None:
        row, now = ended.row, ended.at
        step = next_step(ended.outcome, row, self._policy, now, random.random())
        async with self._database.write() as tx:
            if (progress := _progress_of(ended.outcome)) is not None:
                await deliveries.record_progress(tx, row, progress)
            match step:
                case Done(receipt):
                    await deliveries.record_delivered(tx, row.delivery_id, receipt, now)
                case Again(reason, detail, at, _, uncertain):
                    await deliveries.record_retry(
                        tx, row, reason.value, detail, at, uncertain=uncertain
                    )
                case Over(reason, detail):
                    await deliveries.record_failed(tx, row, reason.value, detail, now)
                case Dropped(detail):
                    await deliveries.record_dropped(tx, row, detail, now)
                case _:
                    assert_never(step)
        self._unrecorded = None
        self._report(step, ended)

    def _report(self, step: Step, ended: _Ended) -> None:
        row, message, now = ended.row, ended.message, ended.at
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
                log.info("delivered", **_about(message), **facts)
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
            case Dropped(detail):
                self._count("unwanted", "")
                log.info("not sent", detail=detail, **_about(message), **facts)

    def _count(self, outcome: str, reason: str) -> None:
        self._metrics.deliveries.labels(self._kind, outcome, reason).inc()

    def _observe(self, message: AnyMessage | None, now: datetime) -> None:
        if isinstance(message, AlertMessage):
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


def _progress_of(outcome: Outcome) -> str | None:
    match outcome:
        case TryLater(progress=progress) | GaveUp(progress=progress):
            return progress
        case Delivered() | Unwanted():
            return None
        case _:
            assert_never(outcome)


def _about(message: AnyMessage | None) -> dict[str, object]:
    match message:
        case AlertMessage(rules=rules):
            return {"rules": [rule.rule_id for rule in rules]}
        case NoticeMessage(kind=kind):
            return {"notice": kind.value}
        case SummaryMessage(kind=why, items=items):
            return {"summary": why.value, "alerts": len(items)}
        case None:
            return {}
