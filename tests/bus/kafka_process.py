"""A member of a group in a process of its own, for tests that kill or stop it.

`work` prints partition, offset and value of every record, which is all its work, and commits
it. `stall` reads one record, prints `read`, waits for a line, tries to commit and prints what
came of it.
"""

import asyncio
import sys

from schemas.topics import Topic
from services.bus.errors import FencedError
from services.bus.kafka import KafkaBus, open_kafka_bus
from services.bus.kafka_connection import KafkaTimes

HASTY = KafkaTimes(session=2.0, heartbeat=0.3, hand_over=1.0, answer=5.0)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


async def work(bus: KafkaBus, topic: Topic, group: str) -> None:
    async with bus.consume(topic, group) as consumer:
        while True:
            for record in await consumer.fetch(5, 1):
                say(record.partition, record.offset, (record.value or b"").decode())
                await consumer.commit(record)


async def stall(bus: KafkaBus, topic: Topic, group: str) -> None:
    async with bus.consume(topic, group) as consumer:
        while not (records := await consumer.fetch(1, 1)):
            pass
        say("read")
        await asyncio.to_thread(sys.stdin.readline)
        try:
            await consumer.commit(records[0])
            say("committed")
        except FencedError:
            say("fenced")


async def main(task: str, servers: str, topic: str, group: str) -> None:
    async with open_kafka_bus(servers, times=HASTY) as bus:
        await {"work": work, "stall": stall}[task](bus, Topic(topic, ()), group)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
