"""The loop polls what is configured, when the rules are out, and waits out every outage."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.folder import FeedSpec
from services.bus.port import BusUnavailableError
from services.poller import memory as remembered
from services.poller.leases import TERM
from services.poller.sharing import Clocks, Everything, HostShare, Share
from services.poller.worker import Limits, PollingWorker
from services.runtime.health import Health
from services.store import feeds, written
from services.store.feeds import PageRetry
from services.store.written import Kind
from tests.poller.wire import PollingDesk
from tests.servers.patience import until


@dataclass
class Office:
    """A polling worker and the configuration that it follows."""

    desk: PollingDesk
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.health = Health(self.desk.metrics)

    def feed(self, name: str = "wire", path: str = "wire") -> Mapping[str, Any]:
        return {"id": name, "url": f"{self.desk.wire.url}/feeds/{path}"}

    async def configure(self, *wanted: Mapping[str, Any], broadcast: bool = True) -> None:
        """Store these feeds as a new generation, as apply does."""
        async with self.desk.real.write() as tx:
            generation = await written.begin_change(tx) + 1
            specs = {str(spec["id"]): spec for spec in wanted}
            gone = (await written.items(tx, Kind.FEEDS)).keys() - specs.keys()
            await written.put(tx, Kind.FEEDS, specs, "apply", self.desk.clock())
            await written.remove(tx, Kind.FEEDS, gone)
            await feeds.forget_feeds(tx, gone)
            await written.set_counter(tx, written.GENERATION, generation)
            if broadcast:
                await written.set_counter(tx, written.BROADCAST, generation)

    async def broadcast(self) -> None:
        """The rules of the newest generation are out."""
        async with self.desk.real.write() as tx:
            generation = await written.counter(tx, written.GENERATION)
            await written.set_counter(tx, written.BROADCAST, generation)

    @asynccontextmanager
    async def at_work(
        self, concurrency: int = 10, share: Share | None = None
    ) -> AsyncIterator[None]:
        desk, stop = self.desk, asyncio.Event()
        limits = Limits(concurrency, share or Everything(), desk.pauses)
        worker = PollingWorker(desk.poller, desk.database, desk.metrics, desk.clock, limits)
        running = asyncio.create_task(worker.run(stop, self.health.component("poller")))
        try:
            yield
        finally:
            stop.set()
            await running

    async def until_published(self, *slugs: str) -> None:
        async def there() -> bool:
            return set(await self.desk.titles()) >= {f"News of {slug}" for slug in slugs}

        await until(there, f"news of {slugs}")

    async def until_polled(self, more: int = 1) -> None:
        """Until the feed was asked for so many times more."""
        polls = len(self.desk.wire.polls()) + more

        async def asked() -> bool:
            return len(self.desk.wire.polls()) >= polls

        await until(asked, f"{polls} polls")

    async def until_remembered(self, feed_id: str = "wire") -> None:
        async def there() -> bool:
            async with self.desk.real.read() as tx:
                return feed_id in await feeds.states(tx)

        await until(there, f"the state of {feed_id}")

    async def until_told(self, words: str) -> None:
        async def told() -> bool:
            return words in self.health.describe()

        await until(told, words)


@pytest.fixture
def office(desk: PollingDesk) -> Office:
    return Office(desk)


async def test_news_of_a_configured_feed_are_published(office: Office) -> None:
    await office.configure(office.feed())
    async with office.at_work():
        await office.until_remembered()
        office.desk.wire.publish("ferry")
        await office.until_published("ferry")
        await office.until_polled(2)
        await office.until_told("poller: ready")
    assert await office.desk.titles() == ["News of ferry"]


async def test_feeds_become_active_only_after_their_rules_are_broadcast(office: Office) -> None:
    await office.configure(office.feed("other", "other"))
    async with office.at_work():
        await office.until_remembered("other")
        await office.configure(office.feed("other", "other"), office.feed("wire"), broadcast=False)
        # A poll takes a look at the configuration first.
        await office.until_polled(5)
        assert {path for path, _ in office.desk.wire.visits} == {"/feeds/other"}
        await office.broadcast()
        await office.until_remembered("wire")


async def test_a_restart_goes_on_where_the_process_before_was(office: Office) -> None:
    await office.configure(office.feed())
    async with office.at_work():
        await office.until_remembered()
        office.desk.wire.publish("one")
        await office.until_published("one")
    office.desk.wire.publish("two")
    async with office.at_work():
        await office.until_published("two")
    assert await office.desk.titles() == ["News of one", "News of two"]


async def test_a_clock_that_is_set_back_makes_no_feed_wait_for_it(office: Office) -> None:
    await office.configure(office.feed())
    office.desk.ahead = timedelta(days=999)
    async with office.at_work():
        await office.until_remembered()
        office.desk.ahead = timedelta()
        office.desk.wire.publish("ferry")
        await office.until_published("ferry")
    assert [article.late for article in await office.desk.published()] == [False]


async def test_a_removed_feed_is_asked_no_more_and_the_others_are(office: Office) -> None:
    await office.configure(office.feed(), office.feed("other", "other"))
    async with office.at_work():
        await office.until_remembered()
        await office.until_remembered("other")
        await office.configure(office.feed("other", "other"))

        async def only_the_other() -> bool:
            before = len(office.desk.wire.visits)
            await office.until_polled(4)
            return all(path == "/feeds/other" for path, _ in office.desk.wire.visits[before:])

        await until(only_the_other, "the end of the removed feed")


async def test_a_feed_whose_address_changed_is_polled_there_with_its_memory(
    office: Office,
) -> None:
    await office.configure(office.feed())
    async with office.at_work():
        await office.until_remembered()
        office.desk.wire.publish("one")
        await office.until_published("one")
        await office.configure(office.feed(path="moved"))
        office.desk.wire.publish("two", minutes_ago=-1)
        await office.until_published("two")
        assert "/feeds/moved" in dict(office.desk.wire.visits)
    assert await office.desk.titles() == ["News of one", "News of two"]
    assert (await office.desk.memory()).url.endswith("/moved")


async def test_an_outage_of_the_bus_is_visible_and_passes_without_loss(office: Office) -> None:
    await office.configure(office.feed())
    async with office.at_work():
        await office.until_remembered()
        office.desk.bus.room = 0
        office.desk.wire.publish("ferry")
        await office.until_told("poller: waiting: the bus is away")
        office.desk.bus.room = None
        await office.until_published("ferry")
        await office.until_told("poller: ready")
    assert await office.desk.titles() == ["News of ferry"]


@pytest.mark.parametrize("only_writing", [False, True])
async def test_an_outage_of_the_database_is_visible_and_passes_without_loss(
    office: Office, only_writing: bool
) -> None:
    await office.configure(office.feed())
    async with office.at_work():
        await office.until_remembered()
        office.desk.database.away = not only_writing
        office.desk.database.fail_writes = only_writing
        office.desk.wire.publish("ferry")
        await office.until_told("poller: waiting: the database is away")
        office.desk.database.away = office.desk.database.fail_writes = False
        await office.until_published("ferry")
        await office.until_told("poller: ready")
    assert len(await office.desk.identities()) == 1


async def test_after_an_outage_readiness_does_not_wait_for_the_next_poll(office: Office) -> None:
    """A feed may be due only in a quarter of an hour."""
    office.desk.database.away = True
    async with office.at_work():
        await office.until_told("poller: waiting: the database is away")
        office.desk.database.away = False
        await office.until_told("poller: ready")


async def test_a_poll_that_fails_unexpectedly_stops_no_other_feed(office: Office) -> None:
    async with office.desk.real.write() as tx:
        state = await _broken_state(office)
        await feeds.save_state(tx, state)
    await office.configure(office.feed(), office.feed("other", "other"))
    office.desk.wire.publish("fresh")

    real = office.desk.poller.poll

    async def poll(feed: Any, memory: Any) -> Any:
        if feed.id == "wire":
            raise RuntimeError("a bug")
        return await real(feed, memory)

    office.desk.poller.poll = poll  # type: ignore[method-assign]
    async with office.at_work():
        await office.until_published("fresh")

        async def counted() -> bool:
            value = office.desk.metrics.registry.get_sample_value
            return bool(value("wirewatch_polls_total", {"outcome": "bug"}))

        await until(counted, "the bug to be counted")


async def _broken_state(office: Office) -> feeds.FeedState:
    health = {"failures": 0, "gone": 0, "disabled": False}
    now = office.desk.clock()
    return feeds.FeedState("wire", office.feed()["url"], None, None, None, now, now, health)


async def test_pages_that_failed_are_tried_again_when_due_though_one_row_is_unreadable(
    office: Office,
) -> None:
    await office.configure(office.feed())
    await office.desk.watched()
    office.desk.wire.publish("ferry", page=500)
    await office.desk.poll()
    office.desk.wire.edit("ferry", page=200)
    (retry,) = await office.desk.retries()
    garbage = PageRetry("garbage", "wire", b"\x00", 0, retry.due_at - timedelta(days=1))
    async with office.desk.real.write() as tx:
        await feeds.schedule_retry(tx, garbage)
    office.desk.ahead = timedelta(minutes=2)
    async with office.at_work():

        async def done() -> bool:
            return not await office.desk.retries()

        await until(done, "the end of both retries")
    assert len(await office.desk.identities()) == 2


async def test_a_retry_that_fails_unexpectedly_lets_the_others_have_their_turn(
    office: Office,
) -> None:
    await office.configure(office.feed())
    await office.desk.watched()
    for slug in ("bad", "good"):
        office.desk.wire.publish(slug, page=500)
        await office.desk.poll()
        office.desk.wire.edit(slug, page=200)
    titles = {a.article_id: a.title for a in await office.desk.published()}
    real = office.desk.poller.retry_page

    async def retry_page(feed: FeedSpec, retry: PageRetry) -> None:
        if titles[retry.article_id] == "News of bad":
            raise RuntimeError("a bug")
        await real(feed, retry)

    office.desk.poller.retry_page = retry_page  # type: ignore[method-assign]
    office.desk.ahead = timedelta(minutes=2)
    async with office.at_work():

        async def only_the_bad_one_is_left() -> bool:
            left = await office.desk.retries()
            return [titles[r.article_id] for r in left] == ["News of bad"]

        await until(only_the_bad_one_is_left, "the good retry")
    (left,) = await office.desk.retries()
    assert left.due_at > office.desk.clock()


async def test_pages_of_one_feed_that_never_come_keep_no_other_feed_waiting(
    office: Office,
) -> None:
    await office.configure(office.feed(), office.feed("slow", "slow"))
    await office.desk.watched()
    office.desk.wire.publish("ferry", page=500)
    await office.desk.poll()
    office.desk.wire.edit("ferry", page=200)
    (ours,) = await office.desk.retries()
    long_due, held = ours.due_at - timedelta(days=1), asyncio.Event()
    async with office.desk.real.write() as tx:
        for number in range(120):
            name = f"slow{number}"
            await feeds.schedule_retry(tx, PageRetry(name, "slow", ours.article, 0, long_due))
            orphan = PageRetry(f"removed{number}", "removed", ours.article, 0, long_due)
            await feeds.schedule_retry(tx, orphan)
    real = office.desk.poller.retry_page

    async def retry_page(feed: FeedSpec, retry: PageRetry) -> None:
        await (held.wait() if feed.id == "slow" else real(feed, retry))

    office.desk.poller.retry_page = retry_page  # type: ignore[method-assign]
    office.desk.ahead = timedelta(minutes=2)
    async with office.at_work():

        async def full_text() -> bool:
            articles = await office.desk.published()
            return [a.article_id for a in articles].count(ours.article_id) == 2

        try:
            await until(full_text, "the full text")
        finally:
            held.set()


async def test_a_retry_in_an_outage_stays_due_and_goes_through_after_it(office: Office) -> None:
    await office.configure(office.feed())
    await office.desk.watched()
    office.desk.wire.publish("ferry", page=500)
    await office.desk.poll()
    office.desk.wire.edit("ferry", page=200)
    office.desk.bus.room, office.desk.bus.error = 0, BusUnavailableError("the bus is away")
    office.desk.ahead = timedelta(minutes=2)
    async with office.at_work():
        await office.until_told("poller: waiting: the bus is away")
        office.desk.bus.room = None

        async def done() -> bool:
            return not await office.desk.retries()

        await until(done, "the retry")
    assert len(await office.desk.identities()) == 2


async def test_a_stop_finishes_and_remembers_the_poll_under_way(office: Office) -> None:
    await office.configure(office.feed())
    await office.desk.watched()
    office.desk.wire.publish("ferry")
    office.desk.wire.held = asyncio.Event()

    async def reading() -> bool:
        return any(path == "/pages/ferry" for path, _ in office.desk.wire.visits)

    async with office.at_work():
        await until(reading, "the poll to be under way")
        asyncio.get_running_loop().call_soon(office.desk.wire.held.set)
    assert await office.desk.titles() == ["News of ferry"]
    await office.desk.poll()
    assert await office.desk.titles() == ["News of ferry"]


async def test_no_more_feeds_are_polled_at_once_than_allowed(office: Office) -> None:
    await office.configure(*(office.feed(f"f{n}", f"f{n}") for n in range(6)))
    most, polling = 0, 0
    real = office.desk.poller.poll

    async def poll(feed: Any, memory: Any) -> Any:
        nonlocal most, polling
        polling += 1
        most = max(most, polling)
        try:
            return await real(feed, memory)
        finally:
            polling -= 1

    office.desk.poller.poll = poll  # type: ignore[method-assign]
    async with office.at_work(concurrency=2):
        await asyncio.gather(*(office.until_remembered(f"f{n}") for n in range(6)))
    assert most == 2


async def test_when_the_lease_of_a_host_runs_out_the_poll_there_ends_and_is_repeated_with_the_next(
    office: Office,
) -> None:
    """Whoever has the lease by then has the host's two connections to itself."""
    desk, passed = office.desk, [0.0]
    share = HostShare(desk.real, Clocks(here=lambda: passed[0]))
    await office.configure(office.feed())
    await desk.watched()
    desk.wire.publish("ferry")
    desk.wire.held = asyncio.Event()

    def pages_asked() -> int:
        return sum(path == "/pages/ferry" for path, _ in desk.wire.visits)

    async def asked(times: int) -> bool:
        return pages_asked() == times

    async with office.at_work(share=share):
        await until(lambda: asked(1), "the poll to be under way")
        passed[0] += TERM.total_seconds()
        await until(lambda: asked(2), "the poll after it")
        desk.wire.held.set()
        await office.until_published("ferry")
    assert await desk.titles() == ["News of ferry"], "the first was never published"


async def test_a_feed_whose_host_is_another_pollers_is_polled_when_that_one_leaves(
    office: Office,
) -> None:
    desk, passed = office.desk, [0.0]
    clocks = Clocks(here=lambda: passed[0])
    other, mine = HostShare(desk.real, clocks), HostShare(desk.real, clocks)
    await other.refresh(())
    await office.configure(office.feed())
    async with office.at_work(share=mine):
        await office.until_told("poller: ready")
        assert not desk.wire.visits
        await other.give_up()
        passed[0] += 5
        await office.until_remembered()


async def test_what_a_poller_did_not_write_down_before_its_leases_ran_out_replaces_nothing(
    office: Office,
) -> None:
    """As when it was stopped, and goes on after another has polled the feed."""
    desk, passed = office.desk, [0.0]
    share = HostShare(desk.real, Clocks(here=lambda: passed[0]))
    await office.configure(office.feed())
    await desk.watched()
    desk.database.fail_writes = True
    async with office.at_work(share=share):
        await office.until_told("the database is away")
        passed[0] += TERM.total_seconds()
        newer = replace(await desk.memory(), next_due_at=desk.clock() + timedelta(hours=9))
        async with desk.real.write() as tx:
            await feeds.save_state(tx, remembered.to_state(newer, desk.clock()))
        desk.database.fail_writes = False
        await office.until_told("poller: ready")
    assert (await desk.memory()).next_due_at == newer.next_due_at
