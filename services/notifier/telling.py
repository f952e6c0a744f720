"""Who is told of a story's new alerts: within the judge's transaction, a row for each message.

Who is addressed is `policy`'s decision, what a message says that of `composing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import SubscriptionSpec
from schemas.matches import ArticleMatches, RuleMatch
from services.notifier.composing import compose
from services.notifier.message import DeliveryIds
from services.notifier.names import delivery_id
from services.notifier.policy import addressed
from services.store import deliveries, judgements, written
from services.store.written import Kind

_SUBSCRIPTION = TypeAdapter(SubscriptionSpec)


@dataclass(frozen=True, slots=True)
class Tale:
    """A report in its story, and the rules that the story had not met before."""

    message: ArticleMatches
    story_id: str
    new: Sequence[RuleMatch]


class Telling:
    """Turns new alerts into messages; remembers the subscriptions in force."""

    def __init__(self) -> None:
        self._subscriptions: tuple[int, Sequence[SubscriptionSpec]] = (0, ())

    async def tell(self, tx: AsyncConnection, tale: Tale, now: datetime) -> None:
        """Write down what is to be sent to whom."""
        told = addressed(await self._current(tx), tale.new)
        sequences = await judgements.next_sequences(tx, tale.story_id, [s.id for s in told])
        rows = [_delivery(tale, s, rules, sequences[s.id]) for s, rules in told.items()]
        await deliveries.enqueue(tx, rows, now)

    async def _current(self, tx: AsyncConnection) -> Sequence[SubscriptionSpec]:
        generation = await written.counter(tx, written.GENERATION)
        if generation != self._subscriptions[0]:
            stored = await written.items(tx, Kind.SUBSCRIPTIONS)
            specs = [_SUBSCRIPTION.validate_python(dict(item.spec)) for item in stored.values()]
            self._subscriptions = (generation, specs)
        return self._subscriptions[1]


def _delivery(
    tale: Tale, subscription: SubscriptionSpec, rule_ids: Sequence[str], sequence: int
) -> deliveries.NewDelivery:
    story = tale.story_id
    identity = delivery_id(story, subscription.id, sequence)
    ids = DeliveryIds(identity, story, subscription.id, sequence)
    content = compose(tale.message, rule_ids, ids, subscription.zone).encode()
    return deliveries.NewDelivery(
        identity, story, subscription.id, sequence, subscription.channel, content
    )
