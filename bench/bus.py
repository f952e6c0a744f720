"""How fast the SQLite bus is: sends a second alone and together, records read a second.

Run `python -m bench.bus [FOLDER]`; the folder decides which disk is measured. The raw
line is what the disk itself allows: one transaction with one sync for each record.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from schemas.topics import Topic
from services.bus.port import Outgoing
from services.bus.sqlite import SqliteBus, open_bus
from services.bus.sqlite_file import open_writer

TOPIC = Topic("articles", (), groups=("matcher",))
VALUE = b'{"text":"' + b"news and more news " * 210 + b'"}'  # 4 kB, a usual article
RECORD = Outgoing(TOPIC, "0123456789abcdef", VALUE)

ALONE = 300
SENDERS = 100
SENT_BY_EACH = 50
IN_BATCHES = 10_000
BATCH = 100


async def alone(bus: SqliteBus) -> int:
    for _ in range(ALONE):
        await bus.send(RECORD)
    return ALONE


async def together(bus: SqliteBus) -> int:
    async def sender() -> None:
        for _ in range(SENT_BY_EACH):
            await bus.send(RECORD)

    await asyncio.gather(*(sender() for _ in range(SENDERS)))
    return SENDERS * SENT_BY_EACH


async def in_batches(bus: SqliteBus) -> int:
    for _ in range(IN_BATCHES // BATCH):
        await bus.send_all([RECORD] * BATCH)
    return IN_BATCHES


def read_and_commit(batch: int, most: int) -> Callable[[SqliteBus], Awaitable[int]]:
    async def read(bus: SqliteBus) -> int:
        done = 0
        async with bus.consume(TOPIC, f"matcher {batch}") as consumer:
            while done < most:
                records = await consumer.fetch(batch, 1)
                await consumer.commit(records[-1])
                done += len(records)
        return done

    return read


def raw(folder: Path) -> float:
    """Transactions a second of 4 kB each, with nothing around SQLite."""
    connection = open_writer(folder / "raw.sqlite3")
    insert = "INSERT INTO records (topic, offset, written_at, key, value) VALUES (?, ?, 0, ?, ?)"
    start = time.perf_counter()
    for offset in range(ALONE):
        connection.execute(insert, ("raw", offset, "k", VALUE))
    rate = ALONE / (time.perf_counter() - start)
    connection.close()
    return rate


async def latency(bus: SqliteBus) -> float:
    """Median milliseconds from the begin of a send to the record in a waiting consumer."""
    topic = Topic("latency", ())
    took = []
    async with bus.consume(topic, "reader") as consumer:
        for _ in range(200):
            fetching = asyncio.create_task(consumer.fetch(1, 5))
            await asyncio.sleep(0.001)
            start = time.perf_counter()
            await asyncio.gather(bus.send(Outgoing(topic, "k", VALUE)), fetching)
            took.append(time.perf_counter() - start)
    return sorted(took)[100] * 1_000


async def measure(folder: Path) -> None:
    print(f"{'raw SQLite, a sync for each record':<45}{raw(folder):>10,.0f} a second")
    async with open_bus(folder / "bus.sqlite3") as bus:
        for name, task in {
            "send, one sender": alone,
            f"send, {SENDERS} senders": together,
            f"send_all, {BATCH} records at a time": in_batches,
            "fetch 1, commit 1": read_and_commit(1, 300),
            "fetch 100, commit 1": read_and_commit(100, IN_BATCHES),
        }.items():
            start = time.perf_counter()
            done = await task(bus)
            print(f"{name:<45}{done / (time.perf_counter() - start):>10,.0f} a second")
        print(f"{'send to waiting consumer, median':<45}{await latency(bus):>10.2f} ms")
    print(f"SQLite {sqlite3.sqlite_version}, {len(VALUE):,} bytes a record")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="where to put the file")
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
