"""Topics of one test on a Kafka that many tests share."""

from datetime import timedelta
from uuid import uuid4

from schemas.topics import Topic
from services.bus.kafka_topics import create_topics


def new_topic(
    *,
    partitions: int = 1,
    compacted: bool = False,
    retention: timedelta | None = None,
    groups: tuple[str, ...] = (),
) -> Topic:
    """A declaration with a name that nobody uses."""
    return Topic(f"topic-{uuid4()}", (), partitions, retention, compacted, groups)


async def fresh_topic(
    servers: str,
    *,
    partitions: int = 1,
    compacted: bool = False,
    retention: timedelta | None = None,
    groups: tuple[str, ...] = (),
) -> Topic:
    """A topic of its own, created."""
    topic = new_topic(
        partitions=partitions, compacted=compacted, retention=retention, groups=groups
    )
    await create_topics(servers, [topic])
    return topic
