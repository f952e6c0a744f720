"""Telling a quiet topic from a broker that is away.

aiokafka goes on trying when it cannot read, and says nothing: an empty answer looks like
an empty topic. Decides when nothing has been heard of the brokers for too long.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

_NOBODY = TopicPartition("", -1)  # a member without partitions hears of no broker at all


@dataclass(slots=True)
class Hearing:
    """When each partition was heard of. Only time spent waiting for records counts."""

    _heard: dict[TopicPartition, int] = field(default_factory=dict)
    _quiet: dict[TopicPartition, float] = field(default_factory=dict)

    def listen(
        self, kafka: AIOKafkaConsumer, partitions: Collection[TopicPartition], waited: float
    ) -> None:
        """Note who was heard of in the last `waited` seconds."""
        quiet = {one: self._quiet.get(one, 0.0) + waited for one in partitions or (_NOBODY,)}
        for one in partitions:
            # Of the last answer, also an empty one; with the same time, it is the same answer.
            heard = kafka.last_poll_timestamp(one)
            if heard is not None and heard != self._heard.get(one):
                self._heard[one] = heard
                quiet[one] = 0.0
        self._quiet = quiet

    def forget(self) -> None:
        """Start to count anew."""
        self._quiet.clear()

    @property
    def silence(self) -> float:
        """For how many seconds of waiting the quietest partition was not heard of."""
        return max(self._quiet.values(), default=0.0)
