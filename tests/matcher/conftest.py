"""A Kafka of its own: these tests use the topics' real names, and stop the node."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.matcher.matchers import Desk, matcher_desk
from tests.servers.kafka_server import KafkaNode, own_node


@pytest.fixture(scope="session")
def matcher_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    """A running node."""
    with own_node(tmp_path_factory.mktemp("kafka")) as node:
        node.start()
        yield node


@pytest.fixture
async def desk(matcher_node: KafkaNode, tmp_path: Path) -> AsyncIterator[Desk]:
    """Fresh topics, no rule and no matcher yet."""
    async with matcher_desk(matcher_node.address, tmp_path) as desk:
        yield desk
