"""Opening the bus that several processes share: Kafka, as the settings name it."""

from services.bus.kafka import open_kafka_bus
from services.bus.port import Bus
from services.runtime.process import CannotStartError, Process
from services.runtime.settings import Settings


def kafka_servers(settings: Settings) -> str:
    """Kafka's bootstrap servers; raises CannotStartError where the settings name none."""
    if settings.kafka_servers is None:
        raise CannotStartError(
            "WIREWATCH_KAFKA_SERVERS is not set; name Kafka's bootstrap servers, as in "
            "kafka:9092, or run everything in one process with `wirewatch run`"
        )
    return settings.kafka_servers


async def open_shared_bus(process: Process) -> Bus:
    """The bus of a process of the distributed way, closed with the process."""
    servers = kafka_servers(process.settings)
    return await process.stack.enter_async_context(
        open_kafka_bus(servers, client_id=f"wirewatch-{process.name}")
    )
