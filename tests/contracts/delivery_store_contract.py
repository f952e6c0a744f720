"""What the judge and the sender need of the database: offsets, alerts, deliveries.

See `store_contract` for how a database is put to the test.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from services.store import deliveries, judgements
from services.store.database import Database
from services.store.deliveries import DeliveryState, Leased, NewDelivery
from services.store.judgements import NOTHING_CONSUMED, Alert, OvertakenError, Place, Placement
from tests.contracts.store_contract import MINUTE, NOW, PATIENCE, InjectedError, StoreBase

PLACE = Place("notifier", "matches", 0)
ALERT = Alert("al-1", "iran", "story", 3, "high", "article", "r1")
BIG = 2**40  # an offset that needs more than 32 bits


def delivery(name: str, channel: str = "desk", **changes: Any) -> NewDelivery:
    new = NewDelivery(name, f"story of {name}", "all", 1, channel, b"\x00" + name.encode())
    return replace(new, **changes)


def leased(name: str, due_at: datetime, attempts: int = 0, owner: str = "me") -> Leased:
    new = delivery(name)
    return Leased(
        name,
        owner,
        new.message,
        due_at,
        attempts,
        story_id=new.story_id,
        subscription_id=new.subscription_id,
    )


async def queue(store: Database, *new: NewDelivery, at: datetime = NOW) -> None:
    async with store.write() as tx:
        await deliveries.enqueue(tx, new, at)


async def lease(
    store: Database, owner: str, at: datetime = NOW, limit: int = 10, channel: str = "desk"
) -> Sequence[Leased]:
    async with store.write() as tx:
        return await deliveries.lease(tx, channel, owner, at, at + MINUTE, limit)


async def listed(
    store: Database, state: DeliveryState | None = None
) -> dict[str, deliveries.Listed]:
    async with store.read() as tx:
        return {row.delivery_id: row for row in await deliveries.listed(tx, state, 99)}


def names(rows: Sequence[Leased]) -> list[str]:
    return [row.delivery_id for row in rows]


class JudgementContract(StoreBase):
    """Offsets, stories and alerts."""

    async def test_the_consumed_offset_advances_step_by_step(self, store: Database) -> None:
        elsewhere = replace(PLACE, partition=1)
        async with store.write() as tx:
            assert await judgements.consumed(tx, PLACE) == NOTHING_CONSUMED
            await judgements.advance(tx, PLACE, NOTHING_CONSUMED, BIG)
            await judgements.advance(tx, PLACE, BIG, BIG + 5)
            assert await judgements.consumed(tx, PLACE) == BIG + 5
            assert await judgements.consumed(tx, elsewhere) == NOTHING_CONSUMED

    @pytest.mark.parametrize("expected", [NOTHING_CONSUMED, 4, 6])
    async def test_a_judge_that_expects_another_offset_is_overtaken(
        self, store: Database, expected: int
    ) -> None:
        async with store.write() as tx:
            await judgements.advance(tx, PLACE, NOTHING_CONSUMED, 5)
        with pytest.raises(OvertakenError, match=r"matches\[0\]"):
            async with store.write() as tx:
                await judgements.advance(tx, PLACE, expected, 7)
        async with store.read() as tx:
            assert await judgements.consumed(tx, PLACE) == 5

    async def test_an_offset_may_stay_or_go_back(self, store: Database) -> None:
        """A record is judged again after a replay; a new topic counts from the beginning."""
        async with store.write() as tx:
            await judgements.advance(tx, PLACE, NOTHING_CONSUMED, 5)
            await judgements.advance(tx, PLACE, 5, 5)
            await judgements.advance(tx, PLACE, 5, 0)
            assert await judgements.consumed(tx, PLACE) == 0

    @pytest.mark.parametrize("before", [NOTHING_CONSUMED, 5])
    async def test_of_two_judges_with_one_expectation_exactly_one_goes_on(
        self, store: Database, other: Database, before: int
    ) -> None:
        if before != NOTHING_CONSUMED:
            async with store.write() as tx:
                await judgements.advance(tx, PLACE, NOTHING_CONSUMED, before)
        both_know = asyncio.Barrier(2)

        async def judge(database: Database, offset: int) -> int:
            async with database.read() as tx:
                expected = await judgements.consumed(tx, PLACE)
            await both_know.wait()
            async with database.write() as tx:
                await judgements.advance(tx, PLACE, expected, offset)
                alert = replace(ALERT, alert_id=str(offset), story_id=str(offset))
                await judgements.raise_alerts(tx, [alert], NOW)
            return offset

        async with asyncio.timeout(PATIENCE):
            ends = await asyncio.gather(judge(store, 6), judge(other, 7), return_exceptions=True)
        (winner,) = [end for end in ends if isinstance(end, int)]
        (loser,) = [end for end in ends if not isinstance(end, int)]
        assert isinstance(loser, OvertakenError)
        async with store.read() as tx:
            assert await judgements.consumed(tx, PLACE) == winner
            assert await judgements.raised(tx, str(winner)) == {"iran"}
            assert await judgements.raised(tx, str(13 - winner)) == set()

    async def test_an_articles_revision_and_part_find_their_story(self, store: Database) -> None:
        async with store.write() as tx:
            one, other = Placement("a", "r1", 1, "story"), Placement("b", "r1", 1, "story")
            await judgements.place_in_stories(tx, [one, other], NOW)
            assert await judgements.placements(tx, ["a", "c"]) == [one]

    async def test_a_rule_raises_one_alert_in_a_story(self, store: Database) -> None:
        async with store.write() as tx:
            await judgements.raise_alerts(tx, [], NOW)
            await judgements.raise_alerts(tx, [ALERT], NOW)
            oil = replace(ALERT, alert_id="al-2", rule_id="oil")
            await judgements.raise_alerts(tx, [oil], NOW)
            assert await judgements.raised(tx, "story") == {"iran", "oil"}
            assert await judgements.raised(tx, "another") == set()
        with pytest.raises(IntegrityError):
            async with store.write() as tx:
                await judgements.raise_alerts(tx, [replace(ALERT, alert_id="al-3")], NOW)

    async def test_messages_about_a_story_are_numbered_for_each_subscription(
        self, store: Database
    ) -> None:
        one = delivery("1", story_id="s", sequence=1)
        await queue(store, one, replace(one, delivery_id="2", sequence=2), delivery("3"))
        async with store.read() as tx:
            assert await judgements.next_sequences(tx, "s", ["all", "new"]) == {"all": 3, "new": 1}
            assert await judgements.next_sequences(tx, "s", []) == {}


class DeliveryContract(StoreBase):
    """The deliveries as a queue."""

    async def test_a_row_is_leased_as_it_was_queued(self, store: Database) -> None:
        await queue(store, delivery("a"))
        assert await lease(store, "me") == [leased("a", NOW)]

    async def test_a_delivery_is_unique_by_story_subscription_and_sequence(
        self, store: Database
    ) -> None:
        await queue(store, delivery("a", story_id="s"))
        with pytest.raises(IntegrityError):
            await queue(store, delivery("b", story_id="s"))
        await queue(store, delivery("c", story_id="s", sequence=2))

    async def test_the_oldest_go_first_and_no_more_than_asked_for(self, store: Database) -> None:
        await queue(store, delivery("c"), at=NOW - MINUTE)
        await queue(store, delivery("b"), delivery("a"), at=NOW - 2 * MINUTE)
        assert names(await lease(store, "me", limit=2)) == ["a", "b"]
        assert names(await lease(store, "me")) == ["c"]

    async def test_channels_do_not_see_each_others_rows(self, store: Database) -> None:
        await queue(store, delivery("a"), delivery("m", "mail"))
        assert names(await lease(store, "me", channel="mail")) == ["m"]
        assert await lease(store, "me", channel="unknown") == []

    async def test_a_leased_row_is_nobody_elses_until_the_lease_ends(self, store: Database) -> None:
        await queue(store, delivery("a"))
        await lease(store, "dead")
        assert await lease(store, "me", NOW + timedelta(seconds=59)) == []
        assert names(await lease(store, "me", NOW + MINUTE)) == ["a"]

    async def test_many_owners_at_once_get_every_row_exactly_once(
        self, store: Database, other: Database
    ) -> None:
        await queue(store, *(delivery(f"{n:02}") for n in range(40)))

        async def take_all(database: Database, owner: str) -> list[str]:
            taken: list[str] = []
            while rows := await lease(database, owner, limit=3):
                taken += names(rows)
            return taken

        async with asyncio.timeout(PATIENCE):
            owners = [(store, "a"), (other, "b"), (store, "c"), (other, "d")]
            taken = await asyncio.gather(*(take_all(*owner) for owner in owners))
        left = [name for part in taken for name in part]
        left += names(await lease(store, "late"))
        assert sorted(left) == [f"{n:02}" for n in range(40)]

    async def test_a_lease_whose_transaction_fails_is_none(self, store: Database) -> None:
        await queue(store, delivery("a"))
        with suppress(InjectedError):
            async with store.write() as tx:
                await deliveries.lease(tx, "desk", "me", NOW, NOW + MINUTE, 1)
                raise InjectedError
        assert names(await lease(store, "other")) == ["a"]

    async def test_owners_give_back_their_own_leases_or_all_are_given_back(
        self, store: Database
    ) -> None:
        await queue(store, delivery("a"), delivery("b"), delivery("c"))
        await lease(store, "dead", limit=1)
        await lease(store, "me", limit=2)
        async with store.write() as tx:
            await deliveries.release(tx, "me")
        assert names(await lease(store, "me")) == ["b", "c"]
        async with store.write() as tx:
            await deliveries.release(tx)
        assert names(await lease(store, "me")) == ["a", "b", "c"]

    async def test_what_was_delivered_is_not_leased_again(self, store: Database) -> None:
        await queue(store, delivery("a"))
        await lease(store, "me")
        async with store.write() as tx:
            await deliveries.record_delivered(tx, "a", "ok \x00 \ud800", NOW + MINUTE)
        assert await lease(store, "me", NOW + 9 * MINUTE) == []
        row = (await listed(store, DeliveryState.DELIVERED))["a"]
        assert (row.attempts, row.finished_at) == (1, NOW + MINUTE)

    async def test_a_row_to_be_tried_again_is_free_from_its_time_and_counts_its_tries(
        self, store: Database
    ) -> None:
        await queue(store, delivery("a"))
        for number in range(1, 3):
            (row,) = await lease(store, "me", NOW + number * MINUTE)
            async with store.write() as tx:
                again = NOW + (number + 1) * MINUTE
                await deliveries.record_retry(tx, row, "timed_out", "slow \x00 \ud800", again)
        almost = NOW + timedelta(seconds=179)
        assert await lease(store, "me", almost) == []
        assert await lease(store, "me", NOW + 3 * MINUTE) == [leased("a", NOW, 2)]
        row_now = (await listed(store))["a"]
        assert (row_now.state, row_now.reason, row_now.detail) == (
            "pending",
            "timed_out",
            "slow ? ?",
        )

    async def test_what_was_given_up_is_listed_and_goes_again_by_command(
        self, store: Database
    ) -> None:
        await queue(store, delivery("a"), delivery("b"))
        for row in await lease(store, "me", limit=1):
            async with store.write() as tx:
                await deliveries.record_failed(tx, row, "expired", "last tried: away", NOW + MINUTE)
        failed = await listed(store, DeliveryState.FAILED)
        assert {n: (r.reason, r.detail, r.finished_at) for n, r in failed.items()} == {
            "a": ("expired", "last tried: away", NOW + MINUTE)
        }
        later = NOW + 5 * MINUTE
        assert names(await lease(store, "me", later)) == ["b"]
        async with store.write() as tx:
            assert await deliveries.retry_now(tx, "a", later)
            assert not await deliveries.retry_now(tx, "a", later)
            assert not await deliveries.retry_now(tx, "b", later)
            assert not await deliveries.retry_now(tx, "unknown", later)
        assert await lease(store, "me", later) == [leased("a", later, 1)]

    async def test_a_failure_of_one_who_lost_the_row_changes_nothing(self, store: Database) -> None:
        await queue(store, delivery("a"))
        (slow,) = await lease(store, "slow")
        await lease(store, "quick", NOW + MINUTE)
        async with store.write() as tx:
            await deliveries.record_failed(tx, slow, "refused", "no", NOW)
            await deliveries.record_retry(tx, slow, "timed_out", "no", NOW)
        assert (await listed(store))["a"].attempts == 0
        assert await lease(store, "third", NOW + MINUTE) == []
        async with store.write() as tx:
            await deliveries.record_delivered(tx, "a", "ok", NOW)
            await deliveries.record_failed(tx, slow, "refused", "no", NOW)
        assert (await listed(store))["a"].state == "delivered"

    async def test_a_delivery_is_a_fact_whoever_made_it(self, store: Database) -> None:
        await queue(store, delivery("a"))
        await lease(store, "slow")
        (quick,) = await lease(store, "quick", NOW + MINUTE)
        async with store.write() as tx:
            await deliveries.record_delivered(tx, "a", "ok", NOW + MINUTE)
            await deliveries.record_failed(tx, quick, "refused", "no", NOW + MINUTE)
        assert (await listed(store))["a"].state == "delivered"

    async def test_the_backlog_is_what_is_pending_and_since_when(self, store: Database) -> None:
        async with store.read() as tx:
            assert await deliveries.backlog(tx) == deliveries.Backlog(0, None)
        await queue(store, delivery("b"), delivery("m", "mail"))
        await queue(store, delivery("a"), at=NOW - MINUTE)
        async with store.write() as tx:
            assert await deliveries.backlog(tx) == deliveries.Backlog(3, NOW - MINUTE)
            await deliveries.record_delivered(tx, "a", "ok", NOW)
            assert await deliveries.backlog(tx) == deliveries.Backlog(2, NOW)

    async def test_a_channel_knows_when_its_next_row_can_be_had(self, store: Database) -> None:
        async with store.read() as tx:
            assert await deliveries.next_due(tx, "desk") is None
        await queue(store, delivery("a"), delivery("m", "mail"))
        async with store.read() as tx:
            assert await deliveries.next_due(tx, "desk") == NOW
        (row,) = await lease(store, "me")
        async with store.read() as tx:
            assert await deliveries.next_due(tx, "desk") == NOW + MINUTE
        async with store.write() as tx:
            await deliveries.record_retry(tx, row, "timed_out", "", NOW + 3 * MINUTE)
            assert await deliveries.next_due(tx, "desk") == NOW + 3 * MINUTE

    async def test_deliveries_are_listed_newest_first(self, store: Database) -> None:
        for number in range(3):
            await queue(store, delivery(str(number)), at=NOW + number * MINUTE)
        async with store.read() as tx:
            rows = await deliveries.listed(tx, None, 2)
        assert [row.delivery_id for row in rows] == ["2", "1"]
        assert (rows[0].subscription_id, rows[0].channel_id) == ("all", "desk")
        assert rows[0].message == b"\x002"
