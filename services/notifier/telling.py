"""Who is told of a story's new alerts, and how: within the judge's transaction, a row for each
message, in the queue or among what is held.

Who is addressed is `policy`'s decision, what is silenced that of `silencing`, what is held that
of `holding`, what a message says that of `composing`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import SubscriptionSpec
from schemas.matches import ArticleMatches, RuleMatch
from services.notifier.composing import compose
from services.notifier.gathered import new_delivery
from services.notifier.holding import Held, Now, Part, disposed, flood_key, hour_of, is_urgent
from services.notifier.message import AlertMessage, DeliveryIds
from services.notifier.names import delivery_id
from services.notifier.occasions import flood_begins
from services.notifier.policy import addressed
from services.notifier.silencing import silence_over, subject_of
from services.notifier.subscribed import Subscribed
from services.notifier.summaries import compose_summary
from services.store import deliveries, held, judgements, silences, stories, told, unsubscribed
from services.store.deliveries import NewDelivery
from services.store.held import NewHeld, Why
from services.store.silences import Silence
from services.store.told import Told

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tale:
    """A report in its story, and the rules that the story had not met before.

    `reports` are all of the story, and of those beside it, as far as they are to be named.
    """

    message: ArticleMatches
    story_id: str
    new: Sequence[RuleMatch]
    reports: Sequence[stories.Told] = ()


@dataclass(frozen=True, slots=True)
class _Facts:
    """The subscriptions, those that were left wholly, and the silences."""

    subscriptions: Sequence[SubscriptionSpec]
    left: frozenset[str]
    active: Sequence[Silence]


@dataclass(frozen=True, slots=True)
class _Message:
    """One message to one subscription, and what becomes of it."""

    subscription: SubscriptionSpec
    part: Part
    content: AlertMessage


class Telling:
    """Turns new alerts into messages; remembers the subscriptions in force."""

    def __init__(self) -> None:
        self._subscribed = Subscribed()
        self._facts: tuple[AsyncConnection, _Facts] | None = None

    async def tell(self, tx: AsyncConnection, tale: Tale, now: datetime) -> int:
        """Write down what is to be sent to whom, and what is held; how many a silence held."""
        if not tale.new:
            return 0
        facts = await self._facts_in(tx, now)
        audience = addressed(facts.subscriptions, tale.new)
        audience = _without_those_who_left(audience, facts.left)
        if not audience:
            return 0
        sequences = await judgements.next_sequences(tx, tale.story_id, [s.id for s in audience])
        at_once = await _at_once(tx, audience, now)
        messages: list[_Message] = []
        for subscription, rule_ids in audience.items():
            met = [match for match in tale.new if match.rule_id in rule_ids]
            silenced = _silenced(facts.active, tale, subscription, now)
            counts = at_once.get(subscription.id, {})
            parts = disposed(subscription, met, silenced, counts, now)
            messages += _composed(tale, subscription, parts, sequences[subscription.id])
        await _write(tx, messages, now)
        return sum(_is_silenced(message) for message in messages)

    async def _facts_in(self, tx: AsyncConnection, now: datetime) -> "_Facts":
        """What is in force, read once for all that one transaction judges."""
        if self._facts is None or self._facts[0] is not tx:
            subscriptions = await self._subscribed.current(tx)
            left, active = await unsubscribed.wholly(tx), await silences.active(tx, now)
            self._facts = (tx, _Facts(subscriptions, left, active))
        return self._facts[1]


def _without_those_who_left(
    audience: Mapping[SubscriptionSpec, tuple[str, ...]], left: frozenset[str]
) -> Mapping[SubscriptionSpec, tuple[str, ...]]:
    """Those who are told: not the subscriptions that somebody has unsubscribed wholly."""
    for subscription in audience:
        if subscription.id in left:
            log.info("nobody is told: unsubscribed", subscription=subscription.id)
    return {s: rule_ids for s, rule_ids in audience.items() if s.id not in left}


def _is_silenced(message: _Message) -> bool:
    disposition = message.part.disposition
    return isinstance(disposition, Held) and disposition.why is Why.SILENCE


def _silenced(
    active: Sequence[Silence], tale: Tale, subscription: SubscriptionSpec, now: datetime
) -> Mapping[str, str]:
    """The silence of each rule that this subscription is not to hear of."""
    if not active:
        return {}
    subject = subject_of(tale.message.article, tale.story_id)
    over = {
        m.rule_id: silence_over(active, subject, m.rule_id, subscription.id, now) for m in tale.new
    }
    return {rule: silence.silence_id for rule, silence in over.items() if silence is not None}


async def _at_once(
    tx: AsyncConnection, audience: Mapping[SubscriptionSpec, Sequence[str]], now: datetime
) -> Mapping[str, Mapping[str, int]]:
    """How many alerts of each rule a subscription was told of at once this hour, if it asks."""
    capped: dict[datetime, list[str]] = {}
    for subscription in audience:
        if subscription.cap is not None:
            hour = hour_of(now, subscription.zone)
            capped.setdefault(hour.start, []).append(subscription.id)
    counts: dict[str, Mapping[str, int]] = {}
    for since, subscription_ids in capped.items():  # zones of half an hour have hours of their own
        counts.update(await told.at_once_since(tx, subscription_ids, since))
    return counts


def _composed(
    tale: Tale, subscription: SubscriptionSpec, parts: Sequence[Part], sequence: int
) -> Sequence[_Message]:
    messages = []
    for number, part in enumerate(parts, sequence):
        identity = delivery_id(tale.story_id, subscription.id, number)
        ids = DeliveryIds(identity, tale.story_id, subscription.id, number)
        content = compose(tale.message, part.rule_ids, ids, subscription.zone, told=tale.reports)
        messages.append(_Message(subscription, part, content))
    return messages


async def _write(tx: AsyncConnection, messages: Sequence[_Message], now: datetime) -> None:
    at_once = [m for m in messages if isinstance(m.part.disposition, Now)]
    await deliveries.enqueue(tx, [new_delivery(m.content, m.subscription) for m in at_once], now)
    await held.hold(tx, [row for m in messages for row in _held(m)], now)
    floods = [notice for m in messages for notice in _flood_begins(m, now)]
    await deliveries.enqueue_missing(tx, floods, now)
    await told.write(tx, [row for m in messages for row in _told(m)], now)


def _held(message: _Message) -> Iterator[NewHeld]:
    disposition, content = message.part.disposition, message.content
    if isinstance(disposition, Held):
        yield NewHeld(
            content.delivery_id,
            content.story_id,
            content.subscription_id,
            content.sequence,
            disposition.why,
            message.part.rule_ids,
            content.encode(),
            is_urgent(message.part.met),
            disposition.flooding,
            disposition.silence_id,
        )


def _flood_begins(message: _Message, now: datetime) -> Iterator[NewDelivery]:
    """The notice that a rule is over its cap: the same for each of the hour's alerts."""
    disposition, subscription = message.part.disposition, message.subscription
    if isinstance(disposition, Held) and disposition.flooding is not None:
        hour = hour_of(now, subscription.zone)
        key = flood_key(subscription, disposition.flooding, hour)
        rule = next(r for r in message.content.rules if r.rule_id == disposition.flooding)
        ids = DeliveryIds(delivery_id(key, subscription.id, 1), key, subscription.id, 1)
        occasion = flood_begins(rule.name, subscription, hour, now)
        content = compose_summary(occasion, (), ids, subscription.zone)
        yield new_delivery(content, subscription)


def _told(message: _Message) -> Iterator[Told]:
    at_once = isinstance(message.part.disposition, Now)
    for rule_id in message.part.rule_ids:
        yield Told(message.subscription.id, rule_id, message.content.story_id, at_once)
