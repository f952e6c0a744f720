"""The SQLite bus keeps the contract of every bus, and what it promises beyond that."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas.topics import Topic
from services.bus import sqlite, sqlite_consumer
from services.bus.errors import BusFileError, BusInUseError, FencedError
from services.bus.port import BusUnavailableError, OffsetOutOfRangeError, Outgoing, Record
from services.bus.sqlite import SqliteBus, open_bus
from services.bus.sqlite_records import Slice
from services.bus.sqlite_thread import SqlThread, Work
from tests.contracts.bus_contract import (
    PATIENCE,
    BusContract,
    Lose,
    MakeTopic,
    OpenClient,
    letters,
    take,
    text_of,
)

WEEK = timedelta(days=7)
TOPIC = Topic("news", (), retention=WEEK, groups=("declared",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "bus.sqlite3"


@pytest.fixture
async def bus(path: Path) -> AsyncIterator[SqliteBus]:
    async with open_bus(path) as bus:
        yield bus


async def until_waiting(task: asyncio.Task[None], bus: SqliteBus, topic: Topic) -> None:
    """Until the bus has answered after `task` began; it goes on only if it was held back."""
    for _ in range(3):
        await asyncio.sleep(0)
        await bus.tail(topic, 1)
        await bus.send(Outgoing(Topic("elsewhere", ()), "k", b"v"))
    assert not task.done()


class TestContract(BusContract):
    @pytest.fixture
    def open_client(self, path: Path) -> OpenClient:
        return partial(open_bus, path)

    @pytest.fixture
    def make_topic(self) -> MakeTopic:
        numbers = count()

        async def make(*, compacted: bool = False, groups: tuple[str, ...] = ()) -> Topic:
            return Topic(f"topic-{next(numbers)}", (), compacted=compacted, groups=groups)

        return make

    @pytest.fixture
    def lose(self, path: Path) -> Lose:
        async def forget(topic: Topic, record: Record) -> None:
            connection = sqlite3.connect(path)
            with connection:
                connection.execute(
                    "DELETE FROM records WHERE topic = ? AND offset <= ?",
                    (topic.name, record.offset),
                )
                connection.execute(
                    "UPDATE topics SET first_offset = ? WHERE name = ?",
                    (record.offset + 1, topic.name),
                )
            connection.close()

        return forget


# Offsets


async def test_offsets_begin_at_zero_and_have_no_gaps(bus: SqliteBus) -> None:
    await bus.send_all(letters(TOPIC, "abc"))
    await asyncio.gather(*(bus.send(outgoing) for outgoing in letters(TOPIC, "defgh")))
    assert [(r.partition, r.offset) for r in await bus.tail(TOPIC, 99)] == [
        (0, offset) for offset in range(8)
    ]


async def test_offsets_are_not_used_again_after_everything_was_pruned(path: Path) -> None:
    free = Topic("free", (), retention=WEEK)
    async with open_bus(path) as bus:
        await bus.send_all(letters(free, "abc"))
        assert await bus.prune(datetime.now(UTC) + 2 * WEEK, [free]) == 3
    async with open_bus(path) as bus:
        await bus.send(Outgoing(free, "k", b"d"))
        assert [r.offset for r in await bus.tail(free, 9)] == [3]


async def test_a_committed_offset_above_the_end_is_an_error(bus: SqliteBus) -> None:
    await bus.send_all(letters(TOPIC, "abc"))
    async with bus.consume(TOPIC, "declared") as consumer:
        await consumer.commit((await take(consumer, 3))[-1])
    connection = sqlite3.connect(bus._parts.path)
    with connection:
        connection.execute("UPDATE topics SET next_offset = 1")
    connection.close()
    async with bus.consume(TOPIC, "declared") as consumer:
        with pytest.raises(OffsetOutOfRangeError, match="offset 3 of news, which holds 0 up to 1"):
            await consumer.fetch(1, 0)


async def test_an_older_commit_does_not_undo_a_later_one(bus: SqliteBus) -> None:
    await bus.send_all(letters(TOPIC, "abc"))
    async with bus.consume(TOPIC, "declared") as consumer:
        records = await take(consumer, 3)
        await consumer.commit(records[2])
        await consumer.commit(records[0])
    assert (await bus.lag(TOPIC, "declared")).records == 0


# Turns and the lock


async def test_only_one_consumer_of_a_group_reads_at_a_time(bus: SqliteBus) -> None:
    await bus.send_all(letters(TOPIC, "abc"))
    async with bus.consume(TOPIC, "declared") as first, bus.consume(TOPIC, "declared") as second:
        (record,) = await first.fetch(1, 0)
        assert not await second.fetch(1, 0.05)
        with pytest.raises(FencedError):
            await second.commit(record)


async def test_a_consumer_that_gave_up_waiting_for_its_turn_does_not_block_the_others(
    bus: SqliteBus,
) -> None:
    await bus.send(Outgoing(TOPIC, "k", b"v"))
    async with bus.consume(TOPIC, "declared") as third:
        async with bus.consume(TOPIC, "declared") as first:
            await take(first, 1)
            async with bus.consume(TOPIC, "declared") as second:
                waiting = asyncio.ensure_future(second.fetch(1, PATIENCE))
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        assert text_of(await take(third, 1)) == "v"


async def test_a_second_consuming_process_is_told_which_one_is_first(
    bus: SqliteBus, path: Path
) -> None:
    await bus.send(Outgoing(TOPIC, "k", b"v"))
    async with open_bus(path) as other:
        async with bus.consume(TOPIC, "declared"):
            with pytest.raises(BusInUseError, match=f"consumed by process {os.getpid()};"):
                async with other.consume(TOPIC, "another"):
                    pass
            await other.send(Outgoing(TOPIC, "k", b"w"))
            assert text_of(await other.tail(TOPIC, 2)) == "vw"
            assert (await other.lag(TOPIC, "declared")).records == 2
        async with other.consume(TOPIC, "declared") as consumer:
            assert text_of(await take(consumer, 2)) == "vw"


async def test_a_record_sent_just_after_a_look_is_not_waited_past(
    bus: SqliteBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_consumer, "LOOK_AGAIN_SECONDS", 10 * PATIENCE)
    look = SqlThread.run
    sends = iter(letters(TOPIC, "a"))

    async def send_after_looking(thread: SqlThread, work: Work[Any]) -> Any:
        found = await look(thread, work)
        if isinstance(found, Slice) and not found.records:
            await bus.send(next(sends))
        return found

    async with bus.consume(TOPIC, "declared") as consumer:
        monkeypatch.setattr(SqlThread, "run", send_after_looking)
        async with asyncio.timeout(PATIENCE):
            assert text_of(await consumer.fetch(1, 10 * PATIENCE)) == "a"


# Retention


async def prune_later(bus: SqliteBus, topic: Topic, after: timedelta = 2 * WEEK) -> int:
    return await bus.prune(datetime.now(UTC) + after, [topic])


async def test_nothing_is_pruned_before_its_time(bus: SqliteBus) -> None:
    free = Topic("free", (), retention=WEEK)
    await bus.send_all(letters(free, "abc"))
    assert await prune_later(bus, free, WEEK - timedelta(minutes=1)) == 0
    assert await prune_later(bus, free, WEEK + timedelta(minutes=1)) == 3


async def test_a_declared_group_that_never_joined_keeps_everything(bus: SqliteBus) -> None:
    await bus.send_all(letters(TOPIC, "abc"))
    assert await prune_later(bus, TOPIC) == 0


async def test_old_records_go_up_to_where_the_slowest_declared_group_is(bus: SqliteBus) -> None:
    topic = Topic("news", (), retention=WEEK, groups=("fast", "slow"))
    await bus.send_all(letters(topic, "abcd"))
    for group, done in (("fast", 4), ("slow", 2)):
        async with bus.consume(topic, group) as consumer:
            await consumer.commit((await take(consumer, done))[-1])
    assert await prune_later(bus, topic) == 2
    async with bus.consume(topic, "slow") as consumer:
        assert text_of(await take(consumer, 2)) == "cd"


async def test_a_topic_without_retention_is_kept(bus: SqliteBus) -> None:
    kept = Topic("kept", ())
    await bus.send(Outgoing(kept, "k", b"v"))
    assert await prune_later(bus, kept, 1_000 * WEEK) == 0


async def test_more_records_than_a_batch_are_pruned_at_once(bus: SqliteBus) -> None:
    free = Topic("free", (), retention=WEEK)
    await bus.send_all(letters(free, "x" * 1_001))
    assert await prune_later(bus, free) == 1_001


async def test_a_clock_that_jumped_back_leaves_no_hole(path: Path) -> None:
    free = Topic("free", (), retention=WEEK)
    now = datetime.now(UTC)
    times = iter([now, now - 2 * WEEK, now])
    async with open_bus(path, clock=lambda: next(times)) as bus:
        for outgoing in letters(free, "abc"):
            await bus.send(outgoing)
        assert await bus.prune(now, [free]) == 0


async def test_an_undeclared_reader_that_retention_has_overtaken_is_told(bus: SqliteBus) -> None:
    free = Topic("free", (), retention=WEEK)
    await bus.send_all(letters(free, "abc"))
    async with bus.consume(free, "late") as consumer:
        await consumer.fetch(1, 0)
        await prune_later(bus, free)
        with pytest.raises(OffsetOutOfRangeError):
            await consumer.fetch(1, 0)


async def test_compaction_keeps_the_last_value_of_each_key(bus: SqliteBus) -> None:
    rules = Topic("rules", (), compacted=True)
    for n in range(300):
        await bus.send_all([Outgoing(rules, "a", b"a%d" % n), Outgoing(rules, "b", b"b%d" % n)])
    assert await prune_later(bus, rules, timedelta()) == 598
    assert text_of(await bus.tail(rules, 9)) == "a299b299"
    async with bus.consume(rules, "reader") as consumer:
        assert text_of(await take(consumer, 2)) == "a299b299"


async def test_a_tombstone_is_kept_for_a_day(bus: SqliteBus) -> None:
    rules = Topic("rules", (), compacted=True)
    await bus.send_all([Outgoing(rules, "a", b"v"), Outgoing(rules, "a", None)])
    assert await prune_later(bus, rules, timedelta(hours=23)) == 1
    assert text_of(await bus.tail(rules, 9)) == "-"
    assert await prune_later(bus, rules, timedelta(hours=25)) == 1
    assert not await bus.tail(rules, 9)


async def test_compaction_waits_for_declared_groups(bus: SqliteBus) -> None:
    rules = Topic("rules", (), compacted=True, groups=("declared",))
    await bus.send_all(letters(rules, "abc"))
    assert await prune_later(bus, rules) == 0
    async with bus.consume(rules, "declared") as consumer:
        await consumer.commit((await take(consumer, 1))[0])
    assert await prune_later(bus, rules) == 1


# Back-pressure


async def test_a_sender_waits_for_the_slowest_declared_group(path: Path) -> None:
    topic = Topic("news", (), groups=("fast", "slow"))
    async with open_bus(path, max_backlog=2) as bus:
        await bus.send_all(letters(topic, "abc"))
        async with bus.consume(topic, "fast") as fast, bus.consume(topic, "slow") as slow:
            await fast.commit((await take(fast, 3))[-1])
            sending = asyncio.create_task(bus.send(Outgoing(topic, "k", b"d")))
            await until_waiting(sending, bus, topic)
            await slow.commit((await take(slow, 1))[-1])
            await asyncio.wait_for(sending, PATIENCE)
        assert text_of(await bus.tail(topic, 9)) == "abcd"


async def held_back_until_read(bus: SqliteBus, values: str) -> None:
    """Send one record for each letter at the same time, all held back by one before."""
    await bus.send(Outgoing(TOPIC, "k", b"first"))
    sends = [asyncio.create_task(bus.send(outgoing)) for outgoing in letters(TOPIC, values)]
    for send in sends:
        await until_waiting(send, bus, TOPIC)
    async with bus.consume(TOPIC, "declared") as consumer:
        for _ in range(1 + len(values)):
            await consumer.commit((await take(consumer, 1))[0])
    await asyncio.wait_for(asyncio.gather(*sends), PATIENCE)


async def test_held_back_senders_say_once_for_whom_they_wait_and_again_the_next_time(
    path: Path,
) -> None:
    async with open_bus(path, max_backlog=0) as bus:
        with capture_logs() as logs:
            await held_back_until_read(bus, "bcd")
            await held_back_until_read(bus, "fg")
    waits = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [(w["topic"], w["group"], w["backlog"]) for w in waits] == [("news", "declared", 1)] * 2


async def test_within_a_process_nobody_waits_for_the_next_look(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sqlite, sqlite_consumer):
        monkeypatch.setattr(module, "LOOK_AGAIN_SECONDS", 10 * PATIENCE)
    async with open_bus(path, max_backlog=0) as bus, bus.consume(TOPIC, "declared") as consumer:
        for _ in range(100):
            fetching = asyncio.create_task(consumer.fetch(1, 10 * PATIENCE))
            sending = asyncio.gather(*(bus.send(outgoing) for outgoing in letters(TOPIC, "ab")))
            async with asyncio.timeout(PATIENCE):
                await consumer.commit((await fetching)[-1])
                await consumer.commit((await take(consumer, 1))[-1])
                await sending


async def test_a_held_back_sender_can_be_cancelled(path: Path) -> None:
    async with open_bus(path, max_backlog=0) as bus:
        await bus.send(Outgoing(TOPIC, "k", b"a"))
        sending = asyncio.create_task(bus.send(Outgoing(TOPIC, "k", b"b")))
        await until_waiting(sending, bus, TOPIC)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert text_of(await bus.tail(TOPIC, 9)) == "a"


async def test_a_sender_goes_on_after_a_commit_in_another_process(path: Path) -> None:
    async with open_bus(path, max_backlog=0) as bus, open_bus(path) as other:
        await bus.send(Outgoing(TOPIC, "k", b"a"))
        sending = asyncio.create_task(bus.send(Outgoing(TOPIC, "k", b"b")))
        await until_waiting(sending, bus, TOPIC)
        async with other.consume(TOPIC, "declared") as consumer:
            await consumer.commit((await take(consumer, 1))[0])
        await asyncio.wait_for(sending, PATIENCE)


async def test_a_topic_without_groups_is_never_held_back(path: Path) -> None:
    async with open_bus(path, max_backlog=0) as bus:
        await bus.send_all(letters(Topic("free", ()), "abc"))
        await asyncio.wait_for(bus.send_all(letters(Topic("free", ()), "abc")), PATIENCE)


async def test_a_batch_over_several_topics_is_stored_whole_or_not_at_all(path: Path) -> None:
    free = Topic("free", ())
    async with open_bus(path, max_backlog=0) as bus:
        await bus.send(Outgoing(TOPIC, "k", b"a"))
        mixed = [Outgoing(free, "k", b"1"), Outgoing(TOPIC, "k", b"b")]
        sending = asyncio.create_task(bus.send_all(mixed))
        await until_waiting(sending, bus, TOPIC)
        assert not await bus.tail(free, 1)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


# Failures


async def limit_pages(bus: SqliteBus, pages: int | None) -> None:
    """Make the file full at its present size, plus `pages`; None lets it grow again."""

    def limit(connection: sqlite3.Connection) -> None:
        (used,) = connection.execute("PRAGMA page_count").fetchone()
        most = 1_000_000 if pages is None else used + pages
        connection.execute(f"PRAGMA max_page_count = {most}").fetchone()

    await bus._parts.writer.run(limit)


async def test_a_full_disk_stores_nothing_of_a_batch_and_the_bus_goes_on_afterwards(
    bus: SqliteBus, path: Path
) -> None:
    await bus.send_all(letters(TOPIC, "ab"))
    await limit_pages(bus, 4)
    large = [Outgoing(TOPIC, "k", bytes(10_000)) for _ in range(5)]
    with pytest.raises(BusUnavailableError, match=f"bus {path}: database or disk is full"):
        await bus.send_all(large)
    assert text_of(await bus.tail(TOPIC, 9)) == "ab"
    await limit_pages(bus, None)
    await bus.send(Outgoing(TOPIC, "k", b"c"))
    assert [(r.offset, r.value) for r in await bus.tail(TOPIC, 9)] == [
        (0, b"a"),
        (1, b"b"),
        (2, b"c"),
    ]


async def test_sends_that_share_a_transaction_fail_together_on_a_full_disk(
    bus: SqliteBus,
) -> None:
    await bus.send(Outgoing(TOPIC, "k", b"a"))
    await limit_pages(bus, 10)
    outcomes = await asyncio.gather(
        *(bus.send(Outgoing(TOPIC, "k", bytes(9_000))) for _ in range(50)), return_exceptions=True
    )
    stored = sum(outcome is None for outcome in outcomes)
    assert all(o is None or isinstance(o, BusUnavailableError) for o in outcomes)
    assert len(await bus.tail(TOPIC, 99)) == 1 + stored
    assert stored < 50


async def test_a_file_locked_for_long_is_unavailable_and_comes_back(
    bus: SqliteBus, path: Path
) -> None:
    def hurry(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA busy_timeout = 1").fetchone()

    await bus._parts.writer.run(hurry)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusUnavailableError, match="locked"):
        await bus.send(Outgoing(TOPIC, "k", b"a"))
    blocker.execute("ROLLBACK")
    blocker.close()
    await bus.send(Outgoing(TOPIC, "k", b"b"))
    assert text_of(await bus.tail(TOPIC, 9)) == "b"


async def test_a_failed_transaction_does_not_block_other_processes(
    bus: SqliteBus, path: Path
) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM records")
        raise ZeroDivisionError

    await bus.send(Outgoing(TOPIC, "k", b"a"))
    with pytest.raises(ZeroDivisionError):
        await bus._parts.writer.run(fail)
    async with open_bus(path) as other:
        await other.send(Outgoing(TOPIC, "k", b"b"))
        assert text_of(await other.tail(TOPIC, 9)) == "ab"


async def test_a_key_that_is_no_text_fails_alone(bus: SqliteBus) -> None:
    outcomes = await asyncio.gather(
        *(bus.send(Outgoing(TOPIC, key, b"v")) for key in ("a", "\ud800", "b")),
        return_exceptions=True,
    )
    assert [type(o).__name__ for o in outcomes] == ["NoneType", "UnicodeEncodeError", "NoneType"]


async def refused(opening: AbstractAsyncContextManager[SqliteBus]) -> None:
    async with opening:
        pytest.fail("opened")


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    text = b"Dear editor, " * 1_000
    path.write_bytes(text)
    with pytest.raises(BusFileError, match=f"bus {path} cannot be read"):
        await refused(open_bus(path))
    assert path.read_bytes() == text


async def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(BusFileError, match="SQLite database of something else"):
        await refused(open_bus(path))
    assert path.read_bytes() == before


async def test_a_bus_of_a_later_version_is_refused(path: Path) -> None:
    async with open_bus(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(BusFileError, match="has format 9"):
        await refused(open_bus(path))


async def test_a_path_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BusUnavailableError, match=f"bus {tmp_path}: unable to open"):
        await refused(open_bus(tmp_path))


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BusUnavailableError, match=f"folder of the bus {tmp_path}/file/bus"):
        await refused(open_bus(tmp_path / "file" / "bus"))


async def test_a_damaged_file_is_an_error_for_the_operator(path: Path) -> None:
    async with open_bus(path) as bus:
        await bus.send_all([Outgoing(TOPIC, "k", bytes(5_000)) for _ in range(50)])
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(os.urandom(100_000))
    with pytest.raises(BusFileError, match="restore it from a backup"):
        async with open_bus(path) as bus:
            await bus.tail(TOPIC, 99)


async def test_a_closed_bus_says_so(path: Path) -> None:
    async with open_bus(path) as bus:
        pass
    with pytest.raises(RuntimeError, match="is closed"):
        await bus.send(Outgoing(TOPIC, "k", b"v"))


async def test_the_file_is_written_through_at_every_commit(bus: SqliteBus) -> None:
    def settings(connection: sqlite3.Connection) -> tuple[str, int]:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        return mode, synchronous

    assert await bus._parts.writer.run(settings) == ("wal", 2)
