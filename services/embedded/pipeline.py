"""The pipeline in one process: what each part is made of, and how they hang together."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import structlog

from schemas.topics import ARTICLES, MATCHER_GROUP, MATCHES, NOTIFIER_GROUP, Topic
from services.bus.errors import BusFileError, BusInUseError
from services.bus.loop import DeadLettered, Event, Handled, Handler, Recovered, Waiting, run_stage
from services.bus.port import OffsetOutOfRangeError
from services.bus.sqlite import SqliteBus, open_bus
from services.bus.sqlite_retention import keep_house
from services.config.broadcast import broadcast_rules
from services.embedded.folder import FolderKeeper
from services.matcher.rules import RulesInForce, follow_rules
from services.matcher.stage import MatchStage
from services.notifier.judge import Judge
from services.notifier.worker import SendingWorker, report_backlog
from services.poller.fetch import FEED_LIMITS, PAGE_LIMITS, FetchLimits
from services.poller.pages import TextWorkers
from services.poller.poll import FeedPoller, PollingPolicy, Surroundings
from services.poller.reading import PageReader
from services.poller.schedule import Policy
from services.poller.session import new_session
from services.poller.worker import PollingWorker
from services.runtime.clock import utc_now
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component, Health
from services.runtime.http import serve_endpoint
from services.runtime.lifecycle import Part, StopForGoodError, run_parts, until_stopped
from services.runtime.metrics import Metrics
from services.runtime.settings import Settings
from services.runtime.wakeup import Wakeup
from services.store import deliveries
from services.store.database import Database, open_database, sqlite_url

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Places:
    """Where the operator's folder and the state are."""

    config: Path
    state: Path

    @property
    def bus(self) -> Path:
        """The bus file."""
        return self.state / "bus.sqlite"

    @property
    def database(self) -> Path:
        """The database file, unless the settings name another database."""
        return self.state / "wirewatch.sqlite"


def database_url(places: Places, settings: Settings) -> str:
    """The database that the settings mean."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return sqlite_url(places.database)


async def run_pipeline(
    places: Places,
    settings: Settings,
    stop: asyncio.Event,
    started: Callable[[str], None] = lambda _: None,
) -> None:
    """Run everything until `stop` is set; `started` is told the endpoint's URL.

    Raises StateFolderError, BusFileError, BusInUseError, PortTakenError and
    DependencyUnavailableError when it cannot start.
    """
    make_state_folder(places.state)
    metrics = Metrics()
    health = Health(metrics)
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(
            open_bus(places.bus, max_backlog=settings.bus_max_backlog_records)
        )
        # Held for the whole run, so that a second process on this folder ends at once.
        await stack.enter_async_context(bus.consume(ARTICLES, MATCHER_GROUP))
        database = await stack.enter_async_context(open_database(database_url(places, settings)))
        async with database.write() as tx:
            await deliveries.release(tx)  # nobody else is at work: what was leased is free
        pipeline = _Pipeline(places, settings, bus, database, metrics, health)
        parts = await pipeline.parts(stack)
        url = await stack.enter_async_context(
            serve_endpoint(
                settings.http_host, settings.http_port, metrics, health, pipeline.refresh_gauges
            )
        )
        log.info("wirewatch runs", state=str(places.state), config=str(places.config), url=url)
        started(url)
        await run_parts(parts, health, stop)
        log.info("stopped; nothing is in flight")


class StateFolderError(Exception):
    """The state folder cannot be used."""


def make_state_folder(state: Path) -> None:
    """Make the folder for everything remembered; raises StateFolderError."""
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateFolderError(
            f"cannot make the state folder {state} ({error.strerror}); name another with --state"
        ) from error


class _Pipeline:
    """All parts of one process, made of the same bus, database, metrics and health."""

    def __init__(
        self,
        places: Places,
        settings: Settings,
        bus: SqliteBus,
        database: Database,
        metrics: Metrics,
        health: Health,
    ) -> None:
        self._places = places
        self._settings = settings
        self._bus = bus
        self._database = database
        self._metrics = metrics
        self._health = health
        self._wake = Wakeup()
        self._rules = RulesInForce(metrics)

    async def parts(self, stack: AsyncExitStack) -> dict[str, Part]:
        """The parts by name; what they need is opened on `stack`."""
        matcher = MatchStage(self._bus, self._rules, self._metrics, utc_now)
        judge = Judge(self._database, self._metrics, utc_now, self._wake)
        sending = SendingWorker(self._database, self._settings, self._metrics, utc_now, self._wake)
        keeper = FolderKeeper(self._places.config, self._database, self._metrics, utc_now)
        polling = await self._polling(stack)
        return {
            "config": keeper.run,
            "broadcast": self._broadcast,
            "rules": self._follow_rules,
            "matcher": self._stage(ARTICLES, MATCHER_GROUP, matcher, self._rules_known),
            "judge": self._stage(MATCHES, NOTIFIER_GROUP, judge, _at_once),
            "sender": sending.run,
            "poller": polling.run,
            "housekeeping": self._keep_house,
        }

    async def refresh_gauges(self) -> None:
        """Bring the gauges up to date that are read from the database and the bus."""
        try:
            await report_backlog(self._database, self._metrics, utc_now)
            for step, topic, group in (
                ("matcher", ARTICLES, MATCHER_GROUP),
                ("notifier", MATCHES, NOTIFIER_GROUP),
            ):
                lag = await self._bus.lag(topic, group)
                self._metrics.bus_lag.labels(step).set(lag.records)
        except DependencyUnavailableError as error:
            log.warning("gauges not refreshed", error=str(error))

    async def _polling(self, stack: AsyncExitStack) -> PollingWorker:
        settings = self._settings
        workers = await stack.enter_async_context(
            TextWorkers(
                settings.text_workers,
                page_deadline=timedelta(seconds=settings.page_deadline_seconds),
            )
        )
        session = await stack.enter_async_context(
            new_session(f"Wirewatch/{version('wirewatch')} (+{settings.contact_url})")
        )
        page_limits = _limits(PAGE_LIMITS, settings, settings.page_max_bytes)
        around = Surroundings(
            session,
            workers,
            PageReader(session, workers, page_limits, self._metrics, utc_now),
            self._bus,
            self._database,
            self._metrics,
            utc_now,
        )
        policy = polling_policy(settings)
        return PollingWorker(
            FeedPoller(around, policy),
            self._database,
            self._metrics,
            utc_now,
            settings.poll_concurrency,
        )

    async def _broadcast(self, stop: asyncio.Event, component: Component) -> None:
        await broadcast_rules(self._bus, self._database, stop, component)

    async def _follow_rules(self, stop: asyncio.Event, component: Component) -> None:
        await until_stopped(follow_rules(self._bus, self._rules, component), stop)

    async def _keep_house(self, stop: asyncio.Event, component: Component) -> None:
        component.ready()
        await until_stopped(keep_house(self._bus), stop)

    async def _rules_known(self, stop: asyncio.Event, component: Component) -> None:
        component.waiting("the rules are not known yet")
        await until_stopped(self._rules.current(), stop)

    def _stage(
        self,
        topic: Topic,
        group: str,
        handler: Handler,
        prepared: Callable[[asyncio.Event, Component], Awaitable[None]],
    ) -> Part:
        async def run(stop: asyncio.Event, component: Component) -> None:
            def on_event(event: Event) -> None:
                match event:
                    case Handled() | Recovered():
                        component.ready()
                    case Waiting(error):
                        component.waiting(str(error))
                    case DeadLettered():
                        self._metrics.dead_letters.labels(topic.name).inc()

            await prepared(stop, component)
            if stop.is_set():
                return
            component.ready()
            try:
                await run_stage(self._bus, topic, group, handler, on_event=on_event, stop=stop)
            except (OffsetOutOfRangeError, BusFileError, BusInUseError) as error:
                raise StopForGoodError(str(error)) from error

        return run


def polling_policy(settings: Settings) -> PollingPolicy:
    """The polling policy that the settings ask for."""
    return PollingPolicy(
        schedule=replace(
            Policy(),
            min_interval=timedelta(seconds=settings.poll_min_interval_seconds),
            max_interval=timedelta(seconds=settings.poll_max_interval_seconds),
            undated_interval=timedelta(seconds=min(300, settings.poll_max_interval_seconds)),
        ),
        limits=_limits(FEED_LIMITS, settings, settings.feed_max_bytes),
        first_fetch_window=timedelta(hours=settings.first_fetch_window_hours),
        first_page_retry=timedelta(seconds=settings.page_retry_first_seconds),
    )


def _limits(kind: FetchLimits, settings: Settings, max_bytes: int) -> FetchLimits:
    return replace(
        kind,
        max_bytes=max_bytes,
        connect=timedelta(seconds=settings.fetch_connect_timeout_seconds),
        total=timedelta(seconds=settings.fetch_timeout_seconds),
    )


async def _at_once(stop: asyncio.Event, component: Component) -> None:
    """Nothing has to be there first."""
