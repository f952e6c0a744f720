"""The judge: a record of matches becomes a story, alerts and deliveries, all or nothing.

Everything it decides is written in one transaction together with the consumed offset; a
judge that was stopped and overtaken fails there and starts over.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import SubscriptionSpec
from schemas.matches import ArticleMatches, RuleMatch
from schemas.topics import NOTIFIER_GROUP
from services.bus.port import Record
from services.notifier.counted import judging_starts_at_zero
from services.notifier.message import DeliveryIds, compose
from services.notifier.names import alert_id, delivery_id, story_of
from services.notifier.policy import addressed, audible, new_matches
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.runtime.wakeup import Wakeup
from services.store import deliveries, judgements, written
from services.store.database import Database
from services.store.judgements import Alert, Place
from services.store.written import Kind

log = structlog.get_logger()

_SUBSCRIPTION = TypeAdapter(SubscriptionSpec)


class Judge:
    """Turns matches into alerts and deliveries. One judge at a time has a partition."""

    def __init__(self, database: Database, metrics: Metrics, clock: Clock, wake: Wakeup) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._wake = wake
        self._consumed: dict[Place, int] = {}
        self._subscriptions: tuple[int, Sequence[SubscriptionSpec]] = (0, ())
        judging_starts_at_zero(metrics)

    async def handle(self, record: Record) -> None:
        """Judge one record of `matches`; returns when the decision is durable.

        Raises MalformedMessageError for a record that is no message of matches,
        DatabaseUnavailableError, and OvertakenError where another judge has taken over.
        """
        message = ArticleMatches.decode(record.value)
        place = Place(NOTIFIER_GROUP, record.topic, record.partition)
        # Forgotten first: after a failure, and after being overtaken, the database is asked.
        expected = self._consumed.pop(place, None)
        async with self._database.write() as tx:
            if expected is None:
                expected = await judgements.consumed(tx, place)
            await judgements.advance(tx, place, expected, record.offset)
            raised = await self._judge(tx, message)
        self._consumed[place] = record.offset
        self._report(message, raised)

    async def _judge(self, tx: AsyncConnection, message: ArticleMatches) -> list[RuleMatch]:
        now = self._clock()
        story = await self._story(tx, message, now)
        # A record that was judged before is judged again: it raises nothing that was raised,
        # and a replay that a mended or newer rule matches now is no mere repeat.
        new = new_matches(audible(message), await judgements.raised(tx, story))
        await judgements.raise_alerts(tx, [_alert(m, story, message) for m in new], now)
        await self._enqueue(tx, message, story, new)
        return new

    async def _story(self, tx: AsyncConnection, message: ArticleMatches, now: datetime) -> str:
        """The story that this report was placed in before, or is placed in now."""
        article = message.article
        identity = (article.article_id, article.revision, message.part)
        known = await judgements.story_of(tx, *identity)
        if known is not None:
            return known
        story = story_of(article)
        await judgements.place_in_story(tx, story, identity, now)
        return story

    async def _enqueue(
        self, tx: AsyncConnection, message: ArticleMatches, story: str, new: Sequence[RuleMatch]
    ) -> None:
        told = addressed(await self._current_subscriptions(tx), new)
        sequences = await judgements.next_sequences(tx, story, [s.id for s in told])
        rows = [_delivery(message, story, s, rules, sequences[s.id]) for s, rules in told.items()]
        await deliveries.enqueue(tx, rows, self._clock())

    async def _current_subscriptions(self, tx: AsyncConnection) -> Sequence[SubscriptionSpec]:
        generation = await written.counter(tx, written.GENERATION)
        if generation != self._subscriptions[0]:
            stored = await written.items(tx, Kind.SUBSCRIPTIONS)
            specs = [_SUBSCRIPTION.validate_python(dict(item.spec)) for item in stored.values()]
            self._subscriptions = (generation, specs)
        return self._subscriptions[1]

    def _report(self, message: ArticleMatches, raised: Sequence[RuleMatch]) -> None:
        article = message.article
        self._metrics.observe_latency("seen", article.published_at, article.first_seen_at)
        self._metrics.observe_latency("matched", article.seen_at, message.matched_at)
        for match in raised:
            self._metrics.alerts.labels(match.severity.value).inc()
        if raised:
            self._wake.wake()
            log.info(
                "alert raised",
                rules=[m.rule_id for m in raised],
                source=article.source,
                title=article.title[:80],
            )


def _alert(match: RuleMatch, story: str, message: ArticleMatches) -> Alert:
    return Alert(
        alert_id=alert_id(match.rule_id, story),
        rule_id=match.rule_id,
        story_id=story,
        rule_version=match.version,
        severity=match.severity.value,
        article_id=message.article.article_id,
        revision=message.article.revision,
    )


def _delivery(
    message: ArticleMatches,
    story: str,
    subscription: SubscriptionSpec,
    rule_ids: Sequence[str],
    sequence: int,
) -> deliveries.NewDelivery:
    identity = delivery_id(story, subscription.id, sequence)
    ids = DeliveryIds(identity, story, subscription.id, sequence)
    content = compose(message, rule_ids, ids, subscription.zone).encode()
    return deliveries.NewDelivery(
        identity, story, subscription.id, sequence, subscription.channel, content
    )
