"""What the database must do for subscriptions at hubs, whichever it is."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from services.store import websub, written
from services.store.database import Database
from services.store.websub import HubState, Subscription
from services.store.written import Kind
from tests.contracts.store_contract import MINUTE, NOW, StoreBase

FIRST = Subscription(
    callback="path-1",
    feed_id="harbour",
    topic="https://gazette.example/feed?é",
    hub="https://hub.example/",
    hubs=("https://hub.example/", "http://two.example/"),
    base="https://me.example",
    secret="s" * 64,
    state=HubState.WANTED,
    attempts=0,
    next_at=NOW,
)
SECOND = replace(FIRST, callback="path-2")
LEFT = replace(FIRST, state=HubState.LEFT)


async def there(store: Database, callback: str = FIRST.callback) -> Subscription:
    async with store.read() as tx:
        found = await websub.at_callback(tx, callback)
    assert found is not None
    return found


async def add(store: Database, *subscriptions: Subscription) -> list[bool]:
    async with store.write() as tx:
        return [await websub.add(tx, one) for one in subscriptions]


async def change(store: Database, before: Subscription, after: Subscription) -> bool:
    async with store.write() as tx:
        return await websub.change(tx, before, after)


class WebSubContract(StoreBase):
    """The suite."""

    async def test_a_subscription_comes_back_as_it_was_stored(self, store: Database) -> None:
        full = replace(
            FIRST,
            lease_until=NOW + MINUTE,
            detail="why",
            pushed_at=NOW,
            streak=2,
            poll_at=NOW - MINUTE,
        )
        await add(store, full)
        assert await there(store) == full
        async with store.read() as tx:
            assert await websub.of_feed(tx, "harbour") == full
            assert await websub.states(tx) == {"harbour": full}
            assert await websub.everything(tx) == [full]
            assert await websub.at_callback(tx, "path") is None
            assert await websub.of_feed(tx, "other") is None

    async def test_a_feed_has_one_subscription_whoever_adds_it(
        self, store: Database, other: Database
    ) -> None:
        added = await asyncio.gather(add(store, FIRST), add(other, SECOND))
        assert sorted(one for (one,) in added) == [False, True]

    async def test_a_former_subscription_leaves_room_for_another(self, store: Database) -> None:
        assert await add(store, FIRST) == [True]
        assert await change(store, FIRST, LEFT)
        assert await add(store, SECOND) == [True]
        async with store.read() as tx:
            assert await websub.states(tx) == {"harbour": SECOND}
            assert await websub.former(tx, "harbour") == 1
            assert await websub.at_callback(tx, FIRST.callback) == LEFT

    async def test_of_two_processes_that_claim_a_subscription_one_gets_it(
        self, store: Database, other: Database
    ) -> None:
        await add(store, FIRST)
        claim = replace(
            FIRST, state=HubState.REQUESTED, attempts=1, next_at=NOW + timedelta(microseconds=1)
        )
        won = await asyncio.gather(change(store, FIRST, claim), change(other, FIRST, claim))
        assert sorted(won) == [False, True]
        assert await there(store) == claim

    async def test_a_claim_once_made_is_not_made_again_on_what_was_before(
        self, store: Database, other: Database
    ) -> None:
        asked = replace(FIRST, state=HubState.REQUESTED, attempts=1, next_at=NOW + MINUTE)
        await add(store, asked)
        again = replace(asked, attempts=2, next_at=NOW + 9 * MINUTE)
        won = await asyncio.gather(change(store, asked, again), change(other, asked, again))
        assert sorted(won) == [False, True]

    async def test_a_change_leaves_alone_what_pushes_have_counted(self, store: Database) -> None:
        await add(store, FIRST)
        async with store.write() as tx:
            await websub.pinged(tx, FIRST.callback, NOW)
        assert await change(store, FIRST, replace(FIRST, detail="new"))
        after = await there(store)
        assert (after.streak, after.pushed_at, after.poll_at) == (1, NOW, NOW)

    async def test_a_poll_is_promised_until_the_push_is_taken(self, store: Database) -> None:
        await add(store, FIRST)
        soon, later = NOW + MINUTE, NOW + 2 * MINUTE
        async with store.write() as tx:
            await websub.promise_poll(tx, FIRST.callback, soon)
            await websub.promise_poll(tx, FIRST.callback, later)
        assert (await there(store)).poll_at == soon
        async with store.write() as tx:
            await websub.taken(tx, FIRST.callback, NOW, [later])
        assert (await there(store)).poll_at == soon  # somebody else's promise
        async with store.write() as tx:
            await websub.taken(tx, FIRST.callback, NOW, [soon, later])
        after = await there(store)
        assert (after.poll_at, after.streak, after.pushed_at) == (None, 2, NOW)

    async def test_a_poll_keeps_the_promises_made_before_it_began(self, store: Database) -> None:
        await add(store, FIRST)
        async with store.write() as tx:
            await websub.promise_poll(tx, FIRST.callback, NOW)
            await websub.polled(tx, "harbour", NOW - MINUTE)
        assert (await there(store)).poll_at == NOW
        async with store.write() as tx:
            await websub.polled(tx, "harbour", NOW)
        assert (await there(store)).poll_at is None

    async def test_what_a_hub_missed_ends_its_streak(self, store: Database) -> None:
        await add(store, replace(FIRST, streak=7))
        async with store.write() as tx:
            await websub.missed(tx, "harbour")
        assert (await there(store)).streak == 0

    async def test_a_hub_that_asks_for_a_pause_gets_it_from_all_its_feeds(
        self, store: Database
    ) -> None:
        late = replace(SECOND, feed_id="b", next_at=NOW + 9 * MINUTE)
        asked = replace(FIRST, callback="3", feed_id="c", state=HubState.REQUESTED)
        elsewhere = replace(FIRST, callback="4", feed_id="d", hub="https://x.example/")
        await add(store, FIRST, late, asked, elsewhere)
        async with store.write() as tx:
            await websub.pause_hub(tx, FIRST.hub, NOW + 5 * MINUTE)
        waits = [(await there(store, c)).next_at - NOW for c in ("path-1", "path-2", "3", "4")]
        assert waits == [5 * MINUTE, 9 * MINUTE, timedelta(), timedelta()]

    async def test_subscriptions_of_removed_feeds_are_found(self, store: Database) -> None:
        gone = replace(SECOND, feed_id="gone")
        former = replace(FIRST, callback="3", feed_id="former", state=HubState.LEAVING)
        await add(store, FIRST, gone, former)
        async with store.write() as tx:
            await written.put(tx, Kind.FEEDS, {"harbour": {}}, "apply", NOW)
            await written.put(tx, Kind.RULES, {"gone": {}}, "apply", NOW)
        async with store.read() as tx:
            assert await websub.without_feed(tx) == [gone]

    async def test_a_forgotten_subscription_is_unknown(self, store: Database) -> None:
        await add(store, LEFT)
        async with store.write() as tx:
            await websub.forget(tx, LEFT.callback)
        async with store.read() as tx:
            assert await websub.everything(tx) == []
