"""One sender for each configured channel: they follow the configuration, not each other."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from schemas.folder import ChannelSpec
from services.notifier.channels import Surroundings, open_channel
from services.notifier.channels.port import Channel
from services.notifier.worker import SendingWorker, report_backlog
from services.runtime.clock import utc_now
from services.runtime.health import Health
from services.runtime.metrics import Metrics
from services.runtime.settings import Settings
from services.runtime.wakeup import Wakeup
from services.store import written
from services.store.database import Database
from services.store.written import Kind
from tests.notifier.alerts import NOW
from tests.notifier.sending import ScriptedChannel, SendingDesk, SetClock
from tests.notifier.slack_double import SlackDouble, slack_double
from tests.servers.faults import FaultyDatabase
from tests.servers.patience import until


@dataclass
class Office:
    """A worker that sends what is queued."""

    database: Database
    seen_by_worker: FaultyDatabase
    metrics: Metrics = field(default_factory=Metrics)
    wake: Wakeup = field(default_factory=Wakeup)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.health = Health(self.metrics)
        self.desk = SendingDesk(self.database, SetClock(utc_now()))

    async def configure(self, **channels: str) -> None:
        """Slack channels by name, each with the variable that holds its address."""
        specs = {
            name: {"id": name, "type": "slack", "webhook_url": {"env": variable}}
            for name, variable in channels.items()
        }
        async with self.database.write() as tx:
            gone = (await written.items(tx, Kind.CHANNELS)).keys() - specs.keys()
            await written.put(tx, Kind.CHANNELS, specs, "apply", NOW)
            await written.remove(tx, Kind.CHANNELS, gone)
        self.wake.wake()

    async def queue(self, *names: str, channel: str = "desk") -> None:
        await self.desk.queue(*names, channel=channel)
        self.wake.wake()

    async def until_delivered(self, *names: str) -> None:
        async def delivered() -> bool:
            states = await self.desk.states()
            return all(states.get(name) == "delivered" for name in names)

        await until(delivered, f"delivery of {names}")

    async def until_nobody_sends_to(self, channel: str) -> None:
        async def ended() -> bool:
            return all(task.get_name() != f"send {channel}" for task in asyncio.all_tasks())

        await until(ended, f"the end of the sender of {channel}")

    async def until_told(self, words: str) -> None:
        async def told() -> bool:
            return words in self.health.describe()

        await until(told, words)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        settings = Settings(delivery_retry_first_seconds=0.05, allowed_networks="127.0.0.0/8")
        sending = SendingWorker(self.seen_by_worker, settings, self.metrics, utc_now, self.wake)
        running = asyncio.create_task(sending.run(self.stop, self.health.component("sender")))
        try:
            yield
        finally:
            self.stop.set()
            self.wake.wake()
            await running


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, FaultyDatabase(database))


@pytest.fixture
async def one(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlackDouble]:
    async with slack_double() as double:
        monkeypatch.setenv("SLACK_ONE", double.url)
        yield double


@pytest.fixture
async def two(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlackDouble]:
    async with slack_double() as double:
        monkeypatch.setenv("SLACK_TWO", double.url)
        yield double


async def test_what_is_queued_for_a_channel_goes_there(
    office: Office, one: SlackDouble, two: SlackDouble
) -> None:
    await office.configure(desk="SLACK_ONE", night="SLACK_TWO")
    async with office.at_work():
        await office.queue("a")
        await office.queue("b", channel="night")
        await office.until_delivered("a", "b")
        await office.until_told("sender: ready")
    assert (len(one.payloads), len(two.payloads)) == (1, 1)


async def test_a_changed_channel_is_opened_anew_and_held_rows_go_on(
    office: Office, one: SlackDouble, two: SlackDouble
) -> None:
    one.answer(404, "no_service")
    await office.configure(desk="SLACK_ONE")
    async with office.at_work():
        await office.queue("a")

        async def refused() -> bool:
            return (await office.desk.rows())["a"].reason == "bad_credentials"

        await until(refused, "the refusal")
        await office.queue("b")
        await office.configure(desk="SLACK_TWO")
        await office.until_delivered("a", "b")
    assert (len(one.payloads), len(two.payloads)) == (1, 2)


async def test_a_channel_that_hangs_delays_no_other(
    office: Office, one: SlackDouble, two: SlackDouble
) -> None:
    one.answer(200, "ok")
    one.answers[0].hangs = True
    await office.configure(desk="SLACK_ONE", night="SLACK_TWO")
    async with office.at_work():
        await office.queue("a")
        await until(lambda: _has(one), "the attempt that hangs")
        await office.queue("b", channel="night")
        await office.until_delivered("b")
        assert (await office.desk.states())["a"] == "pending"
        one.released.set()
        await office.until_delivered("a")


async def _has(double: SlackDouble) -> bool:
    return bool(double.payloads)


async def test_a_channel_that_raises_is_visible_and_stops_no_other(
    office: Office, two: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ScriptedChannel()
    broken.answers.append(BrokenError("hooks.example/SECRET"))

    def opened(spec: ChannelSpec, env: Mapping[str, str], around: Surroundings) -> Channel:
        return broken if spec.id == "broken" else open_channel(spec, env, around)

    monkeypatch.setattr("services.notifier.worker.open_channel", opened)
    await office.configure(broken="SLACK_ONE", night="SLACK_TWO")
    with capture_logs() as logs:
        async with office.at_work():
            await office.queue("a", channel="broken")
            await office.queue("b", channel="night")
            await office.until_delivered("a", "b")
    assert len(broken.sent) == 2
    assert broken.closed
    assert "SECRET" not in str(logs)


class BrokenError(Exception):
    """A bug of a channel."""


async def test_a_stored_channel_that_cannot_be_read_is_visible_and_stops_no_other(
    office: Office, one: SlackDouble
) -> None:
    await office.configure(desk="SLACK_ONE")
    async with office.database.write() as tx:
        later = {"id": "later", "type": "pigeon"}
        await written.put(tx, Kind.CHANNELS, {"later": later}, "apply", NOW)
    async with office.at_work():
        await office.queue("a")
        await office.until_delivered("a")
        await office.until_told("channel later: not of this version")


async def test_an_outage_of_the_database_is_visible_and_passes(
    office: Office, one: SlackDouble
) -> None:
    await office.configure(desk="SLACK_ONE")
    async with office.at_work():
        await office.until_told("sender: ready")
        office.seen_by_worker.away = True
        await office.until_told("sender: waiting: the database is away")
        await office.queue("a")
        office.seen_by_worker.away = False
        await office.until_delivered("a")
        await office.until_told("sender: ready")


async def test_a_sender_that_crashes_is_visible_and_restarted(
    office: Office, one: SlackDouble
) -> None:
    await office.configure(desk="SLACK_ONE")
    async with office.at_work():
        await office.until_told("sender: ready")
        office.seen_by_worker.error = BrokenError("SECRET")
        office.seen_by_worker.fail_writes = True
        await office.queue("a")
        await office.until_told("channel desk: crashed with BrokenError")
        office.seen_by_worker.fail_writes = False
        await office.until_delivered("a")
        await office.until_told("sender: ready")


async def test_a_channel_that_left_the_configuration_is_sent_nothing_until_it_is_back(
    office: Office, one: SlackDouble, two: SlackDouble
) -> None:
    await office.configure(desk="SLACK_ONE", night="SLACK_TWO")
    async with office.at_work():
        await office.queue("a")
        await office.until_delivered("a")
        await office.configure(night="SLACK_TWO")
        await office.until_nobody_sends_to("desk")
        await office.queue("b", channel="night")
        await office.until_delivered("b")
        await office.queue("c")
        await office.queue("d", channel="night")
        await office.until_delivered("d")
        assert (await office.desk.states())["c"] == "pending"
        await office.configure(desk="SLACK_ONE", night="SLACK_TWO")
        await office.until_delivered("c")


async def test_the_backlog_is_measured(office: Office) -> None:
    await office.queue("a", "b")
    year_later = office.desk.clock() + timedelta(days=365)
    await report_backlog(office.database, office.metrics, lambda: year_later)
    value = office.metrics.registry.get_sample_value
    assert value("wirewatch_deliveries_pending") == 2
    assert value("wirewatch_deliveries_oldest_pending_seconds") == 365 * 86_400
