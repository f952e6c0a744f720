"""The sending part of the notifier: one task per configured channel, kept as configured."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import structlog
from pydantic import TypeAdapter, ValidationError

from schemas.folder import ChannelSpec
from services.notifier.actions.signed import NO_LINKS, Links
from services.notifier.channels import Surroundings, open_channel
from services.notifier.pace import AT_ONCE
from services.notifier.sender import OpenedChannel, Sender
from services.notifier.steps import SendingPolicy
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.metrics import Metrics
from services.runtime.netguard import networks
from services.runtime.settings import Settings
from services.runtime.wakeup import Wakeup, wait_any
from services.store import deliveries, written
from services.store.database import Database
from services.store.own_keys import LINKS, own_key
from services.store.written import Kind

log = structlog.get_logger()

_CHANNEL: TypeAdapter[ChannelSpec] = TypeAdapter(ChannelSpec)
_LOOK_AGAIN_SECONDS = 1.0  # for changes made by another process: configuration, rows
_HAVE_PATIENCE_SECONDS = 0.1
_NOT_MEANT_SECONDS = 0.02


def sending_policy(settings: Settings) -> SendingPolicy:
    """The policy that the settings ask for."""
    return SendingPolicy(
        attempt_timeout=timedelta(seconds=settings.delivery_timeout_seconds),
        first_wait=timedelta(seconds=settings.delivery_retry_first_seconds),
        give_up_after=timedelta(hours=settings.delivery_give_up_hours),
    )


class SendingWorker:
    """Keeps a sender at work for every channel of the configuration."""

    def __init__(
        self, database: Database, settings: Settings, metrics: Metrics, clock: Clock, wake: Wakeup
    ) -> None:
        self._database = database
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._wake = wake
        self._running: dict[str, tuple[ChannelSpec, asyncio.Event, asyncio.Task[None]]] = {}
        self._troubles: dict[str, str] = {}
        self._unreadable: frozenset[str] = frozenset()
        self._links = NO_LINKS

    async def run(self, stop: asyncio.Event, component: Component) -> None:
        """Send until `stop` is set; attempts under way are finished and recorded."""
        try:
            while not stop.is_set():
                await self._follow_configuration(component)
                await wait_any(_LOOK_AGAIN_SECONDS, stop)
        finally:
            await self._end(list(self._running))

    async def _follow_configuration(self, component: Component) -> None:
        try:
            wanted = await self._configured()
        except DependencyUnavailableError as error:
            component.waiting(str(error))
            return
        gone = [
            i
            for i, (spec, _, task) in self._running.items()
            if wanted.get(i) != spec or task.done()
        ]
        await self._end(gone)
        for channel_id in self._troubles.keys() - wanted.keys():
            del self._troubles[channel_id]
        for channel_id, spec in wanted.items():
            if channel_id not in self._running:
                self._start(channel_id, spec)
        self._tell(component)

    def _tell(self, component: Component) -> None:
        unreadable = [
            f"channel {channel_id}: not of this version; apply it anew"
            for channel_id in self._unreadable
        ]
        if self._troubles or unreadable:
            component.waiting("; ".join(sorted([*self._troubles.values(), *unreadable])))
        else:
            component.ready()

    async def _configured(self) -> Mapping[str, ChannelSpec]:
        await self._know_links()
        async with self._database.read() as tx:
            stored = await written.items(tx, Kind.CHANNELS)
        specs: dict[str, ChannelSpec] = {}
        for channel_id, item in stored.items():
            with suppress(ValidationError):
                specs[channel_id] = _CHANNEL.validate_python(dict(item.spec))
        self._unreadable = frozenset(stored.keys() - specs.keys())
        return specs

    async def _know_links(self) -> None:
        if self._links.base is None and self._settings.public_url is not None:
            async with self._database.write() as tx:
                key = await own_key(tx, LINKS)
            self._links = Links(self._settings.public_url, key)

    def _start(self, channel_id: str, spec: ChannelSpec) -> None:
        channel = open_channel(
            spec,
            os.environ,
            Surroundings(
                timeout=self._settings.delivery_timeout_seconds,
                links=self._links,
                allowed=networks(self._settings.allowed_networks),
            ),
        )
        opened = OpenedChannel(channel_id, spec.type, channel, AT_ONCE[spec.type])
        sender = Sender(
            opened, self._database, sending_policy(self._settings), self._metrics, self._clock
        )
        end = asyncio.Event()
        task = asyncio.create_task(self._send(channel_id, sender, end), name=f"send {channel_id}")
        self._running[channel_id] = (spec, end, task)

    async def _end(self, channel_ids: list[str]) -> None:
        ending = [self._running.pop(i) for i in channel_ids]
        for _, end, _ in ending:
            end.set()
        for (_, _, task), channel_id in zip(ending, channel_ids, strict=True):
            self._troubles.pop(channel_id, None)
            for result in await asyncio.gather(task, return_exceptions=True):
                if isinstance(result, Exception):
                    # Its kind only: the text of an unknown exception may hold a secret.
                    kind = type(result).__name__
                    log.error("a sender crashed and is restarted", channel=channel_id, error=kind)
                    self._troubles[channel_id] = f"channel {channel_id}: crashed with {kind}"

    async def _send(self, channel_id: str, sender: Sender, end: asyncio.Event) -> None:
        called = timer = True
        try:
            while not end.is_set():
                woken = self._wake.next()
                wait = _LOOK_AGAIN_SECONDS
                try:
                    wait = await self._look(sender, end, called, timer)
                    self._troubles.pop(channel_id, None)
                except DependencyUnavailableError as error:
                    self._troubles[channel_id] = str(error)
                if called and not sender.busy:
                    # Mostly it was another channel that was meant.
                    await wait_any(_NOT_MEANT_SECONDS, end)
                timer = not await sender.until_something_ends(wait, end, woken)
                called = woken.is_set()
            await sender.send_due(end)
        finally:
            await sender.close()

    async def _look(self, sender: Sender, end: asyncio.Event, called: bool, timer: bool) -> float:
        """Have the sender do what there is to do; how many seconds later to look again."""
        if not called and not sender.busy and (wait := await self._until_due(sender)) > 0:
            return wait
        await sender.turn(end, look=called or timer)
        # What is due may not be to be had: leased by a notifier that died, or behind another.
        return _LOOK_AGAIN_SECONDS if sender.busy else _HAVE_PATIENCE_SECONDS

    async def _until_due(self, sender: Sender) -> float:
        due = await sender.due_at()
        if due is None:
            return _LOOK_AGAIN_SECONDS
        return min(_LOOK_AGAIN_SECONDS, (due - self._clock()).total_seconds())


async def report_backlog(database: Database, metrics: Metrics, clock: Clock) -> None:
    """Set the gauges of what is still to be sent."""
    async with database.read() as tx:
        backlog = await deliveries.backlog(tx)
    metrics.deliveries_pending.set(backlog.pending)
    oldest = backlog.oldest_due_at
    age = (clock() - oldest).total_seconds() if oldest else 0.0
    metrics.deliveries_oldest.set(max(0.0, age))
