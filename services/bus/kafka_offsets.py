"""What a group has committed, asked of its coordinator.

Asked here and not by aiokafka, which overlooks the coordinator's error (it is loading, it
has moved) and takes the answer without offsets that comes with it for "never committed":
the group would start over at the beginning.
"""

from collections.abc import Collection, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError, for_code  # type: ignore[import-untyped]
from aiokafka.protocol.commit import OffsetFetchRequest  # type: ignore[import-untyped]
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

Answer = Sequence[tuple[str, Sequence[tuple[int, int, str, int]]]]
"""For each topic: partition, offset, metadata, error code."""

_NEVER = -1


async def committed_offsets(
    kafka: AIOKafkaConsumer, group: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, int | None]:
    """The offset of each partition; None where the group has never committed.

    `kafka` was made for `group`; it need not have joined it. Raises KafkaError.
    """
    coordinator = kafka._coordinator
    await coordinator.ensure_coordinator_known()
    by_topic: dict[str, list[int]] = {}
    for topic, partition in partitions:
        by_topic.setdefault(topic, []).append(partition)
    response = await coordinator._send_req(OffsetFetchRequest(group, list(by_topic.items())))
    try:
        return read_answer(getattr(response, "error_code", 0), response.topics, partitions)
    except KafkaError:
        # The next try asks all brokers who coordinates the group now.
        coordinator.coordinator_dead()
        raise


def read_answer(
    error_code: int, topics: Answer, wanted: Collection[TopicPartition]
) -> dict[TopicPartition, int | None]:
    """The offsets in a coordinator's answer. PURE; raises KafkaError for anything but offsets."""
    _refuse(error_code)
    found: dict[TopicPartition, int | None] = {}
    for topic, partitions in topics:
        for partition, offset, _metadata, error in partitions:
            _refuse(error)
            found[TopicPartition(topic, partition)] = None if offset == _NEVER else offset
    if missing := set(wanted) - found.keys():
        raise KafkaError(f"the group's coordinator says nothing about {sorted(missing)}")
    return found


def _refuse(error_code: int) -> None:
    error: Any = for_code(error_code)
    if error_code:
        raise error()
