"""A process of its own on a bus file, for tests that kill it.

`send` sends numbered records for ever and prints each number once its send has returned;
`consume` commits records one by one and prints each offset once its commit has returned.
`fork` consumes and has a forked child, which prints its number and ends with standard input.
"""

import asyncio
import os
import sys
from pathlib import Path

from schemas.topics import Topic
from services.bus.port import Outgoing
from services.bus.sqlite import SqliteBus, open_bus

NUMBERS = Topic("numbers", ())
GROUP = "counters"


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


async def send(bus: SqliteBus) -> None:
    last = await bus.tail(NUMBERS, 1)
    number = last[0].offset + 1 if last else 0
    while True:
        # Ten at a time, so that a kill also falls between sends that share a transaction.
        batch = range(number, number + 10)
        await asyncio.gather(
            *(bus.send(Outgoing(NUMBERS, "k", b"%d" % n + bytes(2_000))) for n in batch)
        )
        say(batch[-1])
        number += 10


async def consume(bus: SqliteBus) -> None:
    async with bus.consume(NUMBERS, GROUP) as consumer:
        while True:
            for record in await consumer.fetch(100, 1):
                await consumer.commit(record)
                say(record.offset)


async def fork(bus: SqliteBus) -> None:
    async with bus.consume(NUMBERS, GROUP) as consumer:
        await consumer.fetch(1, 0)
        if os.fork() == 0:
            say(os.getpid())
            sys.stdin.read()
            os._exit(0)
        await asyncio.Event().wait()


async def main(task: str, path: str) -> None:
    async with open_bus(Path(path)) as bus:
        await {"send": send, "consume": consume, "fork": fork}[task](bus)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
