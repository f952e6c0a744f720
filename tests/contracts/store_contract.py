"""What the database must do, whichever it is: configuration, outbox, the poller's memory.

A database's test subclasses the contracts and provides `open_store`, which opens one and
the same database; opened twice it stands for two processes. What the judge and the sender
need is in `delivery_store_contract`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from services.store import feeds, outbox, written
from services.store.database import Database
from services.store.entry_edits import Edits, edits_of, forget_edits, save_edits
from services.store.entry_titles import Past, past_of, remember_titles
from services.store.feeds import FeedState, PageRetry, SeenEntry
from services.store.tables import counters
from services.store.tables import written as written_table
from services.store.written import Kind

OpenStore = Callable[[], AbstractAsyncContextManager[Database]]

PATIENCE = 20.0  # seconds until a test gives up; no test takes them
NOW = datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

STATE = FeedState(
    feed_id="harbour",
    url="https://gazette.example/feed",
    etag='W/"é-1"',
    last_modified=None,
    body_hash="ab" * 32,
    first_fetched_at=NOW - MINUTE,
    next_due_at=NOW + MINUTE,
    health={"failures": 2, "disabled": False, "interval_seconds": 1.5, "last": None},
)


class InjectedError(Exception):
    """A process that dies where a test wants it to."""


class StoreBase:
    """The fixtures of all contracts of the store."""

    @pytest.fixture
    def open_store(self) -> OpenStore:
        raise NotImplementedError

    @pytest.fixture
    async def store(self, open_store: OpenStore) -> AsyncIterator[Database]:
        async with open_store() as opened:
            yield opened

    @pytest.fixture
    async def other(self, open_store: OpenStore) -> AsyncIterator[Database]:
        """The same database as another process sees it."""
        async with open_store() as opened:
            yield opened


class StoreContract(StoreBase):
    """The suite."""

    # Transactions and times

    async def test_a_transaction_that_fails_half_way_leaves_nothing(self, store: Database) -> None:
        with suppress(InjectedError):
            async with store.write() as tx:
                await written.put(tx, Kind.RULES, {"iran": {"query": "Iran"}}, "apply", NOW)
                await outbox.enqueue(tx, [("rule:iran", b"1")])
                await feeds.save_state(tx, STATE)
                raise InjectedError
        async with store.read() as tx:
            assert await written.items(tx, Kind.RULES) == {}
            assert await outbox.waiting(tx, 9) == []
            assert await feeds.states(tx) == {}

    async def test_a_task_that_is_cancelled_in_a_transaction_leaves_nothing_and_no_lock(
        self, store: Database
    ) -> None:
        wrote = asyncio.Event()

        async def write_and_hang() -> None:
            async with store.write() as tx:
                await feeds.save_state(tx, STATE)
                wrote.set()
                await asyncio.Event().wait()

        writing = asyncio.create_task(write_and_hang())
        await wrote.wait()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        async with asyncio.timeout(PATIENCE), store.write() as tx:
            assert await feeds.states(tx) == {}
            await feeds.save_state(tx, STATE)

    async def test_what_was_committed_is_there_for_another_process(
        self, store: Database, other: Database
    ) -> None:
        async with store.write() as tx:
            await written.set_counter(tx, written.BROADCAST, 7)
        async with other.read() as tx:
            assert await written.counter(tx, written.BROADCAST) == 7

    async def test_a_reader_sees_one_state_while_another_process_writes(
        self, store: Database, other: Database
    ) -> None:
        async with store.read() as tx:
            assert await written.counter(tx, written.GENERATION) == 0
            async with other.write() as writing:
                await written.set_counter(writing, written.GENERATION, 1)
                await written.put(writing, Kind.FEEDS, {"bbc": {}}, "apply", NOW)
            assert await written.counter(tx, written.GENERATION) == 0
            assert await written.items(tx, Kind.FEEDS) == {}
        async with store.read() as tx:
            assert await written.counter(tx, written.GENERATION) == 1

    async def test_readers_may_be_many_and_block_no_writer(self, store: Database) -> None:
        async with asyncio.timeout(PATIENCE), store.read() as one, store.read() as two:
            assert await written.counter(one, "n") == await written.counter(two, "n") == 0
            async with store.write() as tx:
                await written.set_counter(tx, "n", 1)

    async def test_a_time_is_stored_as_the_moment_it_is(self, store: Database) -> None:
        kathmandu = timezone(timedelta(hours=5, minutes=45))
        async with store.write() as tx:
            await feeds.save_state(tx, replace(STATE, next_due_at=NOW.astimezone(kathmandu)))
        async with store.read() as tx:
            stored = (await feeds.states(tx))["harbour"].next_due_at
        assert (stored, stored.utcoffset()) == (NOW, timedelta())

    async def test_a_time_without_a_zone_is_refused(self, store: Database) -> None:
        naive = replace(STATE, next_due_at=NOW.replace(tzinfo=None))
        with pytest.raises(ValueError, match="without a zone"):
            async with store.write() as tx:
                await feeds.save_state(tx, naive)
        retry = PageRetry("x", "harbour", b"", 0, NOW.replace(tzinfo=None))
        with pytest.raises(StatementError, match="without a zone"):
            async with store.write() as tx:
                await feeds.schedule_retry(tx, retry)

    # What people wrote

    async def test_every_change_of_an_item_raises_its_version(self, store: Database) -> None:
        specs = {"iran": {"query": "Iran \x00 \ud800 é", "tags": ["me"], "on": True, "n": None}}
        async with store.write() as tx:
            assert await written.put(tx, Kind.RULES, specs, "apply", NOW) == {"iran": 1}
        async with store.write() as tx:
            again = {"oil": {"query": "oil"}, **specs}
            assert await written.put(tx, Kind.RULES, again, "console", NOW) == {"iran": 2, "oil": 1}
        async with store.read() as tx:
            stored = await written.items(tx, Kind.RULES)
        assert list(stored) == ["iran", "oil"]
        assert stored["iran"] == written.StoredItem(specs["iran"], 2, "console")

    async def test_items_of_one_id_and_two_kinds_are_two(self, store: Database) -> None:
        async with store.write() as tx:
            await written.put(tx, Kind.RULES, {"a": {"x": 1}}, "apply", NOW)
            await written.put(tx, Kind.FEEDS, {"a": {"x": 2}, "b": {}}, "apply", NOW)
            await written.remove(tx, Kind.FEEDS, ["a", "unknown"])
        async with store.read() as tx:
            assert list(await written.items(tx, Kind.RULES)) == ["a"]
            assert list(await written.items(tx, Kind.FEEDS)) == ["b"]

    async def test_a_counter_begins_at_nothing_and_is_set(self, store: Database) -> None:
        async with store.write() as tx:
            assert await written.counter(tx, "n") == 0
            await written.set_counter(tx, "n", 4)
            await written.set_counter(tx, "n", 5)
            assert await written.counter(tx, "n") == 5

    async def test_processes_that_set_a_counter_or_an_item_first_at_once_all_succeed(
        self, store: Database, other: Database
    ) -> None:
        async def change(database: Database, value: int) -> None:
            async with database.write() as tx:
                await written.set_counter(tx, "n", value)
                await written.put(tx, Kind.RULES, {"b": {"v": value}, "a": {}}, "apply", NOW)

        tasks = [change(database, n) for n in range(4) for database in (store, other)]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
        async with store.read() as tx:
            stored = await written.items(tx, Kind.RULES)
        assert (stored["a"].version, stored["b"].version) == (8, 8)

    async def test_changes_begun_at_once_follow_one_another(
        self, store: Database, other: Database
    ) -> None:
        async def change(database: Database) -> None:
            async with database.write() as tx:
                generation = await written.begin_change(tx) + 1
                await written.set_counter(tx, written.GENERATION, generation)

        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(change(database) for database in (store, other) * 4))
        async with store.read() as tx:
            assert await written.counter(tx, written.GENERATION) == 8

    async def test_a_value_that_cannot_be_stored_is_no_outage(self, store: Database) -> None:
        row = {"kind": "rules", "item_id": "a", "spec": {}, "version": 1, "updated_at": NOW}
        statements = [
            insert(counters).values(name="twice", value=1),
            insert(counters).values(name="twice", value=2),
            insert(written_table).values(**row, managed_by=None),
            insert(counters).values(name="half a pair \ud800", value=1),
            insert(counters).values(name="huge", value=2**70),
        ]
        failures = []
        for statement in statements:
            try:
                async with store.write() as tx:
                    await tx.execute(statement)
            except Exception as error:
                failures.append(type(error).__name__)
        assert len(failures) == 4
        assert "DatabaseUnavailableError" not in failures
        async with store.read() as tx:
            assert list(await tx.scalars(select(counters.c.value))) == [1]

    # The outbox

    async def test_the_outbox_keeps_order_and_tombstones(self, store: Database) -> None:
        async with store.write() as tx:
            await outbox.enqueue(tx, [])
            await outbox.enqueue(tx, [("rule:b", b"\x00\xff"), ("rule:a", None)])
        async with store.write() as tx:
            await outbox.enqueue(tx, [("manifest", b"")])
        async with store.read() as tx:
            waiting = await outbox.waiting(tx, 9)
            first = await outbox.waiting(tx, 1)
        assert [(w.key, w.value) for w in waiting] == [
            ("rule:b", b"\x00\xff"),
            ("rule:a", None),
            ("manifest", b""),
        ]
        assert first == waiting[:1]

    async def test_what_was_sent_leaves_the_outbox_and_its_number_never_comes_back(
        self, store: Database
    ) -> None:
        async with store.write() as tx:
            await outbox.enqueue(tx, [("a", b"1"), ("b", b"2")])
            waiting = await outbox.waiting(tx, 9)
            await outbox.sent(tx, waiting)
            await outbox.enqueue(tx, [("c", b"3")])
            (left,) = await outbox.waiting(tx, 9)
        assert left.key == "c"
        assert left.sequence > waiting[-1].sequence

    async def test_removing_what_was_sent_removes_nothing_that_was_written_meanwhile(
        self, store: Database
    ) -> None:
        async with store.write() as tx:
            await outbox.enqueue(tx, [("a", b"1"), ("b", b"2"), ("c", b"3")])
            a, b, c = await outbox.waiting(tx, 9)
        # "b" stands for a record whose transaction was committed after "c" was sent.
        async with store.write() as tx:
            await outbox.sent(tx, [a, c])
            assert await outbox.waiting(tx, 9) == [b]

    # The poller's memory

    async def test_the_state_of_a_feed_is_read_as_it_was_saved(self, store: Database) -> None:
        after = replace(STATE, etag=None, first_fetched_at=None, health={"failures": 0})
        async with store.write() as tx:
            await feeds.save_state(tx, STATE)
            await feeds.save_state(tx, replace(STATE, feed_id="other"))
        async with store.write() as tx:
            assert (await feeds.states(tx))["harbour"] == STATE
            await feeds.save_state(tx, after)
        async with store.read() as tx:
            assert await feeds.states(tx) == {
                "harbour": after,
                "other": replace(STATE, feed_id="other"),
            }

    async def test_a_forgotten_feed_loses_its_state_and_retries_but_what_it_showed_stays_seen(
        self, store: Database
    ) -> None:
        async with store.write() as tx:
            await feeds.save_state(tx, STATE)
            await feeds.schedule_retry(tx, PageRetry("x", "harbour", b"", 0, NOW))
            await feeds.remember(tx, {"harbour": [({"a"}, SeenEntry("x", "t", NOW))]}, NOW)
            await feeds.forget_feeds(tx, ["harbour", "unknown"])
            assert await feeds.states(tx) == {}
            assert await feeds.due_retries(tx, NOW, 9) == []
            assert await feeds.seen(tx, "harbour", {"a"})

    async def test_an_entry_is_seen_under_each_alias_in_its_own_feed(self, store: Database) -> None:
        entry = SeenEntry("x1", "t1", NOW)
        long = "guid:" + "é" * 5_000
        odd = "guid:half a pair \ud800 and \x00"
        async with store.write() as tx:
            await feeds.remember(tx, {"harbour": [({"guid:1", long, odd}, entry)]}, NOW)
            found = await feeds.seen(tx, "harbour", {"guid:1", long, odd, "guid:2", long + "!"})
            assert found == {"guid:1": entry, long: entry, odd: entry}
            assert await feeds.seen(tx, "elsewhere", {"guid:1"}) == {}
            assert await feeds.seen(tx, "harbour", set()) == {}

    async def test_what_many_feeds_showed_is_looked_up_at_once(self, store: Database) -> None:
        one, two = SeenEntry("x1", "t1", NOW), SeenEntry("x2", "t2", NOW, late=True)
        shown = {"harbour": [({"a", "b"}, one)], "elsewhere": [({"b"}, two)]}
        async with store.write() as tx:
            await feeds.remember(tx, shown, NOW)
            asked = [("harbour", {"a", "c"}), ("elsewhere", {"a", "b"}), ("harbour", {"b"})]
            found = await feeds.seen_of_each(tx, asked)
        assert found == [{"a": one}, {"b": two}, {"b": one}]

    async def test_an_entry_seen_again_keeps_when_it_was_first_seen(self, store: Database) -> None:
        edited = SeenEntry("x2", "t2", NOW + MINUTE)
        async with store.write() as tx:
            await feeds.remember(tx, {"harbour": [({"a"}, SeenEntry("x1", "t1", NOW))]}, NOW)
            await feeds.remember(tx, {"harbour": [({"a", "b"}, edited)]}, NOW + MINUTE)
            found = await feeds.seen(tx, "harbour", {"a", "b"})
        assert found == {"a": SeenEntry("x2", "t2", NOW), "b": edited}

    async def test_a_thousand_aliases_are_remembered_and_found(self, store: Database) -> None:
        names = [f"guid:{n}" for n in range(1_203)]
        entries = [({name}, SeenEntry(name, "t", NOW)) for name in names]
        async with store.write() as tx:
            await feeds.remember(tx, {"harbour": entries}, NOW)
            found = await feeds.seen(tx, "harbour", {*names, "guid:new"})
        assert {alias: entry.article_id for alias, entry in found.items()} == dict(
            zip(names, names, strict=True)
        )

    async def test_an_alias_that_two_entries_give_is_the_later_ones(self, store: Database) -> None:
        one, two = SeenEntry("x1", "t1", NOW), SeenEntry("x2", "t2", NOW)
        async with store.write() as tx:
            await feeds.remember(tx, {"harbour": [({"a", "b"}, one), ({"b"}, two)]}, NOW)
            assert await feeds.seen(tx, "harbour", {"a", "b"}) == {"a": one, "b": two}

    async def test_two_pollers_of_one_feed_remember_the_same_entries_without_a_clash(
        self, store: Database, other: Database
    ) -> None:
        entries = [({f"guid:{n}"}, SeenEntry(str(n), "t", NOW)) for n in range(300)]

        async def remember(database: Database, backwards: bool) -> None:
            async with database.write() as tx:
                ordered = entries[::-1] if backwards else entries
                await feeds.remember(tx, {"harbour": ordered}, NOW)

        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(remember(store, False), remember(other, True))
        async with store.read() as tx:
            assert len(await feeds.seen(tx, "harbour", {f"guid:{n}" for n in range(300)})) == 300

    async def test_only_identities_not_seen_since_are_forgotten(self, store: Database) -> None:
        entry = SeenEntry("x", "t", NOW)
        async with store.write() as tx:
            await feeds.remember(tx, {"harbour": [({"old"}, entry)]}, NOW)
            await feeds.remember(tx, {"harbour": [({"shown"}, entry)]}, NOW + MINUTE)
            await feeds.remember(tx, {"elsewhere": [({"old"}, entry)]}, NOW)
            await feeds.forget_seen(tx, ["harbour"], NOW + MINUTE)
            assert set(await feeds.seen(tx, "harbour", {"old", "shown"})) == {"shown"}
            assert await feeds.seen(tx, "elsewhere", {"old"})

    async def test_what_a_feed_still_showed_is_kept_once_and_what_had_left_before_is_not(
        self, store: Database
    ) -> None:
        entry = SeenEntry("x", "t", NOW, late=True)
        async with store.write() as tx:
            await feeds.remember(tx, {"harbour": [({"left"}, entry)]}, NOW - 3 * DAY)
            await feeds.remember(tx, {"harbour": [({"shown"}, entry)]}, NOW)
            await remember_titles(tx, {"harbour": [("title", entry)]}, NOW)
            await feeds.keep_seen(tx, ["harbour"], NOW + 100 * DAY)
            await feeds.forget_seen(tx, ["harbour"], NOW + 10 * DAY)
            assert await feeds.seen(tx, "harbour", {"left", "shown"}) == {"shown": entry}
            assert (await past_of(tx, "harbour", {"t"}, {"title"})).by_title
            await feeds.remember(tx, {"harbour": [({"new"}, entry)]}, NOW + 100 * DAY)
            await feeds.keep_seen(tx, ["harbour"], NOW + 200 * DAY)
            await feeds.forget_seen(tx, ["harbour"], NOW + 110 * DAY)
            assert set(await feeds.seen(tx, "harbour", {"shown", "new"})) == {"new"}
            assert not (await past_of(tx, "harbour", {"t"}, {"title"})).by_title

    async def test_what_feeds_showed_that_are_polled_no_more_is_forgotten_in_time(
        self, store: Database
    ) -> None:
        entry = SeenEntry("x", "t", NOW)
        async with store.write() as tx:
            await feeds.save_state(tx, STATE)
            for feed_id in ("harbour", "gone"):
                await feeds.remember(tx, {feed_id: [({"a"}, entry)]}, NOW)
            await feeds.remember(tx, {"gone": [({"b"}, entry)]}, NOW + DAY)
            await feeds.forget_lost(tx, NOW + MINUTE)
            assert await feeds.seen(tx, "harbour", {"a"})
            assert set(await feeds.seen(tx, "gone", {"a", "b"})) == {"b"}

    async def test_articles_are_found_by_what_they_said_in_their_own_feed(
        self, store: Database
    ) -> None:
        one, two = SeenEntry("x1", "t", NOW), SeenEntry("x2", "t", NOW + MINUTE)
        titles = [(f"title-{n}", SeenEntry(f"a{n}", "", NOW)) for n in range(1_203)]
        async with store.write() as tx:
            await feeds.remember(tx, {"harbour": [({"a", "b"}, one), ({"c"}, two)]}, NOW)
            await feeds.remember(tx, {"elsewhere": [({"a"}, one)]}, NOW)
            await remember_titles(tx, {"harbour": titles}, NOW)
            await remember_titles(tx, {"harbour": [("title-7", two), titles[7]]}, NOW + MINUTE)
            found = await past_of(tx, "harbour", {"t", "u"}, {"title-7", "title-1202"})
            assert await past_of(tx, "harbour", set(), set()) == Past({}, {})
        assert {text: set(articles) for text, articles in found.by_text.items()} == {
            "t": {"x1", "x2"}
        }
        seen = {title: set(articles) for title, articles in found.by_title.items()}
        assert seen == {"title-7": {"a7", "x2"}, "title-1202": {"a1202"}}
        assert found.by_title["title-7"]["x2"].first_seen_at == NOW + MINUTE

    async def test_articles_that_left_their_feed_long_ago_are_not_looked_for(
        self, store: Database
    ) -> None:
        old, new = SeenEntry("x1", "t", NOW), SeenEntry("x2", "u", NOW)
        async with store.write() as tx:
            await feeds.remember(tx, {"harbour": [({"a"}, old)]}, NOW)
            await remember_titles(tx, {"harbour": [("title", old)]}, NOW)
            assert (await past_of(tx, "harbour", {"t"}, {"title"})).by_title
            await feeds.remember(tx, {"harbour": [({"b"}, new)]}, NOW + 9 * DAY)
            assert await past_of(tx, "harbour", {"t"}, {"title"}) == Past({}, {})

    async def test_edits_are_remembered_until_they_are_forgotten(self, store: Database) -> None:
        async with store.write() as tx:
            await save_edits(tx, {"harbour": {"a1": Edits(1, NOW)}})
            await save_edits(tx, {"harbour": {"a1": Edits(2, NOW + MINUTE)}})
            await save_edits(tx, {"harbour": {"a2": Edits(5, NOW)}})
            assert await edits_of(tx, ["a1", "a2", "a3"]) == {
                "a1": Edits(2, NOW + MINUTE),
                "a2": Edits(5, NOW),
            }
            await forget_edits(tx, ["harbour"], NOW + MINUTE)
            assert set(await edits_of(tx, ["a1", "a2"])) == {"a1"}

    async def test_a_retry_is_done_only_if_no_other_took_its_place(self, store: Database) -> None:
        old = PageRetry("x", "harbour", b"old", 0, NOW)
        new = replace(old, article=b"new")
        async with store.write() as tx:
            await feeds.schedule_retry(tx, new)
            assert not await feeds.finish_retry(tx, old)
            assert await feeds.due_retries(tx, NOW, 9) == [new]
            assert await feeds.finish_retry(tx, new)
            assert await feeds.due_retries(tx, NOW, 9) == []

    async def test_page_retries_of_feeds_that_nobody_wants_hide_no_others(
        self, store: Database
    ) -> None:
        async with store.write() as tx:
            for number in range(600):
                unwanted = PageRetry(f"a{number}", "removed", b"", 0, NOW - timedelta(hours=1))
                await feeds.schedule_retry(tx, unwanted)
            mine = [PageRetry(f"b{n}", "harbour", b"", 0, NOW) for n in range(3)]
            for retry in mine:
                await feeds.schedule_retry(tx, retry)
            assert await feeds.due_retries(tx, NOW, 2, lambda i: i == "harbour") == mine[:2]
            assert await feeds.due_retries(tx, NOW, 9, lambda i: False) == []

    async def test_page_retries_come_when_due_the_longest_due_first(self, store: Database) -> None:
        soon = PageRetry("soon", "harbour", b"\x00{}", 0, NOW - MINUTE)
        sooner = PageRetry("sooner", "harbour", b"{}", 2, NOW - 2 * MINUTE)
        later = PageRetry("later", "harbour", b"{}", 1, NOW + MINUTE)
        async with store.write() as tx:
            for retry in (soon, sooner, later):
                await feeds.schedule_retry(tx, retry)
            assert await feeds.due_retries(tx, NOW, 9) == [sooner, soon]
            assert await feeds.due_retries(tx, NOW, 1) == [sooner]

    async def test_a_retry_replaces_the_articles_earlier_one_and_ends(
        self, store: Database
    ) -> None:
        first = PageRetry("x", "harbour", b"1", 0, NOW)
        second = replace(first, attempt=1, article=b"2")
        async with store.write() as tx:
            await feeds.schedule_retry(tx, first)
            await feeds.schedule_retry(tx, second)
            assert await feeds.due_retries(tx, NOW, 9) == [second]
            await feeds.end_retries(tx, ["x", "unknown"])
            assert await feeds.due_retries(tx, NOW, 9) == []
