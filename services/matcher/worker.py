"""The matcher as a Faust worker: a member of the matchers' group on `articles`.

Decides which offsets Faust may commit and from where it reads; what becomes of a record is
decided in `services.bus.loop`, what counts as progress in `progress`. Records are sent
through the bus, which confirms each of them, and never through Faust's producer.

What of Faust 0.15 and aiokafka 0.14 is not relied on, and why:

- Faust's acknowledgements. A record whose agent failed or was cancelled counts as
  acknowledged, and so does one that is skipped in a rebalance; gaps are committed over. Only
  what `Progress` has seen finished, without a gap, is committed.
- aiokafka's offset reset, which hides lost records, and its lookup of committed offsets, which
  takes a coordinator's error for "never committed". Positions are sought explicitly.
- Its rule that a member which does not fetch is put out (aiokafka #1187). A worker without
  partitions never fetches, so it shows that it is there in another way.
- Settings from environment variables such as STREAM_WAIT_EMPTY, which would go before ours.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from aiokafka.errors import KafkaError, NoOffsetForPartitionError  # type: ignore[import-untyped]
from aiokafka.errors import OffsetOutOfRangeError as FetchedOutOfRangeError
from faust import App
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, Message, StreamT
from faust.types.settings import Settings as FaustSettings
from mode.threads import WorkerThread

from schemas.topics import ARTICLES, MATCHER_GROUP
from services.bus.kafka_connection import KafkaTimes
from services.bus.kafka_offsets import committed_offsets
from services.bus.loop import OneByOne, Stopped
from services.bus.port import OffsetOutOfRangeError, Record
from services.matcher.agent import Agent
from services.matcher.progress import Progress
from services.runtime.lifecycle import StopForGoodError, until_stopped

log = structlog.get_logger()

COMMIT_SECONDS = 1.0  # how much is repeated after a crash
BUFFERED_RECORDS = 100  # a record may have 900 kB
LEAVING_SECONDS = 15.0  # below the grace that `run_parts` gives
_SEEK_RETRY_SECONDS = 0.3
# A broker that has just started gives out an empty share of topics it does not know yet; the
# next look at its metadata mends that. Faust's default is five minutes.
_METADATA_SECONDS = 5.0
_ANSWER_SECONDS = 3.0  # so that the last commit and the leave fit into LEAVING_SECONDS
_FETCH_BYTES = 1_048_576
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Assigned = Callable[[Sequence[int]], None]


async def run_worker(servers: str, one: OneByOne, times: KafkaTimes, assigned: Assigned) -> None:
    """Work on `articles` until `one.stop` is set; then finish the record in flight and commit.

    `assigned` is told after each rebalance which partitions are ours. Raises StopForGoodError
    when Faust or the stage has given up; what was not finished is not committed then, and the
    process should end: a Faust app that has crashed cannot be trusted to leave its group.
    """
    with suppress(Stopped):
        # Faust waits silently for a topic that is not there.
        await one.insist(partial(one.bus.lag, ARTICLES, MATCHER_GROUP))
        app = MatcherApp(servers, times, assigned)
        agent = Agent(one, app.progress)
        app.agent(app.articles, name="matcher", concurrency=1)(_working(agent))
        try:
            await app.start()
            await until_stopped(_first(app.wait_until_stopped(), agent.failed.wait()), one.stop)
        except Exception as error:
            raise _farewell(error) from error
        finally:
            await _leave(app)
        if cause := agent.error or app.crash_reason:
            raise _farewell(cause) from cause


def _working(agent: Agent) -> Callable[[StreamT[bytes]], Awaitable[None]]:
    async def work(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            await agent.take(record_of(event.message))

    return work


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait until one of them is over."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _leave(app: "MatcherApp") -> None:
    """Commit what is finished and leave the group, if Kafka lets us."""
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait({stopping}, timeout=LEAVING_SECONDS)
    # An app that crashed cancels its own stop.
    if not stopping.done() or stopping.cancelled() or stopping.exception():
        log.warning("the last records are not committed and will be repeated")


def _farewell(error: BaseException) -> StopForGoodError:
    if isinstance(error, StopForGoodError):
        return error
    if isinstance(error, OffsetOutOfRangeError):
        return StopForGoodError(str(error))
    return StopForGoodError(
        f"the matcher's Kafka worker has failed ({type(error).__name__}: {error}); nothing that "
        "was not finished is committed; start it again"
    )


def record_of(message: Message) -> Record:
    """A message as Faust gives it, as the port has it."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=(message.key or b"").decode(errors="replace"),
        value=message.value,
        headers=dict(message.headers or ()),
        written_at=_EPOCH + timedelta(seconds=message.timestamp),
    )


class _Settings(FaustSettings):
    def getenv(self, env_name: str) -> Any:
        return None


class MatcherApp(App):
    """A Faust app with one topic and its own way to read and commit it."""

    Settings = _Settings

    def __init__(self, servers: str, times: KafkaTimes, assigned: Assigned) -> None:
        super().__init__(
            MATCHER_GROUP,
            broker=[f"kafka://{server}" for server in servers.split(",")],
            broker_client_id="wirewatch-matcher",
            broker_session_timeout=times.session,
            broker_heartbeat_interval=times.heartbeat,
            broker_rebalance_timeout=times.hand_over + times.session,
            broker_max_poll_interval=times.away,
            broker_commit_interval=COMMIT_SECONDS,
            consumer_auto_offset_reset="none",
            consumer_max_fetch_size=_FETCH_BYTES,
            consumer_metadata_max_age_ms=int(_METADATA_SECONDS * 1000),
            stream_buffer_maxsize=BUFFERED_RECORDS,
            stream_wait_empty=True,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            autodiscover=False,
        )
        self.progress = Progress()
        self.articles = self.topic(
            ARTICLES.name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
        self._assigned = assigned

    def on_rebalance_end(self) -> None:
        """Called when reading goes on after a rebalance."""
        super().on_rebalance_end()
        self._assigned(sorted(tp.partition for tp in self.consumer.assignment()))

    def _create_directories(self) -> None:
        """No tables, no folder."""

    def _new_transport(self) -> Transport:
        return _Transport(self.conf.broker_consumer, self)


class _Consumer(Consumer):
    """Commits what `Progress` says, and nothing else."""

    app: MatcherApp
    _thread: "_Thread"

    def _new_consumer_thread(self) -> "_Thread":
        return _Thread(self, loop=self.loop, beacon=self.beacon, Worker=_Daemon)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self.app.progress.forget()
        await super().on_partitions_assigned(assigned, generation_id)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        positions = await super().seek_to_committed()
        self.app.progress.start({tp.partition: offset for tp, offset in positions.items()})
        return positions

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        super()._filter_committable_offsets(tps)  # keeps Faust's own books short
        due = {TP(ARTICLES.name, p): offset for p, offset in self.app.progress.due().items()}
        return {tp: offset for tp, offset in due.items() if self._should_commit(tp, offset)}

    async def _wait_next_records(self, timeout: float) -> Any:
        if not self._get_active_partitions():
            await self._thread.show_life()
        return await super()._wait_next_records(timeout)


class _Thread(AIOKafkaConsumerThread):
    """Reads from where the group has committed, and from nowhere else."""

    async def on_thread_stop(self) -> None:
        leaving = asyncio.ensure_future(super().on_thread_stop())
        await asyncio.wait({leaving}, timeout=_ANSWER_SECONDS)
        # Without its connections aiokafka waits no longer for a coordinator that is away.
        await self._ensure_consumer()._client.close()
        await asyncio.gather(leaving, return_exceptions=True)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        while True:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    return bool(await super()._commit(offsets))
            except TimeoutError:
                log.warning("Kafka does not take a commit", seconds=_ANSWER_SECONDS)
                if self.app.should_stop:
                    return False

    async def seek_to_committed(self) -> Mapping[TP, int]:
        positions: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return positions

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        while True:
            try:
                return await self._seek()
            except KafkaError as error:
                log.warning("looking up committed offsets again", error=repr(error))
                await asyncio.sleep(_SEEK_RETRY_SECONDS)

    async def _seek(self) -> Mapping[TP, int]:
        kafka = self._ensure_consumer()
        partitions = kafka.assignment()
        committed = await committed_offsets(kafka, MATCHER_GROUP, partitions)
        new = [tp for tp, offset in committed.items() if offset is None]
        positions = {TP(*tp): offset for tp, offset in committed.items() if offset is not None}
        positions |= await kafka.beginning_offsets(new) if new else {}
        for tp, offset in positions.items():
            kafka.seek(tp, offset)
        return positions

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._fetch_records(*args, **kwargs)
        except NoOffsetForPartitionError:
            return {}  # aiokafka has not seen yet that the position was or will be sought
        except FetchedOutOfRangeError as error:
            raise await self._out_of_range(error.args[0]) from None

    async def _out_of_range(self, positions: Mapping[Any, int]) -> OffsetOutOfRangeError:
        ((tp, position),) = positions.items()
        kafka = self._ensure_consumer()
        first, end = await kafka.beginning_offsets([tp]), await kafka.end_offsets([tp])
        return OffsetOutOfRangeError(
            f"{MATCHER_GROUP} is at offset {position} of {tp.topic}, partition {tp.partition}, "
            f"which holds {first[tp]} up to {end[tp]}: records were deleted before they were "
            "read or the topic was replaced; find out which, then set the group's offset with "
            "kafka-consumer-groups.sh --reset-offsets"
        )

    async def show_life(self) -> None:
        """Count as fetching without fetching."""
        await self.call_thread(self._show_life)

    async def _show_life(self) -> None:
        with self._ensure_consumer()._subscription.fetch_context():
            pass


class _Transport(Transport):
    Consumer = _Consumer


class _Daemon(WorkerThread):
    """A thread that does not keep the process when Kafka is away at the end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.daemon = True
