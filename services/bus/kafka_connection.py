"""Where Kafka is, how long its answers may take, and what its failures mean.

Decides which failure of aiokafka passes by waiting (BusUnavailableError), which one means
that somebody else has taken over (FencedError), and how long a call waits before it says so.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

from schemas.topics import Topic
from services.bus.errors import FencedError
from services.bus.port import BusUnavailableError

log = structlog.get_logger()

_PAUSE_SECONDS = 0.25
_LEAVING_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class KafkaTimes:
    """In seconds.

    `session`: a member that was not heard of for this long is dead, others take over.
    `hand_over`: a member that must give partitions up may finish its batch for this long.
    `away`: a member whose stage has not fetched for this long leaves the group. It is long,
    because a stage waits for a failing dependency inside a batch; that it lives is told by
    its heartbeats. `answer`: what takes longer is reported as BusUnavailableError.
    """

    session: float = 15.0
    heartbeat: float = 1.0
    hand_over: float = 8.0
    away: float = 86_400.0
    answer: float = 15.0


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """The brokers (`host:port,host:port`), what we call ourselves there, and our patience."""

    servers: str
    client_id: str
    times: KafkaTimes = field(default_factory=KafkaTimes)

    @contextmanager
    def explaining(self, doing: str) -> Iterator[None]:
        """Turns aiokafka's failures into those of the port, naming the brokers and `doing`."""
        try:
            yield
        except TimeoutError as error:
            raise self._away(doing, f"no answer within {self.times.answer:g} s") from error
        except _SOMEBODY_ELSE as error:
            raise FencedError(
                f"Kafka at {self.servers}, {doing}: the group has gone on without this member "
                f"({type(error).__name__})"
            ) from error
        # aiokafka lets the operating system's own through now and then (a refused connection).
        except (KafkaError, OSError) as error:
            raise self._away(doing, str(error) or type(error).__name__) from error

    def _away(self, doing: str, cause: str) -> BusUnavailableError:
        return BusUnavailableError(f"Kafka at {self.servers}, {doing}: {cause}")


_SOMEBODY_ELSE = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,  # commits and seeks of a partition that is not assigned
    RebalanceInProgressError,
    UnknownMemberIdError,
)


async def partitions_of(
    kafka: AIOKafkaConsumer, connection: KafkaConnection, topic: Topic
) -> list[TopicPartition]:
    """The partitions that `topic` has; raises BusUnavailableError when there is no such topic.

    All topics are asked for, because asking for one creates it on a broker that may do so.
    """
    async with asyncio.timeout(connection.times.answer):
        metadata = await kafka._client.fetch_all_metadata()
    partitions = metadata.partitions_for_topic(topic.name)
    if not partitions:
        raise no_such_topic(connection, topic)
    return [TopicPartition(topic.name, partition) for partition in sorted(partitions)]


def slow_down(client: AIOKafkaClient) -> None:
    """Pause after every vain attempt to reach the brokers.

    aiokafka tries again at once where a partition has no leader: some thousand times a
    second, each with a line in the log.
    """
    update = client._metadata_update

    async def update_or_pause(*arguments: Any) -> Any:
        if not (updated := await update(*arguments)):
            await asyncio.sleep(_PAUSE_SECONDS)
        return updated

    client._metadata_update = update_or_pause


async def disconnect(kafka: AIOKafkaConsumer) -> None:
    """Leave the group, if it can be done soon, and disconnect.

    In a task of its own: where a broker is away, aiokafka's `stop` ends with the
    cancellation of its own tasks, which would look like ours.
    """
    stopping = asyncio.ensure_future(kafka.stop())
    await asyncio.wait({stopping}, timeout=_LEAVING_SECONDS)
    # A rebalance that waits for another member would keep this one as long. Cut off, it is
    # still a member for the others until its session is over.
    await kafka._client.close()
    await asyncio.gather(stopping, return_exceptions=True)
    if not stopping.cancelled() and (error := stopping.exception()):
        log.warning("disconnected from Kafka in disorder", error=str(error))


def no_such_topic(connection: KafkaConnection, topic: Topic) -> BusUnavailableError:
    """What to say of a topic that the brokers do not know."""
    return BusUnavailableError(
        f"Kafka at {connection.servers} has no topic {topic.name} (or does not answer); "
        "create it with `wirewatch topics apply`"
    )
