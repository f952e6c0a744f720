"""Who is told of a story's new alerts, and how: within the judge's transaction, a row for each
message, in the queue or among what is held.

Who is addressed is `policy`'s decision, what is silenced that of `silencing`, what is held that
of `holding`, what a message says that of `composing`.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
    """The silences; how often each rule was told to whom at once; the last numbers by story."""

    active: Sequence[Silence]
    told_at_once: dict[str, dict[str, int]]
    last: Mapping[str, dict[str, int]]

    def counts_of(self, subscription_id: str) -> Mapping[str, int]:
        return self.told_at_once.get(subscription_id, {})

    def count(self, subscription_id: str, rule_ids: Sequence[str]) -> None:
        counts = self.told_at_once.setdefault(subscription_id, {})
        counts.update({rule: counts.get(rule, 0) + 1 for rule in rule_ids})

    def next_sequence(self, story_id: str, subscription_id: str) -> int:
        last = self.last[story_id]
        last[subscription_id] = last.get(subscription_id, 0) + 1
        return last[subscription_id]


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

    async def tell(self, tx: AsyncConnection, tales: Sequence[Tale], now: datetime) -> int:
        """Write down what is to be sent to whom, and what is held; how many a silence held."""
        if not tales:
            return 0
        subscriptions = await self._subscribed.current(tx)
        left = await unsubscribed.wholly(tx)
        addressees = [_addressees(tale, subscriptions, left) for tale in tales]
        audience = {subscription for one in addressees for subscription in one}
        if not audience:
            return 0
        facts = _Facts(
            await silences.active(tx, now),
            await _at_once(tx, audience, now),
            await judgements.last_sequences(tx, {tale.story_id for tale in tales}),
        )
        messages: list[_Message] = []
        for tale, addressed_by in zip(tales, addressees, strict=True):
            messages += _messages(tale, addressed_by, facts, now)
            await asyncio.sleep(0)  # others of the process have their turn, too
        await _write(tx, messages, now)
        return sum(_is_silenced(message) for message in messages)


def _addressees(
    tale: Tale, subscriptions: Sequence[SubscriptionSpec], left: frozenset[str]
) -> Mapping[SubscriptionSpec, tuple[str, ...]]:
    return _without_those_who_left(addressed(subscriptions, tale.new), left)


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
    tx: AsyncConnection, audience: Collection[SubscriptionSpec], now: datetime
) -> dict[str, dict[str, int]]:
    """How many alerts of each rule a subscription was told of at once this hour, if it asks."""
    capped: dict[datetime, list[str]] = {}
    for subscription in audience:
        if subscription.cap is not None:
            hour = hour_of(now, subscription.zone)
            capped.setdefault(hour.start, []).append(subscription.id)
    counts: dict[str, dict[str, int]] = {}
    for since, subscription_ids in capped.items():  # zones of half an hour have hours of their own
        found = await told.at_once_since(tx, subscription_ids, since)
        counts |= {subscription: dict(rules) for subscription, rules in found.items()}
    return counts


def _messages(
    tale: Tale,
    addressees: Mapping[SubscriptionSpec, Collection[str]],
    facts: _Facts,
    now: datetime,
) -> Sequence[_Message]:
    """The messages about one tale; `facts` learn of them, for the tales that follow."""
    messages: list[_Message] = []
    composed = _Composed(tale)
    for subscription, rule_ids in addressees.items():
        met = [match for match in tale.new if match.rule_id in rule_ids]
        silenced = _silenced(facts.active, tale, subscription, now)
        for part in disposed(subscription, met, silenced, facts.counts_of(subscription.id), now):
            number = facts.next_sequence(tale.story_id, subscription.id)
            messages.append(
                _Message(subscription, part, composed.for_one(subscription, part, number))
            )
            if isinstance(part.disposition, Now):
                facts.count(subscription.id, part.rule_ids)
    return messages


@dataclass(slots=True)
class _Composed:
    """What there is to say of a tale; whoever is told the same gets the same."""

    tale: Tale
    _said: dict[tuple[tuple[str, ...], str], AlertMessage] = field(default_factory=dict)

    def for_one(self, subscription: SubscriptionSpec, part: Part, number: int) -> AlertMessage:
        tale, key = self.tale, (part.rule_ids, subscription.zone)
        identity = delivery_id(tale.story_id, subscription.id, number)
        ids = DeliveryIds(identity, tale.story_id, subscription.id, number)
        said = self._said.get(key)
        if said is None:
            said = compose(tale.message, part.rule_ids, ids, subscription.zone, told=tale.reports)
            self._said[key] = said
        return said.model_copy(update=asdict(ids))


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
