"""Silences, what they held back, and who has unsubscribed.

See `store_contract` for how a database is put to the test.
"""

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import insert

from services.store import held as held_rows
from services.store import silenced, silences, unsubscribed
from services.store.database import Database
from services.store.delivery_tables import held
from services.store.silenced import Ended
from services.store.silences import Counted, Silence, SilenceKind
from services.store.unsubscribed import EVERYBODY, How, Unsubscribed
from tests.contracts.store_contract import DAY, MINUTE, NOW, PATIENCE, OpenStore, StoreBase

SILENCE = Silence(
    "s-1", SilenceKind.RULE, "iran", None, "Ann", "the summit is over", NOW, NOW + DAY
)


async def begun(store: Database, *new: Silence) -> None:
    async with store.write() as tx:
        for silence in new:
            await silences.add(tx, silence)


async def active(store: Database, at: datetime) -> list[str]:
    async with store.read() as tx:
        return [silence.silence_id for silence in await silences.active(tx, at)]


async def hold(store: Database, *held_by: str | None) -> None:
    rows = [
        {
            "held_id": f"h-{number}",
            "story_id": f"story {number}",
            "subscription_id": "desk",
            "sequence": 1,
            "why": "silence",
            "rule_ids": ["iran"],
            "silence_id": silence_id,
            "message": b"",
            "urgent": False,
            "held_at": NOW,
        }
        for number, silence_id in enumerate(held_by)
    ]
    async with store.write() as tx:
        await tx.execute(insert(held), rows)


class SilenceContract(StoreBase):
    """The suite of silences."""

    async def test_a_silence_is_in_force_from_its_beginning_to_before_its_end(
        self, store: Database
    ) -> None:
        longer = replace(SILENCE, silence_id="s-2", ends_at=NOW + 2 * DAY, subscription_id="desk")
        await begun(store, SILENCE, longer)
        assert await active(store, NOW - MINUTE) == []
        assert await active(store, NOW) == ["s-2", "s-1"]
        assert await active(store, NOW + DAY) == ["s-2"]
        async with store.read() as tx:
            assert await silences.by_id(tx, ["s-1", "s-2", "none"]) == {
                "s-1": SILENCE,
                "s-2": longer,
            }

    async def test_a_silence_can_be_ended_once_and_not_be_prolonged_by_it(
        self, store: Database
    ) -> None:
        await begun(store, SILENCE)
        async with store.write() as tx:
            assert await silences.expire(tx, "s-1", NOW)
            assert not await silences.expire(tx, "s-1", NOW + MINUTE)
            assert not await silences.expire(tx, "none", NOW)
        assert await active(store, NOW) == []

    @pytest.mark.parametrize(
        "changes",
        [{"author": " "}, {"reason": ""}, {"target": ""}, {"ends_at": NOW}],
        ids=["author", "reason", "target", "end"],
    )
    async def test_a_silence_without_end_author_or_reason_is_refused(
        self, store: Database, changes: dict[str, object]
    ) -> None:
        with pytest.raises(ValueError, match="a silence"):
            await begun(store, replace(SILENCE, **changes))  # type: ignore[arg-type]
        assert await active(store, NOW) == []

    async def test_what_a_silence_held_back_is_counted_also_when_it_has_ended(
        self, store: Database
    ) -> None:
        other = replace(SILENCE, silence_id="s-2", begins_at=NOW + MINUTE, ends_at=NOW + 2 * MINUTE)
        await begun(store, SILENCE, other)
        await hold(store, "s-2", None, "s-1", "s-2")
        async with store.read() as tx:
            assert await silences.listed(tx) == [Counted(other, 2), Counted(SILENCE, 1)]
            assert await silences.listed(tx, NOW + 2 * MINUTE) == [Counted(SILENCE, 1)]

    async def test_whom_to_tell_follows_from_the_rows_that_wait(self, store: Database) -> None:
        other = replace(SILENCE, silence_id="s-2", ends_at=NOW + 2 * DAY)
        await begun(store, SILENCE, other)
        await hold(store, "s-1", "s-2", "s-1", "unknown")
        async with store.read() as tx:
            # One that is not there has ended.
            assert await silenced.ended(tx, NOW) == [Ended("unknown", "desk")]
            assert await silenced.ended(tx, NOW + DAY) == [
                Ended("s-1", "desk"),
                Ended("unknown", "desk"),
            ]
        async with store.write() as tx:
            assert await silenced.taken(tx, Ended("s-1", "desk")) == ["h-0", "h-2"]
            assert await silenced.taken(tx, Ended("s-1", "desk"), NOW - MINUTE) == []
            await held_rows.release(tx, ["h-0", "h-2"], "d", NOW)
        async with store.read() as tx:
            assert await silenced.ended(tx, NOW + DAY) == [Ended("unknown", "desk")]
            assert [c.held for c in await silences.listed(tx)] == [2, 1]

    async def test_of_two_that_tell_the_same_end_the_second_finds_nothing(
        self, open_store: OpenStore
    ) -> None:
        async with open_store() as one, open_store() as two:
            await begun(one, SILENCE)
            await hold(one, "s-1", "s-1")

            async def tell(store: Database) -> int:
                async with store.write() as tx:
                    ids = await silenced.taken(tx, Ended("s-1", "desk"))
                    await asyncio.sleep(0)
                    await held_rows.release(tx, ids, None, NOW)
                    return len(ids)

            async with asyncio.timeout(PATIENCE):
                told = await asyncio.gather(*(tell(store) for store in (one, two, one, two)))
        assert sorted(told) == [0, 0, 0, 2]

    async def test_a_silence_is_forgotten_when_all_that_it_held_is_told(
        self, store: Database
    ) -> None:
        await begun(store, SILENCE, replace(SILENCE, silence_id="s-2"))
        await hold(store, "s-1")
        async with store.write() as tx:
            await silences.forget(tx, NOW + DAY)
            assert set(await silences.by_id(tx, ["s-1", "s-2"])) == {"s-1", "s-2"}
            await silences.forget(tx, NOW + 2 * DAY)
            assert set(await silences.by_id(tx, ["s-1", "s-2"])) == {"s-1"}


class UnsubscribedContract(StoreBase):
    """The suite of who has left."""

    async def test_an_address_leaves_a_subscription_once_and_comes_back(
        self, store: Database
    ) -> None:
        async with store.write() as tx:
            assert await unsubscribed.leave(tx, "desk", "Ann@Desk.example", How.PAGE, NOW)
            assert not await unsubscribed.leave(tx, "desk", "ann@desk.example", How.ONE_CLICK, NOW)
            assert await unsubscribed.leave(tx, "night", EVERYBODY, How.ONE_CLICK, NOW)
        async with store.read() as tx:
            assert await unsubscribed.addresses(tx, "desk") == {"ann@desk.example"}
            assert await unsubscribed.addresses(tx, "day") == frozenset()
            assert await unsubscribed.wholly(tx) == {"night"}
            assert await unsubscribed.listed(tx) == [
                Unsubscribed("desk", "ann@desk.example", NOW, "page"),
                Unsubscribed("night", "", NOW, "one-click"),
            ]
        async with store.write() as tx:
            assert await unsubscribed.come_back(tx, "desk", "ANN@desk.example")
            assert not await unsubscribed.come_back(tx, "desk", "ann@desk.example")
            assert await unsubscribed.addresses(tx, "desk") == frozenset()
