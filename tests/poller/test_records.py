"""Records of polls: many in one transaction, the newest of a feed the last, none lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.poller import memory as remembered
from services.poller.memory import Memory, new_memory
from services.poller.news import Sorted
from services.poller.records import AT_ONCE, Record, Records
from services.poller.remembering import Remembering, Taken
from services.poller.replies import Validators
from services.runtime.clock import utc_now
from services.store import feeds
from services.store.database import Database, DatabaseUnavailableError
from tests.servers.faults import FaultyDatabase


class HeldDatabase(FaultyDatabase):
    """A database whose transactions are counted and wait before they are committed."""

    def __init__(self, real: Database) -> None:
        super().__init__(real)
        self.transactions = 0
        self.breaks = False
        self.may_commit = asyncio.Event()
        self.may_commit.set()
        self.holds = asyncio.Event()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        self.transactions += 1
        async with super().write() as tx:
            yield tx
            self.holds.set()
            await self.may_commit.wait()
            if self.breaks:
                raise self.error


@dataclass
class Book:
    """Records and what they have left in the database."""

    database: HeldDatabase
    records: Records

    async def memories(self) -> list[Memory]:
        """Of all feeds on record."""
        async with self.database.read() as tx:
            return [remembered.from_state(s) for s in (await feeds.states(tx)).values()]

    async def intervals(self) -> dict[str, float | None]:
        """In seconds, of each feed on record: what tells its memories apart here."""
        async with self.database.read() as tx:
            stored = await feeds.states(tx)
        memories = {i: remembered.from_state(state) for i, state in stored.items()}
        return {i: m.interval.total_seconds() if m.interval else None for i, m in memories.items()}


@pytest.fixture
async def book(database: Database) -> Book:
    held = HeldDatabase(database)
    return Book(held, Records(held, utc_now, Remembering().remember))


NOTHING = Taken(Sorted((), (), ()), ())


def memory(name: str, interval: int) -> Memory:
    first = new_memory(name, f"http://{name}.example/", utc_now(), timedelta())
    return replace(first, interval=timedelta(seconds=interval))


async def test_many_records_share_a_transaction(book: Book) -> None:
    for number in range(AT_ONCE + 1):
        book.records.later(Record(memory(f"f{number}", 1 + number)))
    await book.records.write()
    assert book.database.transactions == 2
    assert book.records.count == AT_ONCE + 1
    assert await book.intervals() == {f"f{n}": 1.0 + n for n in range(AT_ONCE + 1)}
    await book.records.write()
    assert book.database.transactions == 2


async def test_of_two_records_of_a_feed_the_newer_one_is_written(book: Book) -> None:
    book.records.later(Record(memory("a", 1)))
    book.records.later(Record(memory("a", 2)))
    await book.records.write()
    assert await book.intervals() == {"a": 2}


async def test_a_record_that_is_written_at_once_is_not_undone_by_one_that_waited(
    book: Book,
) -> None:
    book.records.later(Record(memory("a", 1)))
    await book.records.at_once(Record(memory("a", 2)), NOTHING)
    await book.records.write()
    assert await book.intervals() == {"a": 2}


async def test_records_at_once_that_come_while_one_is_written_share_the_next_transaction(
    book: Book,
) -> None:
    book.database.may_commit.clear()
    first = asyncio.create_task(book.records.at_once(Record(memory("a", 1)), NOTHING))
    await book.database.holds.wait()
    others = [
        asyncio.create_task(book.records.at_once(Record(memory(name, 1)), NOTHING))
        for name in "bcd"
    ]
    await asyncio.sleep(0)
    book.database.may_commit.set()
    await asyncio.gather(first, *others)
    assert await book.intervals() == dict.fromkeys("abcd", 1)
    assert book.database.transactions == 2
    assert book.records.count == 4


async def test_a_record_at_once_that_cannot_be_stored_fails_alone(book: Book) -> None:
    bad = replace(memory("bad", 1), body_hash="\udfff")
    outcomes = await asyncio.gather(
        book.records.at_once(Record(memory("a", 1)), NOTHING),
        book.records.at_once(Record(bad), NOTHING),
        book.records.at_once(Record(memory("c", 1)), NOTHING),
        return_exceptions=True,
    )
    assert [outcome is None for outcome in outcomes] == [True, False, True]
    assert await book.intervals() == {"a": 1, "c": 1}


async def test_a_record_at_once_that_nobody_waits_for_any_more_is_not_written(book: Book) -> None:
    book.database.may_commit.clear()
    first = asyncio.create_task(book.records.at_once(Record(memory("a", 1)), NOTHING))
    await book.database.holds.wait()
    second = asyncio.create_task(book.records.at_once(Record(memory("b", 1)), NOTHING))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    book.database.may_commit.set()
    await first
    assert await book.intervals() == {"a": 1}


async def test_a_record_at_once_waits_for_an_older_one_that_is_being_written(book: Book) -> None:
    book.records.later(Record(memory("a", 1)))
    book.database.may_commit.clear()
    writing = asyncio.create_task(book.records.write())
    await book.database.holds.wait()
    newer = asyncio.create_task(book.records.at_once(Record(memory("a", 2)), NOTHING))
    await asyncio.sleep(0)
    assert book.database.transactions == 1
    book.database.may_commit.set()
    await asyncio.gather(writing, newer)
    assert await book.intervals() == {"a": 2}


async def test_what_an_outage_kept_from_being_written_is_written_after_it(book: Book) -> None:
    book.records.later(Record(memory("a", 1)))
    book.records.later(Record(memory("b", 1)))
    book.database.fail_writes = True
    with pytest.raises(DatabaseUnavailableError):
        await book.records.write()
    assert book.records.count == 0
    book.records.later(Record(memory("b", 2)))
    with pytest.raises(DatabaseUnavailableError):
        await book.records.at_once(Record(memory("a", 2)), NOTHING)
    book.database.fail_writes = False
    await book.records.write()
    assert await book.intervals() == {"a": 1, "b": 2}


async def test_what_is_to_be_told_with_a_record_is_told_in_its_transaction(book: Book) -> None:
    told = []

    async def tell(tx: AsyncConnection) -> None:
        told.append(set(await feeds.states(tx)))

    book.records.later(Record(memory("a", 1), tell))
    book.records.later(Record(memory("b", 1)))
    await book.records.write()
    assert told == [{"a", "b"}]


async def test_a_record_that_cannot_be_stored_keeps_no_other_from_it(book: Book) -> None:
    """Text with half a surrogate pair fits into no database."""
    book.records.later(Record(memory("a", 1)))
    book.records.later(Record(replace(memory("bad", 1), last_error="\udfff", body_hash="\udfff")))
    book.records.later(Record(memory("c", 1)))
    await book.records.write()
    assert await book.intervals() == {"a": 1, "c": 1}
    before = book.database.transactions
    await book.records.write()
    assert book.database.transactions == before


async def test_of_a_feed_that_was_polled_again_only_the_times_are_written(book: Book) -> None:
    first = replace(memory("a", 1), validators=Validators("new"), last_success_at=utc_now())
    other = replace(first, validators=Validators("other"), interval=timedelta(seconds=2))
    due = utc_now() + timedelta(seconds=9)
    again = replace(other, next_due_at=due, last_success_at=due)
    book.records.later(Record(first))
    await book.records.write()
    book.records.later(Record(again, again=True))
    await book.records.write()
    (stored,) = await book.memories()
    wanted = {"next_due_at": due, "last_success_at": due, "interval": timedelta(seconds=2)}
    assert stored == replace(first, **wanted)  # type: ignore[arg-type]


async def test_what_was_to_be_written_of_a_feed_still_is_when_it_was_polled_again(
    book: Book,
) -> None:
    whole = replace(memory("a", 1), validators=Validators("new"), interval=timedelta(seconds=5))
    later = replace(whole, last_success_at=utc_now())
    book.records.later(Record(whole))
    book.records.later(Record(later, again=True))
    await book.records.write()
    assert await book.memories() == [later]


async def test_what_an_outage_kept_of_a_feed_is_not_lost_when_it_was_polled_again(
    book: Book,
) -> None:
    whole = replace(memory("a", 1), validators=Validators("new"))
    later = replace(whole, last_success_at=utc_now())
    book.records.later(Record(whole))
    book.database.may_commit.clear()
    writing = asyncio.create_task(book.records.write())
    await book.database.holds.wait()
    book.records.later(Record(later, again=True))
    book.database.breaks = True
    book.database.may_commit.set()
    with pytest.raises(DatabaseUnavailableError):
        await writing
    book.database.breaks = False
    await book.records.write()
    assert await book.memories() == [later]


async def test_a_feed_whose_state_was_forgotten_meanwhile_gets_none(book: Book) -> None:
    book.records.later(Record(memory("gone", 1), again=True))
    await book.records.write()
    assert await book.memories() == []
