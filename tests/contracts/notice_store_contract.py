"""What episodes and notices need of the database. See `store_contract`."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from services.store import notices
from services.store.database import Database
from services.store.notices import StoredEpisode, StoredNotice
from tests.contracts.store_contract import MINUTE, NOW, PATIENCE, InjectedError, StoreBase

EPISODE = StoredEpisode("harbour", "broken", NOW - MINUTE, NOW)
NOTICE = StoredNotice("n-1", "broken", "harbour", NOW, b"\x00facts")


async def begin(store: Database, episode: StoredEpisode) -> bool:
    async with store.write() as tx:
        return await notices.begin(tx, episode)


async def end(store: Database, episode: StoredEpisode) -> bool:
    async with store.write() as tx:
        return await notices.end(tx, episode)


async def write(store: Database, *new: StoredNotice) -> None:
    async with store.write() as tx:
        for notice in new:
            await notices.write(tx, notice)


async def recent(store: Database, feed_id: str | None = None) -> list[str]:
    async with store.read() as tx:
        return [notice.notice_id for notice in await notices.recent(tx, 99, feed_id)]


class NoticeContract(StoreBase):
    """Episodes that begin and end once, notices that are spread once."""

    async def test_an_episode_begins_once_and_ends_once(self, store: Database) -> None:
        assert await begin(store, EPISODE)
        assert not await begin(store, replace(EPISODE, opened_at=NOW + MINUTE))
        assert await begin(store, replace(EPISODE, kind="silent"))
        async with store.read() as tx:
            found = await notices.episodes(tx)
        assert set(found) == {EPISODE, replace(EPISODE, kind="silent")}
        assert await end(store, EPISODE)
        assert not await end(store, EPISODE)

    async def test_only_the_episode_that_was_meant_is_ended(self, store: Database) -> None:
        later = replace(EPISODE, opened_at=NOW + MINUTE)
        await begin(store, later)
        assert not await end(store, EPISODE)
        assert await end(store, later)

    async def test_of_two_pollers_one_begins_an_episode_and_one_ends_it(
        self, store: Database, other: Database
    ) -> None:
        async with asyncio.timeout(PATIENCE):
            begun = await asyncio.gather(begin(store, EPISODE), begin(other, EPISODE))
            ended = await asyncio.gather(end(store, EPISODE), end(other, EPISODE))
        assert sorted(begun) == sorted(ended) == [False, True]

    async def test_what_dies_before_the_commit_has_begun_nothing(self, store: Database) -> None:
        with suppress(InjectedError):
            async with store.write() as tx:
                await notices.begin(tx, EPISODE)
                await notices.write(tx, NOTICE)
                raise InjectedError
        assert await begin(store, EPISODE)
        assert await recent(store) == []

    async def test_a_notice_that_is_there_stays_as_it_is(self, store: Database) -> None:
        await write(store, NOTICE, replace(NOTICE, notice=b"other"))
        async with store.write() as tx:
            assert await notices.waiting(tx, 9) == [NOTICE]

    async def test_notices_wait_in_order_until_they_are_spread(self, store: Database) -> None:
        second = replace(NOTICE, notice_id="n-0", raised_at=NOW + MINUTE)
        await write(store, second, NOTICE)
        async with store.write() as tx:
            assert await notices.any_waiting(tx)
            assert [n.notice_id for n in await notices.waiting(tx, 9)] == ["n-1", "n-0"]
            assert len(await notices.waiting(tx, 1)) == 1
            await notices.mark_spread(tx, ["n-1", "n-0"], NOW)
        async with store.write() as tx:
            assert not await notices.any_waiting(tx)
            assert await notices.waiting(tx, 9) == []

    async def test_recent_notices_are_the_newest_of_one_feed_or_of_all(
        self, store: Database
    ) -> None:
        everywhere = replace(NOTICE, notice_id="n-2", feed_id=None, raised_at=NOW + MINUTE)
        await write(store, NOTICE, everywhere)
        assert await recent(store) == ["n-2", "n-1"]
        assert await recent(store, "harbour") == ["n-1"]

    async def test_only_old_notices_that_were_spread_are_forgotten(self, store: Database) -> None:
        await write(store, NOTICE, replace(NOTICE, notice_id="waits"))
        new = replace(NOTICE, notice_id="new", raised_at=NOW + MINUTE)
        await write(store, new)
        async with store.write() as tx:
            await notices.mark_spread(tx, ["n-1", "new"], NOW)
            await notices.forget(tx, NOW + MINUTE / 2)
        assert await recent(store) == ["new", "waits"]
