"""What polling works with, and how it is to poll."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp

from services.bus.port import Bus
from services.poller.fetch import FetchLimits
from services.poller.health.episodes import EpisodePolicy
from services.poller.pages import TextWorkers
from services.poller.pauses import Pauses
from services.poller.reading import PageReader
from services.poller.schedule import Policy
from services.poller.websub.port import NoPushing, Pushing
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.store.database import Database


@dataclass(frozen=True, slots=True)
class PollingPolicy:
    """How feeds are polled."""

    schedule: Policy
    limits: FetchLimits
    first_fetch_window: timedelta
    first_page_retry: timedelta = timedelta(minutes=1)
    episodes: EpisodePolicy = field(default_factory=EpisodePolicy)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a poll works with."""

    session: aiohttp.ClientSession
    workers: TextWorkers
    reader: PageReader
    bus: Bus
    database: Database
    metrics: Metrics
    clock: Clock
    pauses: Pauses = field(default_factory=Pauses)
    pushing: Pushing = field(default_factory=NoPushing)
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)  # where secrets stand
