"""The poller put together: session, text workers, policy, worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version

from aiohttp import ClientSession

from services.bus.port import Bus
from services.poller.counted import start_at_zero
from services.poller.fetch import FEED_LIMITS, PAGE_LIMITS, FetchLimits
from services.poller.health.episodes import EpisodePolicy
from services.poller.health.watch import Watch
from services.poller.pages import TextWorkers
from services.poller.pauses import Pauses
from services.poller.poll import FeedPoller
from services.poller.reading import PageReader
from services.poller.schedule import Policy
from services.poller.session import new_session
from services.poller.sharing import Share
from services.poller.surroundings import PollingPolicy, Surroundings
from services.poller.websub.assembly import websub_part
from services.poller.websub.book import Book
from services.poller.websub.port import NoPushing
from services.poller.websub.pushes import Pushes
from services.poller.worker import Limits, PollingWorker
from services.runtime.clock import utc_now
from services.runtime.lifecycle import Part
from services.runtime.metrics import Metrics
from services.runtime.netguard import networks
from services.runtime.process import Process
from services.runtime.settings import Settings
from services.store.database import Database


async def open_polling(
    process: Process, bus: Bus, database: Database, share: Share
) -> dict[str, Part]:
    """The parts of a process that poll its share of the feeds, or have them pushed as well."""
    settings, metrics = process.settings, process.metrics
    start_at_zero(metrics)
    workers = await process.stack.enter_async_context(
        TextWorkers(
            settings.text_workers,
            page_deadline=timedelta(seconds=settings.page_deadline_seconds),
        )
    )
    session = await process.stack.enter_async_context(open_session(settings))
    policy = polling_policy(settings)
    pauses = Pauses(policy.schedule)
    reader = page_reader(session, workers, settings, metrics, pauses)
    book = Book(settings.public_url, metrics, utc_now) if settings.public_url else None
    around = Surroundings(
        session, workers, reader, bus, database, metrics, utc_now, pauses, book or NoPushing()
    )
    worker_limits = Limits(settings.poll_concurrency, share, pauses)
    worker = PollingWorker(FeedPoller(around, policy), database, metrics, utc_now, worker_limits)
    watch = Watch(database, utc_now, policy.episodes)
    parts: dict[str, Part] = {"poller": worker.run, "watch": watch.run}
    if book is not None:
        pushes = Pushes(around, policy, book, worker.poll_soon)
        parts["websub"] = websub_part(process, around, book, pushes)
    return parts


def page_reader(
    session: ClientSession,
    workers: TextWorkers,
    settings: Settings,
    metrics: Metrics,
    pauses: Pauses | None = None,
) -> PageReader:
    """A reader of article pages within the limits that the settings ask for."""
    limits = _limits(PAGE_LIMITS, settings, settings.page_max_bytes)
    return PageReader(session, workers, limits, metrics, utc_now, pauses)


@asynccontextmanager
async def open_page_reader(settings: Settings) -> AsyncIterator[PageReader]:
    """A reader by itself, for a command that reads a page or two."""
    deadline = timedelta(seconds=settings.page_deadline_seconds)
    async with (
        TextWorkers(1, page_deadline=deadline) as workers,
        open_session(settings) as session,
    ):
        yield page_reader(session, workers, settings, Metrics())


def open_session(settings: Settings) -> ClientSession:
    """A session that opens what the settings allow; to be closed by the caller."""
    return new_session(user_agent(settings), allowed=networks(settings.allowed_networks))


def user_agent(settings: Settings) -> str:
    """Who we say we are: name, version, and where a publisher can reach somebody."""
    return f"Wirewatch/{version('wirewatch')} (+{settings.contact_url})"


def polling_policy(settings: Settings) -> PollingPolicy:
    """The polling policy that the settings ask for."""
    longest = timedelta(seconds=settings.poll_max_interval_seconds)
    return PollingPolicy(
        schedule=replace(
            Policy(),
            min_interval=timedelta(seconds=settings.poll_min_interval_seconds),
            max_interval=longest,
            undated_interval=min(Policy().undated_interval, longest),
        ),
        limits=_limits(FEED_LIMITS, settings, settings.feed_max_bytes),
        first_fetch_window=timedelta(hours=settings.first_fetch_window_hours),
        first_page_retry=timedelta(seconds=settings.page_retry_first_seconds),
        episodes=episode_policy(settings),
    )


def episode_policy(settings: Settings) -> EpisodePolicy:
    """When a feed counts as broken or silent, as the settings want it."""
    return EpisodePolicy(
        broken_after=timedelta(minutes=settings.feed_broken_after_minutes),
        silent_after=timedelta(hours=settings.feed_silent_after_hours),
    )


def _limits(kind: FetchLimits, settings: Settings, max_bytes: int) -> FetchLimits:
    return replace(
        kind,
        max_bytes=max_bytes,
        allowed=networks(settings.allowed_networks),
        connect=timedelta(seconds=settings.fetch_connect_timeout_seconds),
        total=timedelta(seconds=settings.fetch_timeout_seconds),
    )
