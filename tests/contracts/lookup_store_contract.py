"""What can be asked of the database about one article.

See `store_contract` for how a database is put to the test.
"""

from dataclasses import replace

from services.store import deliveries, feeds, held, judgements, lookups, shown, stories, written
from services.store.database import Database
from services.store.deliveries import NewDelivery
from services.store.feeds import PageRetry
from services.store.held import NewHeld, Why
from services.store.judgements import Alert, Placement
from services.store.lookups import JudgedRevision, RaisedAlert
from services.store.stories import Beginning, StoredReport
from services.store.written import Kind
from tests.contracts.store_contract import MINUTE, NOW, StoreBase


class LookupContract(StoreBase):
    """The suite."""

    async def test_of_an_unknown_article_nothing_is_known(self, store: Database) -> None:
        async with store.read() as tx:
            assert await lookups.page_retry(tx, "nobody") is None
            assert list(await lookups.judged(tx, "nobody")) == []
            assert list(await lookups.alerts_of(tx, ())) == []
            assert list(await lookups.deliveries_of(tx, ())) == []

    async def test_the_page_to_be_tried_again_is_the_articles_own(self, store: Database) -> None:
        retry = PageRetry("a1", "harbour", b"\x00article", 2, NOW + MINUTE)
        async with store.write() as tx:
            await feeds.schedule_retry(tx, retry)
            await feeds.schedule_retry(tx, PageRetry("a2", "harbour", b"", 0, NOW))
        async with store.read() as tx:
            assert await lookups.page_retry(tx, "a1") == retry

    async def test_the_stories_of_an_article_stand_in_the_order_of_judging(
        self, store: Database
    ) -> None:
        async with store.write() as tx:
            later = Placement("a1", "r2", 1, "s")
            await judgements.place_in_stories(tx, [later], NOW + MINUTE)
            first = [Placement("a1", "r1", 1, "s"), Placement("a2", "r1", 1, "t")]
            await judgements.place_in_stories(tx, first, NOW)
        async with store.read() as tx:
            found = await lookups.judged(tx, "a1")
        assert found == [JudgedRevision("s", "r1", NOW), JudgedRevision("s", "r2", NOW + MINUTE)]

    async def test_the_reports_of_an_event_are_those_of_its_stories(self, store: Database) -> None:
        async with store.write() as tx:
            for story, group in (("s", "s"), ("t", "s"), ("u", "u")):
                await stories.begin(tx, [Beginning(story, group, NOW)])
                report = StoredReport(
                    f"a-{story}", story, "first", "host", "Source", "Title", None, NOW, b"t"
                )
                await stories.save_reports(tx, [report])
        async with store.read() as tx:
            assert [r.story_id for r in await shown.reports(tx, "t")] == ["s", "t"]
            assert [r.story_id for r in await shown.reports(tx, "u")] == ["u"]
            assert list(await shown.reports(tx, "nobody")) == []

    async def test_what_is_held_of_a_story_comes_with_what_became_of_it(
        self, store: Database
    ) -> None:
        row = NewHeld("h1", "s", "all", 1, Why.SILENCE, ("iran",), b"\x00m", silence_id="q")
        later = replace(row, held_id="h2", sequence=2, why=Why.CAP, silence_id=None)
        other = replace(row, held_id="h3", story_id="t")
        async with store.write() as tx:
            await held.hold(tx, [row, later, other], NOW)
            await deliveries.enqueue(tx, [NewDelivery("d", "sum", "all", 1, "desk", b"")], NOW)
            await deliveries.record_delivered(tx, "d", "ok", NOW + MINUTE)
            await held.release(tx, ["h2"], "d", NOW)
        async with store.read() as tx:
            first, second = await lookups.held_of(tx, {"s"})
            assert list(await lookups.held_of(tx, ())) == []
            shown_first = await shown.message(tx, "h1")
            assert [k.delivery_id for k in await shown.messages(tx, "s", "all")] == ["h1", "h2"]
            assert await shown.message(tx, "none") is None
        assert (first.held_id, first.why, first.silence_id) == ("h1", "silence", "q")
        assert (first.released_at, first.state, first.told_at) == (None, None, None)
        assert (second.released_at, second.delivery_id) == (NOW, "d")
        assert (second.state, second.told_at) == ("delivered", NOW + MINUTE)
        assert shown_first is not None
        assert (shown_first.state, shown_first.why, shown_first.message) == (
            "held",
            "silence",
            b"\x00m",
        )

    async def test_alerts_and_deliveries_are_those_of_the_stories(self, store: Database) -> None:
        async with store.write() as tx:
            alerts = [Alert(f"x{n}", "iran", story, 3, "high", "a1", "r1") for n, story in _TWO]
            await judgements.raise_alerts(tx, alerts, NOW)
            new = [NewDelivery(f"d{n}", story, "all", 1, "desk", b"\x00m") for n, story in _TWO]
            await deliveries.enqueue(tx, new, NOW)
            (leased,) = await deliveries.lease(tx, "desk", "me", NOW, NOW + MINUTE, 1)
            await deliveries.record_failed(tx, leased, "refused", "no such address", NOW + MINUTE)
        async with store.read() as tx:
            assert await lookups.alerts_of(tx, {"s"}) == [RaisedAlert("x0", "iran", "s", 3, NOW)]
            (found,) = await lookups.deliveries_of(tx, {"s"})
            both = await lookups.deliveries_of(tx, {"s", "t"})
        assert (found.delivery_id, found.state, found.reason) == ("d0", "failed", "refused")
        assert (found.attempts, found.finished_at) == (1, NOW + MINUTE)
        assert found.message == b"\x00m"
        assert [(one.delivery_id, one.state) for one in both] == [
            ("d0", "failed"),
            ("d1", "pending"),
        ]

    async def test_every_item_says_when_it_was_last_changed(self, store: Database) -> None:
        async with store.write() as tx:
            await written.put(tx, Kind.RULES, {"iran": {}, "oil": {}}, "apply", NOW)
            await written.put(tx, Kind.RULES, {"oil": {"query": "x"}}, "apply", NOW + MINUTE)
            await written.put(tx, Kind.FEEDS, {"wire": {}}, "apply", NOW)
        async with store.read() as tx:
            assert await lookups.changed_at(tx, Kind.RULES) == {"iran": NOW, "oil": NOW + MINUTE}


_TWO = ((0, "s"), (1, "t"))
