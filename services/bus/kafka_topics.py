"""Creating the declared topics on Kafka, and saying where existing ones differ.

Decides which Kafka settings a declaration stands for. Nothing that exists is changed: more
partitions move keys elsewhere, and a shorter retention deletes at once.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]
from aiokafka.admin.config_resource import (  # type: ignore[import-untyped]
    ConfigResource,
    ConfigResourceType,
)
from aiokafka.errors import TopicAlreadyExistsError, for_code  # type: ignore[import-untyped]

from schemas.topics import TOMBSTONES_KEPT, TOPICS, Topic
from services.bus.kafka_connection import KafkaConnection, KafkaTimes

MAX_BATCH_BYTES = 1_048_588
"""Kafka's own default, spelt out because a cluster may have another: 1 MiB and a header."""

_LOOK_AGAIN_SECONDS = 0.05

Settings = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """An existing topic is not as declared."""

    topic: str
    setting: str
    declared: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, not {self.declared}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """What `create_topics` did and found."""

    created: tuple[str, ...]
    differing: tuple[Difference, ...]


async def create_topics(
    bootstrap_servers: str,
    topics: Sequence[Topic] = TOPICS,
    *,
    client_id: str = "wirewatch",
    replication_factor: int | None = None,
    times: KafkaTimes | None = None,
) -> TopicsReport:
    """Create the topics that are missing; compare the others with what is declared.

    `replication_factor` None takes the brokers' `default.replication.factor`. May be called
    again and by several at a time. Raises BusUnavailableError.
    """
    connection = KafkaConnection(bootstrap_servers, client_id, times or KafkaTimes())
    with connection.explaining("creating topics"):
        async with asyncio.timeout(connection.times.answer), _admin(connection) as admin:
            present = await admin.list_topics()
            missing = [topic for topic in topics if topic.name not in present]
            factor = replication_factor or await _default_replication(admin)
            created = await _create(admin, missing, factor)
            return TopicsReport(created, tuple(await _differing(admin, connection, topics)))


def settings_of(topic: Topic) -> Settings:
    """The settings that a declaration stands for, as Kafka spells them. PURE."""
    retention = topic.retention
    policy = {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        # On a compacted topic, records are kept by key and not by age.
        "retention.ms": "-1"
        if retention is None or topic.compacted
        else str(int(retention.total_seconds() * 1000)),
    }
    if topic.compacted:
        policy["delete.retention.ms"] = str(int(TOMBSTONES_KEPT.total_seconds() * 1000))
    return policy | {
        # A sender with a wrong clock must not have its records deleted early.
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(MAX_BATCH_BYTES),
        # By the broker, so that no event loop stands still for it; the other kinds would
        # need a package more in every reader.
        "compression.type": "gzip",
    }


def differences(
    topic: Topic, partitions: int, found: Settings, servers: str
) -> Iterator[Difference]:
    """How an existing topic differs from its declaration. PURE."""
    if partitions != topic.partitions:
        yield Difference(
            topic.name,
            "the number of partitions",
            str(topic.partitions),
            str(partitions),
            _remedy_for_partitions(topic, partitions, servers),
        )
    for setting, declared in settings_of(topic).items():
        if found.get(setting) != declared:
            yield Difference(
                topic.name,
                setting,
                declared,
                found.get(setting, "unset"),
                f"mend it with kafka-configs.sh --bootstrap-server {servers} --alter "
                f"--entity-type topics --entity-name {topic.name} "
                f"--add-config {setting}={declared}",
            )


def _remedy_for_partitions(topic: Topic, partitions: int, servers: str) -> str:
    if partitions < topic.partitions:
        return (
            "stop all senders and let the readers finish (keys change their partition), then "
            f"run kafka-topics.sh --bootstrap-server {servers} --alter --topic {topic.name} "
            f"--partitions {topic.partitions}"
        )
    return (
        "partitions cannot be taken away: stop all senders, let the readers finish, delete the "
        "topic and apply again"
    )


@asynccontextmanager
async def _admin(connection: KafkaConnection) -> Any:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=connection.servers, client_id=connection.client_id
    )
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _create(
    admin: AIOKafkaAdminClient, missing: Sequence[Topic], factor: int
) -> tuple[str, ...]:
    if not missing:
        return ()
    response = await admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, factor, topic_configs=dict(settings_of(topic)))
            for topic in missing
        ]
    )
    return tuple(name for name, *outcome in response.topic_errors if _was_created(name, *outcome))


def _was_created(name: str, code: int, message: str | None = None) -> bool:
    """Whether it was; False where somebody else was faster."""
    error = for_code(code)
    if error is TopicAlreadyExistsError:
        return False
    if code:
        raise error(f"topic {name}: {message}")
    return True


async def _differing(
    admin: AIOKafkaAdminClient, connection: KafkaConnection, topics: Sequence[Topic]
) -> list[Difference]:
    names = [topic.name for topic in topics]
    partitions = await _partitions(admin, names)
    settings = await _settings(admin, ConfigResourceType.TOPIC, names)
    return [
        difference
        for topic in topics
        for difference in differences(
            topic, partitions[topic.name], settings[topic.name], connection.servers
        )
    ]


async def _partitions(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    """How many partitions each topic has; waits until all of a new one have a leader."""
    while True:
        described = await admin.describe_topics(names)
        partitions = {one["topic"]: one["partitions"] for one in described}
        if all(p["leader"] >= 0 for each in partitions.values() for p in each) and all(
            partitions.get(name) for name in names
        ):
            return {name: len(partitions[name]) for name in names}
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _default_replication(admin: AIOKafkaAdminClient) -> int:
    broker = str((await admin.describe_cluster())["brokers"][0]["node_id"])
    settings = await _settings(admin, ConfigResourceType.BROKER, [broker])
    return int(settings[broker]["default.replication.factor"])


async def _settings(
    admin: AIOKafkaAdminClient, kind: ConfigResourceType, names: Sequence[str]
) -> dict[str, Settings]:
    answers = await admin.describe_configs([ConfigResource(kind, name) for name in names])
    found: dict[str, Settings] = {}
    for answer in answers:
        for code, message, _kind, name, entries in answer.resources:
            if code:
                raise for_code(code)(f"settings of {name}: {message}")
            found[name] = {setting: value for setting, value, *_ in entries}
    return found
