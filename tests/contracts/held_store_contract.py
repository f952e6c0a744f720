"""What is held and what was told, as a database keeps it. See `store_contract`."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from services.store import deliveries, forgetting, held, judgements, told
from services.store.database import Database
from services.store.deliveries import NewDelivery
from services.store.held import Content, NewHeld, Waiting, Why
from services.store.told import Told
from tests.contracts.store_contract import MINUTE, NOW, PATIENCE, InjectedError, StoreBase


def new(name: str, **changes: Any) -> NewHeld:
    """A message held for the digest of `all`."""
    message = NewHeld(
        name, f"story of {name}", "all", 1, Why.DIGEST, ("iran", "oil"), b"\x00" + name.encode()
    )
    return replace(message, **changes)


async def hold(store: Database, *messages: NewHeld, at: datetime = NOW) -> None:
    async with store.write() as tx:
        await held.hold(tx, messages, at)


async def waiting(store: Database, subscription_id: str = "all") -> Sequence[Waiting]:
    async with store.write() as tx:
        return await held.waiting(tx, subscription_id)


async def release(store: Database, *ids: str, at: datetime = NOW) -> None:
    async with store.write() as tx:
        await held.release(tx, ids, "d-1", at)


async def take_all(store: Database) -> Collection[str]:
    """What one of several releases, in a transaction."""
    async with store.write() as tx:
        rows = await held.waiting(tx, "all")
        await held.release(tx, [row.held_id for row in rows], "d-1", NOW)
        return [row.held_id for row in rows]


class HeldContract(StoreBase):
    """Messages that wait for a summary."""

    async def test_what_is_held_waits_as_it_was_held(self, store: Database) -> None:
        flood = new("b", why=Why.CAP, flooding="oil", urgent=True)
        await hold(store, new("c"), flood)
        await hold(store, new("a"), at=NOW - MINUTE)
        await hold(store, new("x", subscription_id="bob"))
        assert await waiting(store) == [
            Waiting("a", Why.DIGEST, NOW - MINUTE),
            Waiting("b", Why.CAP, NOW, urgent=True, flooding="oil"),
            Waiting("c", Why.DIGEST, NOW),
        ]
        async with store.read() as tx:
            assert await held.contents(tx, ["b", "a", "unknown"]) == [
                Content("a", "story of a", 1, b"\x00a"),
                Content("b", "story of b", 1, b"\x00b"),
            ]

    async def test_a_message_is_held_once(self, store: Database) -> None:
        await hold(store)
        await hold(store, new("a", story_id="s"))
        with pytest.raises(IntegrityError):
            await hold(store, new("b", story_id="s"))
        await hold(store, new("b", story_id="s", sequence=2))

    async def test_the_first_of_what_is_alike_is_known_for_every_subscription(
        self, store: Database
    ) -> None:
        async with store.read() as tx:
            assert await held.firsts(tx) == {}
        await hold(store, new("a"), new("b", urgent=True), new("x", subscription_id="bob"))
        await hold(store, new("c"), at=NOW - MINUTE)
        async with store.read() as tx:
            found = await held.firsts(tx)
        ages = {who: {(f.urgent, f.held_at) for f in firsts} for who, firsts in found.items()}
        assert ages == {"all": {(False, NOW - MINUTE), (True, NOW)}, "bob": {(False, NOW)}}

    async def test_what_is_released_waits_no_more(self, store: Database) -> None:
        await hold(store, new("a"), new("b"))
        await release(store, "a", "unknown")
        assert [row.held_id for row in await waiting(store)] == ["b"]
        async with store.read() as tx:
            assert await held.counts(tx) == {Why.DIGEST: 1}

    async def test_what_a_silence_holds_is_released_by_its_end(self, store: Database) -> None:
        await hold(store, new("a", why=Why.SILENCE, silence_id="s-1"))
        assert await waiting(store) == []
        async with store.read() as tx:
            assert await held.firsts(tx) == {}
            assert await held.counts(tx) == {Why.SILENCE: 1}

    async def test_more_than_one_statement_can_name_are_released(self, store: Database) -> None:
        names = [f"{n:04}" for n in range(1100)]
        await hold(store, *map(new, names))
        async with store.read() as tx:
            assert len(await held.contents(tx, names)) == 1100
        await release(store, *names)
        assert await waiting(store) == []

    async def test_of_several_at_once_each_message_is_released_by_one(
        self, store: Database, other: Database
    ) -> None:
        await hold(store, *(new(f"{n:02}") for n in range(20)))
        async with asyncio.timeout(PATIENCE):
            taken = await asyncio.gather(*map(take_all, (store, other, store, other)))
        assert sorted(len(part) for part in taken) == [0, 0, 0, 20]

    async def test_what_is_held_while_others_are_released_waits(self, store: Database) -> None:
        await hold(store, new("a"))
        await take_all(store)
        await hold(store, new("b"))
        assert await take_all(store) == ["b"]

    async def test_a_release_whose_transaction_fails_is_none(self, store: Database) -> None:
        await hold(store, new("a"))
        with suppress(InjectedError):
            async with store.write() as tx:
                await held.release(tx, ["a"], "d-1", NOW)
                raise InjectedError
        assert len(await waiting(store)) == 1

    async def test_only_what_was_released_is_forgotten(self, store: Database) -> None:
        await hold(store, new("a"), new("b"), new("c"))
        await release(store, "a", at=NOW - MINUTE)
        await release(store, "b")
        async with store.write() as tx:
            assert await forgetting.forget_held(tx, await forgetting.released(tx, NOW)) == 1
            assert [c.held_id for c in await held.contents(tx, ["a", "b", "c"])] == ["b", "c"]

    async def test_what_is_held_is_numbered_with_what_is_sent(self, store: Database) -> None:
        await hold(store, new("a", story_id="s", sequence=2), new("b", story_id="s", sequence=3))
        one = NewDelivery("d", "s", "all", 1, "desk", b"")
        async with store.write() as tx:
            await deliveries.enqueue(tx, [one, replace(one, delivery_id="e", sequence=4)], NOW)
            assert await judgements.next_sequences(tx, "s", ["all", "bob"]) == {"all": 5, "bob": 1}
            assert await judgements.next_sequences(tx, "story of b", ["all"]) == {"all": 1}


class ToldContract(StoreBase):
    """Who was told of what."""

    async def test_what_was_told_at_once_is_counted_by_subscription_and_rule(
        self, store: Database
    ) -> None:
        async with store.write() as tx:
            await told.write(tx, [], NOW)
            await told.write(tx, [Told("all", "iran", "s-0", True)], NOW - MINUTE)
            rows = [Told("all", "iran", f"s-{n}", True) for n in (1, 2)]
            rows += [Told("all", "oil", "s-1", True), Told("all", "oil", "s-2", False)]
            rows += [Told("bob", "iran", "s-1", True), Told("eve", "iran", "s-1", True)]
            await told.write(tx, rows, NOW)
            assert await told.at_once_since(tx, ["all", "bob", "new"], NOW) == {
                "all": {"iran": 2, "oil": 1},
                "bob": {"iran": 1},
            }

    async def test_what_is_told_again_counts_once(self, store: Database) -> None:
        async with store.write() as tx:
            for at in (NOW, NOW + MINUTE):
                await told.write(tx, [Told("all", "iran", "s-1", True)], at)
            assert await told.at_once_since(tx, ["all"], NOW) == {"all": {"iran": 1}}

    async def test_what_is_past_is_forgotten(self, store: Database) -> None:
        async with store.write() as tx:
            await told.write(tx, [Told("all", "iran", "s-1", True)], NOW - MINUTE)
            await told.write(tx, [Told("all", "iran", "s-2", True)], NOW)
            assert await forgetting.forget_told(tx, NOW)
            assert not await forgetting.forget_told(tx, NOW)
            assert await told.at_once_since(tx, ["all"], NOW - MINUTE) == {"all": {"iran": 1}}
