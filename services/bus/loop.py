"""The loop that runs a stage on a consumer of the bus.

Decides what becomes of each record: handled, tried again, put aside, or the reason to
stop; and when offsets are committed. It never skips a record: what is committed was
handled or lies in the dead-letter topic. What is bad and how much of it is too much is
decided in `poison`; metrics and health are made by the caller from the events.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Protocol, TypeVar, assert_never, runtime_checkable

import structlog

from schemas.message import MalformedMessageError
from schemas.topics import Topic, dead_letters_of
from services.bus.errors import FencedError, PoisonError
from services.bus.poison import (
    Bad,
    Continue,
    PoisonPolicy,
    Stop,
    dead_letter_of,
    is_put_aside,
    judge,
    offsets_of,
)
from services.bus.port import Bus, Consumer, OffsetOutOfRangeError, Record
from services.runtime.backoff import delay
from services.runtime.clock import Clock, utc_now
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.lifecycle import StopForGoodError, wait_for_stop

log = structlog.get_logger()

T = TypeVar("T")


class TooMuchPoisonError(StopForGoodError):
    """Too many records could not be processed; the last batch is not committed."""


class Handler(Protocol):
    """A stage as the loop sees it."""

    async def handle(self, record: Record) -> None:
        """Process one record; returns when everything that follows from it is durable.

        Called for one record after another, and again for the same one after a failure or
        a restart. Raises MalformedMessageError or PoisonError for a record that can never
        be processed, DependencyUnavailableError for something that is away, FencedError
        where another one has taken over. Anything else counts as a bug: it is tried again
        a few times and then treated as poison.
        """


@runtime_checkable
class TogetherHandler(Handler, Protocol):
    """A stage that can handle several records for less than each by itself."""

    async def handle_all(self, records: Sequence[Record]) -> None:
        """Process records of one partition that follow each other: all of them or none.

        Whatever it raises, they are handled one by one then.
        """


@dataclass(frozen=True, slots=True)
class Handled:
    """A record was processed."""

    record: Record


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """A record was put aside."""

    record: Record
    error: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is away; it is tried again in `seconds`. The stage is not ready."""

    error: DependencyUnavailableError
    seconds: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was waited for is back."""


Event = Handled | DeadLettered | Waiting | Recovered


@dataclass(frozen=True, slots=True)
class LoopPolicy:
    """How long the loop waits, how often it tries, how much poison it bears.

    `together` is how many records a handler that can gets at a time: the first of them waits for
    the last. `dead_letters` None stands for the topic that is declared beside the source.
    """

    poison: PoisonPolicy = field(default_factory=PoisonPolicy)
    dead_letters: Topic | None = None
    fetch_timeout: float = 1.0
    first_wait: timedelta = timedelta(seconds=0.2)
    longest_wait: timedelta = timedelta(seconds=30)
    bug_retries: int = 3
    together: int = 50
    clock: Clock = utc_now
    # Never below half: waits that are next to nothing would not be waits.
    jitter: Callable[[], float] = lambda: random.uniform(0.5, 1)


async def run_stage(  # noqa: PLR0913 - all that tells one stage from another
    bus: Bus,
    topic: Topic,
    group: str,
    handler: Handler,
    *,
    on_event: Callable[[Event], None],
    stop: asyncio.Event,
    batch_size: int = 100,
    policy: LoopPolicy | None = None,
) -> None:
    """Run `handler` on the records of `topic` until `stop` is set.

    Commits after every batch; when stopped, finishes the record in flight and commits what
    is done. Waits for what is away. Raises TooMuchPoisonError, OffsetOutOfRangeError,
    FencedError and what joining raises; nothing undone is committed then.
    """
    one = OneByOne(bus, topic, handler, on_event, stop, policy or LoopPolicy())
    await _Loop(one, group, batch_size).run()


class Stopped(Exception):  # noqa: N818 - no error: the way out of a wait
    """`stop` was set while something was waited for; the record in hand is not done."""


@dataclass(slots=True)
class _Loop:
    one: "OneByOne"
    group: str
    batch_size: int
    done: dict[int, Record] = field(default_factory=dict)
    """The last record of each partition that is done and not committed."""

    async def run(self) -> None:
        one = self.one
        with suppress(Stopped):
            async with AsyncExitStack() as stack:
                consumer = await one.insist(partial(self._join, stack))
                while not one.stop.is_set():
                    batch = await one.insist(partial(self._fetch_unless_stopped, consumer))
                    await self._work_off(batch)
                    await self._commit(consumer)

    async def _join(self, stack: AsyncExitStack) -> Consumer:
        return await stack.enter_async_context(self.one.bus.consume(self.one.topic, self.group))

    async def _fetch_unless_stopped(self, consumer: Consumer) -> Sequence[Record]:
        timeout = self.one.policy.fetch_timeout
        fetching = asyncio.ensure_future(consumer.fetch(self.batch_size, timeout))
        stopping = asyncio.ensure_future(self.one.stop.wait())
        try:
            await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return fetching.result() if fetching.done() else ()
        finally:
            fetching.cancel()
            stopping.cancel()
            await asyncio.gather(fetching, stopping, return_exceptions=True)

    async def _work_off(self, batch: Sequence[Record]) -> None:
        """Process the batch; up to where it was stopped, if it was."""
        with suppress(Stopped):
            for records in _runs(batch, self.one.policy.together):
                if self.one.stop.is_set():
                    return
                if await self.one.process_together(records):
                    self.done[records[-1].partition] = records[-1]
                else:
                    await self._one_by_one(records)

    async def _one_by_one(self, records: Sequence[Record]) -> None:
        for record in records:
            if self.one.stop.is_set():
                return
            await self.one.process(record)
            self.done[record.partition] = record

    async def _commit(self, consumer: Consumer) -> None:
        for record in self.done.values():
            await self.one.insist(partial(consumer.commit, record))
        self.done.clear()


@dataclass(slots=True)
class OneByOne:
    """What becomes of each record, whoever fetches and commits them.

    Used by `run_stage` and by the matcher's Faust agent. One record at a time, in the order
    of its partition.
    """

    bus: Bus
    topic: Topic
    handler: Handler
    on_event: Callable[[Event], None]
    stop: asyncio.Event
    policy: LoopPolicy = field(default_factory=LoopPolicy)
    dead_letters: Topic = field(init=False)

    def __post_init__(self) -> None:
        self.dead_letters = self.policy.dead_letters or dead_letters_of(self.topic)

    async def process(self, record: Record) -> None:
        """Returns when `record` is done: handled, or put aside.

        Raises Stopped, TooMuchPoisonError, and what a handler raises that is not the record's
        fault; the record must not be committed then.
        """
        bad = await self.insist(partial(self._handle, record))
        if bad is None:
            self.on_event(Handled(record))
            return
        await self.insist(partial(self._put_aside, bad))
        self.on_event(DeadLettered(record, bad.error))

    async def process_together(self, records: Sequence[Record]) -> bool:
        """Whether these were handled all at once; if not, each is to be processed by itself.

        Raises what is neither a record's fault nor an outage.
        """
        if len(records) == 1 or not isinstance(self.handler, TogetherHandler):
            return False
        try:
            await self.handler.handle_all(records)
        except DependencyUnavailableError:
            return False
        except _NOT_THE_RECORDS_FAULT:
            raise
        except Exception as error:
            log.info("records are handled one by one", error=type(error).__name__)
            return False
        for record in records:
            self.on_event(Handled(record))
        return True

    async def insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` returns, however long what it needs is away; raises Stopped."""
        for attempt in count(1):
            try:
                result = await work()
            except DependencyUnavailableError as error:
                await self._wait(error, self._seconds(attempt))
            else:
                if attempt > 1:
                    self.on_event(Recovered())
                return result
        raise AssertionError("counting never ends")

    async def _handle(self, record: Record) -> Bad | None:
        """None for a record that was handled, else what was wrong with it at the last try."""
        first_failure: datetime | None = None
        for attempt in count(1):
            try:
                await self.handler.handle(record)
            except _NOT_THE_RECORDS_FAULT:
                raise
            except Exception as error:
                first_failure = first_failure or self.policy.clock()
                if isinstance(error, _POISON) or attempt > self.policy.bug_retries:
                    return Bad(record, _words(error), attempt, first_failure)
                log.exception("processing failed; trying again", **_place(record))
                await self._pause(self._seconds(attempt))
            else:
                return None
        raise AssertionError("counting never ends")

    async def _put_aside(self, bad: Bad) -> None:
        letters = await self.bus.tail(self.dead_letters, self.policy.poison.letters_to_read)
        record = bad.record
        recent = offsets_of(letters, record.topic, record.partition)
        match judge(recent, record.offset, self.policy.poison):
            case Stop(reason):
                raise TooMuchPoisonError(_farewell(bad, reason, self.dead_letters))
            case Continue():
                log.error("record put aside", error=bad.error, **_place(record))
                if not is_put_aside(bad, letters, self.dead_letters):
                    await self.bus.send(dead_letter_of(bad, self.dead_letters))
            case verdict:
                assert_never(verdict)

    async def _wait(self, error: DependencyUnavailableError, seconds: float) -> None:
        log.warning("waiting", topic=self.topic.name, error=str(error), seconds=round(seconds, 1))
        self.on_event(Waiting(error, seconds))
        await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        if await wait_for_stop(self.stop, seconds):
            raise Stopped

    def _seconds(self, attempt: int) -> float:
        policy = self.policy
        wait = delay(attempt, policy.first_wait, policy.longest_wait, policy.jitter())
        return wait.total_seconds()


_POISON = (MalformedMessageError, PoisonError)
_NOT_THE_RECORDS_FAULT = (
    DependencyUnavailableError,
    FencedError,
    OffsetOutOfRangeError,
    StopForGoodError,
)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, _POISON) else f"{type(error).__name__}: {error}"


def _place(record: Record) -> dict[str, str | int]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def _farewell(bad: Bad, reason: str, dead_letters: Topic) -> str:
    return (
        f"{bad.record.topic}, partition {bad.record.partition}: {reason}; the last: {bad.error}. "
        f"Its offset is not committed. Look at {dead_letters.name}, mend what rejects the "
        "records and start again; where the records themselves are bad, raise the limit"
    )


def _runs(batch: Sequence[Record], most: int) -> Iterator[Sequence[Record]]:
    """The records in their order, those of one partition that follow each other together."""
    run: list[Record] = []
    for record in batch:
        if run and (record.partition != run[0].partition or len(run) == most):
            yield run
            run = []
        run.append(record)
    if run:
        yield run
