"""At the end of a silence its subscribers are told what it held back: one message each.

The message, and the mark on what it tells, are written in one transaction: a crash at any line
leaves rows that wait, or a delivery that has them. Of several notifiers one writes it. In quiet
hours it waits for their end.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import SubscriptionSpec
from schemas.message import MalformedMessageError
from services.notifier import clean
from services.notifier.gathered import new_delivery
from services.notifier.gathering import NOBODYS_KEPT
from services.notifier.holding.times import quiet_period
from services.notifier.message import AlertMessage, DeliveryIds, SummaryKind, SummaryMessage
from services.notifier.names import delivery_id, summary_key
from services.notifier.occasions import counted
from services.notifier.render.wording import moment
from services.notifier.subscribed import Subscribed
from services.notifier.summaries import Occasion, compose_summary
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.health import Component
from services.runtime.lifecycle import wait_for_stop
from services.runtime.metrics import Metrics
from services.runtime.wakeup import Wakeup
from services.store import deliveries, held, judgements, silenced, silences
from services.store.database import Database
from services.store.silenced import Ended
from services.store.silences import Silence, SilenceKind

log = structlog.get_logger()

_LOOK_EVERY_SECONDS = 1.0
_MOST_READ = 1_000
"""Of more alerts that one silence held back the latest are read, and the rest is counted."""
_LONGEST_WHAT = 120


class SilenceEnds:
    """Tells what silences held back, once they have ended."""

    def __init__(self, database: Database, metrics: Metrics, clock: Clock, wake: Wakeup) -> None:
        self._database = database
        self._metrics = metrics
        self._subscribed = Subscribed()
        self._clock = clock
        self._wake = wake

    async def run(self, stop: asyncio.Event, component: Component) -> None:
        """Look for silences that have ended, until `stop` is set."""
        while not stop.is_set():
            try:
                await self.tell()
                component.ready()
            except DependencyUnavailableError as error:
                component.waiting(str(error))
            await wait_for_stop(stop, _LOOK_EVERY_SECONDS)

    async def tell(self) -> int:
        """Tell whom silences that have ended kept something from; how many messages that makes.

        Raises DatabaseUnavailableError.
        """
        now = self._clock()
        async with self._database.read() as tx:
            found = await silenced.ended(tx, now)
        told = 0
        for one in found:
            told += await self._try(one, now)
        if told:
            self._wake.wake()
        return told

    async def _try(self, of: Ended, now: datetime) -> int:
        try:
            return await self._tell(of, now)
        except DependencyUnavailableError:
            raise
        except Exception:
            # A bug; what other silences held back must not wait for its mending.
            log.exception("what a silence held back could not be told", silence=of.silence_id)
            return 0

    async def _tell(self, of: Ended, now: datetime) -> int:
        async with self._database.write() as tx:
            subscription = await self._subscribed.to_alerts(tx, of.subscription_id)
            if subscription is not None:
                return await _freeze(tx, of, subscription, now)
            old = await _too_old(tx, of, now - NOBODYS_KEPT)
            await held.release(tx, old, None, now)
        if old:
            self._metrics.held_given_up.inc(len(old))
            log.error(
                "held alerts given up: their subscription has been gone for too long",
                subscription=of.subscription_id,
                silence=of.silence_id,
                alerts=len(old),
            )
        return 0


def title_of(silence: Silence | None, alerts: Sequence[AlertMessage], number: int) -> str:
    """`3 alerts were held back while the rule Iran was silenced`. PURE."""
    were = "was" if number == 1 else "were"
    return f"{counted(number)} {were} held back while {_what(silence, alerts)} was silenced"


def lines_of(silence: Silence | None, zone: str) -> Iterator[str]:
    """Who silenced it, for how long and why. PURE."""
    if silence is not None:
        begun, ended = moment(silence.begins_at, zone), moment(silence.ends_at, zone)
        yield f"Silenced from {begun} to {ended}."
        yield f"{silence.author}: {silence.reason}"


def _what(silence: Silence | None, alerts: Sequence[AlertMessage]) -> str:
    if silence is None:
        return "something"
    names = {rule.rule_id: rule.name for alert in alerts for rule in alert.rules}
    match silence.kind:
        case SilenceKind.RULE:
            name = names.get(silence.target, silence.target)
            return f"the rule {clean.line(name, _LONGEST_WHAT)}"
        case SilenceKind.SOURCE:
            return f"the source {clean.line(silence.target, _LONGEST_WHAT)}"
        case SilenceKind.STORY:
            return f"“{clean.line(alerts[0].title, _LONGEST_WHAT)}”" if alerts else "a story"


async def _too_old(tx: AsyncConnection, of: Ended, before: datetime) -> Sequence[str]:
    """What has waited since before then for its subscription; until its end it waited for that."""
    silence = (await silences.by_id(tx, [of.silence_id])).get(of.silence_id)
    if silence is not None and silence.ends_at > before:
        return []
    return await silenced.taken(tx, of, before)


async def _freeze(
    tx: AsyncConnection, of: Ended, subscription: SubscriptionSpec, now: datetime
) -> int:
    """Write the message, if it is time for it and nobody has done so; how many it makes."""
    if quiet_period(subscription.quiet, subscription.zone, now) is not None:
        return 0
    held_ids = await silenced.taken(tx, of)
    if not held_ids:
        return 0
    message = await _message(tx, of, subscription, held_ids, now)
    await deliveries.enqueue(tx, [new_delivery(message, subscription)], now)
    await held.release(tx, held_ids, message.delivery_id, now)
    log.info(
        "a silence has ended",
        silence=of.silence_id,
        subscription=of.subscription_id,
        alerts=len(held_ids),
    )
    return 1


async def _message(
    tx: AsyncConnection,
    of: Ended,
    subscription: SubscriptionSpec,
    held_ids: Sequence[str],
    now: datetime,
) -> SummaryMessage:
    silence = (await silences.by_id(tx, [of.silence_id])).get(of.silence_id)
    alerts = [a for a in map(_alert, await held.contents(tx, held_ids[-_MOST_READ:])) if a]
    key = summary_key("silence", of.silence_id, subscription.id)
    # More than once only where a judge wrote in the moment of the end.
    sequences: Mapping[str, int] = await judgements.next_sequences(tx, key, [subscription.id])
    number = sequences[subscription.id]
    ids = DeliveryIds(delivery_id(key, subscription.id, number), key, subscription.id, number)
    occasion = Occasion(
        SummaryKind.SILENCE,
        title_of(silence, alerts, len(held_ids)),
        now,
        tuple(lines_of(silence, subscription.zone)),
    )
    summary = compose_summary(occasion, alerts, ids, subscription.zone)
    unread = len(held_ids) - len(alerts)
    return summary.model_copy(update={"left_out": summary.left_out + unread})


def _alert(content: held.Content) -> AlertMessage | None:
    try:
        return AlertMessage.decode(content.message)
    except MalformedMessageError as error:
        log.error("a held alert cannot be read", held=content.held_id, error=str(error))
        return None  # it is counted
