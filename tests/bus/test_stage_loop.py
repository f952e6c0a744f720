"""The loop handles every record at least once, whatever fails, and skips none."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.dead_letter import DeadLetter, original_headers
from schemas.message import MalformedMessageError
from schemas.topics import Topic
from services.bus.errors import FencedError, PoisonError
from services.bus.loop import (
    DeadLettered,
    Event,
    Handled,
    LoopPolicy,
    Recovered,
    TooMuchPoisonError,
    Waiting,
    run_stage,
)
from services.bus.poison import PoisonPolicy
from services.bus.port import BusUnavailableError, OffsetOutOfRangeError, Outgoing, Record
from services.bus.sqlite import SqliteBus, open_bus
from services.runtime.dependency import DependencyUnavailableError
from tests.contracts.bus_contract import PATIENCE, letters, text_of

GROUP = "stage"
NEWS = Topic("news", (), groups=(GROUP,))
NEWS_DLQ = Topic("news-dlq", ())
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
POLICY = LoopPolicy(
    dead_letters=NEWS_DLQ,
    first_wait=timedelta(milliseconds=1),
    longest_wait=timedelta(milliseconds=4),
    clock=lambda: NOON,
    jitter=lambda: 1.0,
)

Handle = Callable[[Record], Awaitable[None]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bus.sqlite3"


@pytest.fixture
async def bus(path: Path) -> AsyncIterator[SqliteBus]:
    async with open_bus(path) as bus:
        yield bus


class Stage:
    """A handler that remembers, with a loop around it that can be watched."""

    def __init__(self, handle: Handle | None = None) -> None:
        self._handle = handle
        self.handled = ""
        self.events: list[Event] = []
        self.stop = asyncio.Event()
        self._changed = asyncio.Event()

    async def handle(self, record: Record) -> None:
        if self._handle:
            await self._handle(record)
        self.handled += text_of([record])
        self._changed.set()

    def on_event(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def run(self, bus: SqliteBus, policy: LoopPolicy = POLICY, batch_size: int = 100) -> None:
        await run_stage(
            bus,
            NEWS,
            GROUP,
            self,
            on_event=self.on_event,
            stop=self.stop,
            batch_size=batch_size,
            policy=policy,
        )

    @asynccontextmanager
    async def running(self, bus: SqliteBus, batch_size: int = 100) -> AsyncIterator[None]:
        """Runs the loop, and stops it in order at the end."""
        running = asyncio.create_task(self.run(bus, batch_size=batch_size))
        try:
            yield
        finally:
            self.stop.set()
            await asyncio.wait_for(running, PATIENCE)

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


def failing_at(values: str, error: Callable[[], Exception], times: int = 10**9) -> Handle:
    """Raises for the records whose value is one of `values`, so many times."""
    left = [times]

    async def handle(record: Record) -> None:
        if text_of([record]) in values and left[0]:
            left[0] -= 1
            raise error()

    return handle


async def lag(bus: SqliteBus) -> int:
    return (await bus.lag(NEWS, GROUP)).records


async def test_records_are_handled_in_order_and_committed(bus: SqliteBus) -> None:
    await bus.send_all(letters(NEWS, "abcdef"))
    stage = Stage()
    async with stage.running(bus, batch_size=4):
        await stage.until(lambda: len(stage.handled) == 6)
        await bus.send(Outgoing(NEWS, "k", b"g"))
        await stage.until(lambda: len(stage.handled) == 7)
    assert stage.handled == "abcdefg"
    assert await lag(bus) == 0
    assert [e.record.offset for e in stage.events if isinstance(e, Handled)] == list(range(7))


async def test_a_stop_finishes_the_record_in_flight_and_commits_what_is_done(
    bus: SqliteBus,
) -> None:
    await bus.send_all(letters(NEWS, "abcdef"))
    in_flight, go_on = asyncio.Event(), asyncio.Event()

    async def pause_at_c(record: Record) -> None:
        if record.value == b"c":
            in_flight.set()
            await go_on.wait()

    stage = Stage(pause_at_c)
    running = asyncio.create_task(stage.run(bus))
    await asyncio.wait_for(in_flight.wait(), PATIENCE)
    stage.stop.set()
    go_on.set()
    await asyncio.wait_for(running, PATIENCE)
    assert (stage.handled, await lag(bus)) == ("abc", 3)


async def test_a_stop_does_not_wait_for_records(bus: SqliteBus) -> None:
    stage = Stage()
    stage.stop.set()
    await asyncio.wait_for(stage.run(bus), PATIENCE)


async def test_a_loop_that_is_cancelled_leaves_its_batch_to_the_next(bus: SqliteBus) -> None:
    await bus.send_all(letters(NEWS, "abc"))
    reached = asyncio.Event()

    async def hang_at_b(record: Record) -> None:
        if record.value == b"b":
            reached.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(Stage(hang_at_b).run(bus))
    await asyncio.wait_for(reached.wait(), PATIENCE)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    stage = Stage()
    async with stage.running(bus):
        await stage.until(lambda: len(stage.handled) == 3)
    assert stage.handled == "abc"


# Dependencies


async def test_a_failing_dependency_is_waited_for_and_seen(bus: SqliteBus) -> None:
    await bus.send_all(letters(NEWS, "abc"))
    away = failing_at("b", lambda: DependencyUnavailableError("the database is away"), times=5)
    stage = Stage(away)
    async with stage.running(bus):
        await stage.until(lambda: stage.handled == "abc")
    waits = [e.seconds for e in stage.events if isinstance(e, Waiting)]
    assert waits == [0.001, 0.002, 0.004, 0.004, 0.004]
    assert stage.count(Recovered) == 1
    assert not await bus.tail(NEWS_DLQ, 9)


async def test_a_stop_while_waiting_commits_what_is_done_and_nothing_more(bus: SqliteBus) -> None:
    await bus.send_all(letters(NEWS, "abc"))
    stage = Stage(failing_at("c", lambda: DependencyUnavailableError("away")))
    async with stage.running(bus):
        await stage.until(lambda: stage.count(Waiting) > 3)
    assert (stage.handled, await lag(bus)) == ("ab", 1)


async def test_a_bus_that_cannot_store_is_waited_for(bus: SqliteBus, path: Path) -> None:
    await bus.send_all(letters(NEWS, "abc"))
    blocker = sqlite3.connect(path, isolation_level=None)

    def hurry(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA busy_timeout = 1").fetchone()

    await bus._parts.writer.run(hurry)
    stage = Stage()
    blocker.execute("BEGIN IMMEDIATE")
    async with stage.running(bus):
        await stage.until(lambda: stage.count(Waiting) > 2)
        blocker.execute("ROLLBACK")
        await stage.until(lambda: stage.count(Recovered) == 1)
    blocker.close()
    assert (stage.handled, await lag(bus)) == ("abc", 0)
    assert all(isinstance(e.error, BusUnavailableError) for e in stage.events if type(e) is Waiting)


@pytest.mark.parametrize("error", [FencedError, OffsetOutOfRangeError])
async def test_a_handler_that_was_overtaken_ends_the_loop_uncommitted(
    bus: SqliteBus, error: type[Exception]
) -> None:
    await bus.send_all(letters(NEWS, "abc"))
    with pytest.raises(error):
        await Stage(failing_at("b", error)).run(bus)
    assert await lag(bus) == 3
    assert not await bus.tail(NEWS_DLQ, 9)


# Poison


@pytest.mark.parametrize("error", [MalformedMessageError, PoisonError])
async def test_a_bad_record_is_put_aside_whole_and_the_rest_goes_on(
    bus: SqliteBus, error: type[Exception]
) -> None:
    await bus.send(Outgoing(NEWS, "k", b"a"))
    await bus.send(Outgoing(NEWS, "schlüssel", b"b", {"trace": b"\xff"}))
    await bus.send(Outgoing(NEWS, "k", b"c"))
    stage = Stage(failing_at("b", lambda: error("no text")))
    async with stage.running(bus):
        await stage.until(lambda: stage.handled == "ac")
    (letter,) = await bus.tail(NEWS_DLQ, 9)
    assert (letter.key, letter.value) == ("schlüssel", b"b")
    assert original_headers(letter.headers) == {"trace": b"\xff"}
    assert DeadLetter.from_headers(letter.headers) == DeadLetter(
        topic="news", partition=0, offset=1, error="no text", attempts=1, first_failure=NOON
    )
    assert [e.error for e in stage.events if isinstance(e, DeadLettered)] == ["no text"]
    assert await lag(bus) == 0


async def test_a_bug_that_passes_puts_nothing_aside(bus: SqliteBus) -> None:
    await bus.send_all(letters(NEWS, "abc"))
    stage = Stage(failing_at("b", lambda: KeyError("oops"), times=3))
    async with stage.running(bus):
        await stage.until(lambda: stage.handled == "abc")
    assert not await bus.tail(NEWS_DLQ, 9)


async def test_a_bug_that_stays_is_tried_four_times_and_put_aside(bus: SqliteBus) -> None:
    await bus.send_all(letters(NEWS, "abc"))
    stage = Stage(failing_at("b", lambda: KeyError("oops")))
    async with stage.running(bus):
        await stage.until(lambda: stage.handled == "ac")
    (record,) = await bus.tail(NEWS_DLQ, 9)
    letter = DeadLetter.from_headers(record.headers)
    assert (letter.attempts, letter.error) == (4, "KeyError: 'oops'")


BAD = PoisonPolicy(limit=3, window=10)


def with_poison(policy: PoisonPolicy) -> LoopPolicy:
    return LoopPolicy(
        policy,
        NEWS_DLQ,
        first_wait=POLICY.first_wait,
        longest_wait=POLICY.longest_wait,
        clock=POLICY.clock,
    )


async def test_too_many_bad_records_stop_the_loop_with_the_batch_uncommitted(
    bus: SqliteBus,
) -> None:
    await bus.send_all(letters(NEWS, "a" + "x" * 50))
    stage = Stage(failing_at("x", lambda: PoisonError("bad deploy")))
    with pytest.raises(TooMuchPoisonError, match="news, partition 0: 4 of the 10 records"):
        await stage.run(bus, with_poison(BAD))
    assert await lag(bus) == 51
    assert len(await bus.tail(NEWS_DLQ, 99)) == 3


async def test_too_many_bad_records_stop_every_restart_and_are_not_put_aside_again(
    bus: SqliteBus, path: Path
) -> None:
    await bus.send_all(letters(NEWS, "x" * 50))
    for _ in range(3):
        stage = Stage(failing_at("x", lambda: PoisonError("bad deploy")))
        with pytest.raises(TooMuchPoisonError):
            await stage.run(bus, with_poison(BAD), batch_size=2)
    assert len(await bus.tail(NEWS_DLQ, 99)) == 3
    # The first batch went through with both records put aside, nothing else.
    assert await lag(bus) == 48


async def test_after_the_cause_is_mended_the_rest_is_handled(bus: SqliteBus) -> None:
    await bus.send_all(letters(NEWS, "x" * 30))
    with pytest.raises(TooMuchPoisonError):
        await Stage(failing_at("x", lambda: PoisonError("bad"))).run(bus, with_poison(BAD))
    stage = Stage()
    async with stage.running(bus):
        await stage.until(lambda: len(stage.handled) == 30)
    assert await lag(bus) == 0


async def test_bad_records_far_from_each_other_do_not_stop_the_loop(bus: SqliteBus) -> None:
    await bus.send_all(letters(NEWS, "xabcdefgh" * 10))
    stage = Stage(failing_at("x", lambda: PoisonError("bad")))
    running = asyncio.create_task(stage.run(bus, with_poison(BAD)))
    await stage.until(lambda: len(stage.handled) == 80)
    stage.stop.set()
    await asyncio.wait_for(running, PATIENCE)
    assert stage.count(DeadLettered) == 10


async def test_a_letter_about_something_else_at_the_same_place_does_not_hide_a_bad_record(
    bus: SqliteBus,
) -> None:
    await bus.send(Outgoing(NEWS, "k", b"x"))
    other = DeadLetter(
        topic="news", partition=0, offset=0, error="rule one", attempts=1, first_failure=NOON
    )
    await bus.send(Outgoing(NEWS_DLQ, "k", b"x", other.to_headers()))
    stage = Stage(failing_at("x", lambda: PoisonError("all of it")))
    async with stage.running(bus):
        await stage.until(lambda: stage.count(DeadLettered) == 1)
    assert len(await bus.tail(NEWS_DLQ, 9)) == 2


async def test_a_topic_without_a_dead_letter_topic_is_refused_at_the_start(bus: SqliteBus) -> None:
    with pytest.raises(KeyError, match="news"):
        await Stage().run(bus, LoopPolicy())
