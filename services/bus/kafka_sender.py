"""Sending records to Kafka, each of them confirmed.

Decides how long a sender waits, when nothing more is queued, and when a producer is given
up. The producer is idempotent: it repeats a batch until the broker has it, in order, once.

A producer cannot take a record back. A sender that gave up waiting leaves its record
queued, and it may arrive later. So that a retry neither overtakes it nor fills the memory,
nothing new is queued while such a record is unconfirmed.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain

import structlog
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError, MessageSizeTooLargeError  # type: ignore[import-untyped]

from services.bus.kafka_connection import KafkaConnection, no_such_topic, slow_down
from services.bus.port import Outgoing
from services.bus.record_size import RecordTooLargeError, refuse_too_large
from services.runtime.clock import Clock

log = structlog.get_logger()

LINGER_MS = 2  # what is sent together shares a request; nobody notices 2 ms
# A request carries one batch per partition, and one request is under way per broker.
BATCH_BYTES = 262_144
REQUEST_BYTES = 1_048_576  # the largest record there is, its key and headers included

Confirmation = asyncio.Future[object]


class KafkaSender:
    """Sends for one bus. Opens its producer when there is something to send."""

    def __init__(self, connection: KafkaConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()
        self._unconfirmed: set[Confirmation] = set()
        self._given_up: set[asyncio.Future[None]] = set()
        self._closed = False

    async def send_all(self, outgoing: Sequence[Outgoing]) -> None:
        """Returns when the brokers have all records. Raises as the port says."""
        for one in outgoing:
            refuse_too_large(one)
        if not outgoing:
            return
        with self._connection.explaining(f"sending to {_topics(outgoing)}"):
            try:
                await self._send(await self._ready(), outgoing)
            except MessageSizeTooLargeError as error:
                raise RecordTooLargeError(_refused(outgoing)) from error

    async def close(self) -> None:
        """Send what is queued, if the brokers take it soon, and disconnect."""
        self._closed = True
        if self._unconfirmed:
            await asyncio.wait(self._unconfirmed, timeout=self._connection.times.answer)
        if self._producer is not None:
            self._give_up(self._producer)
        await asyncio.gather(*self._given_up, return_exceptions=True)

    async def _send(self, producer: AIOKafkaProducer, outgoing: Sequence[Outgoing]) -> None:
        queued: list[Confirmation] = []
        try:
            for one in outgoing:
                queued += [await self._queue(producer, one)]
            for confirmation in queued:
                await self._confirmed(confirmation)
        finally:
            for confirmation in queued:
                self._watch(confirmation, producer)

    async def _ready(self) -> AIOKafkaProducer:
        if self._closed:
            raise RuntimeError(f"the bus on Kafka at {self._connection.servers} is closed")
        if self._unconfirmed:
            await asyncio.wait(self._unconfirmed, timeout=self._connection.times.answer)
        if self._unconfirmed:
            raise TimeoutError
        async with self._opening:
            if self._producer is None:
                self._producer = await self._open()
            return self._producer

    async def _open(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._connection.servers,
            client_id=self._connection.client_id,
            enable_idempotence=True,
            acks="all",
            # Not here: gzip takes 0.4 s of the event loop for the largest record. The topics
            # are declared to be compressed by the broker.
            compression_type=None,
            linger_ms=LINGER_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
        )
        slow_down(producer.client)
        try:
            async with asyncio.timeout(self._connection.times.answer):
                await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _queue(self, producer: AIOKafkaProducer, one: Outgoing) -> Confirmation:
        try:
            async with asyncio.timeout(self._connection.times.answer):
                confirmation: Confirmation = await producer.send(
                    one.topic.name,
                    key=one.key.encode(),
                    value=one.value,
                    headers=list(one.headers.items()),
                    timestamp_ms=int(self._clock().timestamp() * 1000),
                )
        except TimeoutError:
            if producer.client.cluster.partitions_for_topic(one.topic.name) is None:
                raise no_such_topic(self._connection, one.topic) from None
            raise
        return confirmation

    async def _confirmed(self, confirmation: Confirmation) -> None:
        # `wait` leaves the confirmation alone when time is up or the sender is cancelled.
        await asyncio.wait({confirmation}, timeout=self._connection.times.answer)
        if not confirmation.done():
            raise TimeoutError
        confirmation.result()

    def _watch(self, confirmation: Confirmation, producer: AIOKafkaProducer) -> None:
        if confirmation.done():
            self._settled(producer, confirmation)
        else:
            self._unconfirmed.add(confirmation)
            confirmation.add_done_callback(partial(self._settled, producer))

    def _settled(self, producer: AIOKafkaProducer, confirmation: Confirmation) -> None:
        self._unconfirmed.discard(confirmation)
        error = confirmation.exception()
        # A refused batch leaves a gap in the producer's numbering, after which the broker
        # takes nothing more from it for that partition.
        if error is not None and self._producer is producer:
            log.warning("starting over with a new producer", error=str(error))
            self._give_up(producer)

    def _give_up(self, producer: AIOKafkaProducer) -> None:
        self._producer = None
        closing = asyncio.ensure_future(_close_at_once(producer))
        self._given_up.add(closing)
        closing.add_done_callback(self._given_up.discard)


async def _close_at_once(producer: AIOKafkaProducer) -> None:
    # Without this, `stop` waits until everything queued is sent: while the broker is away,
    # for ever.
    accumulator = producer._message_accumulator
    accumulator.fail_all(KafkaError("the producer is closed"))
    for batch in chain.from_iterable(accumulator._batches.values()):
        batch._drain_waiter.exception()  # else asyncio complains that nobody has looked
    # What is under way meets that failure again here; its senders were told.
    with suppress(Exception):
        await producer.stop()
    await producer.client.close()


def _topics(outgoing: Iterable[Outgoing]) -> str:
    return ", ".join(sorted({one.topic.name for one in outgoing}))


def _refused(outgoing: Iterable[Outgoing]) -> str:
    return (
        f"the broker refuses a record for {_topics(outgoing)} as too large: its "
        "`max.message.bytes` is below what Wirewatch sends; see `wirewatch topics apply`"
    )
