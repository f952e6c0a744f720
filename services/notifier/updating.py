"""What is done about messages already told when another report joins their story.

Within the judge's transaction: what still waits is rewritten; what went out is updated, where
its channel can change what it sent; one follow-up is queued where it cannot and the
subscription asks for it. Which it is, is decided in pure code; who else reports a story is
`others`' decision, and how an update looks that of `render`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import ChannelSpec, SlackSpec, SubscriptionSpec, WebhookSpec
from schemas.message import MalformedMessageError
from services.notifier.holding.times import after_quiet
from services.notifier.message import AlertMessage
from services.notifier.names import delivery_id
from services.notifier.others import says_more, with_others
from services.notifier.silencing import story_is_silent
from services.notifier.subscribed import Subscribed
from services.store import deliveries, judgements, silences, unsubscribed, updates, written
from services.store.deliveries import DeliveryKind, DeliveryState, NewDelivery
from services.store.stories import Told
from services.store.updates import Sent
from services.store.written import Kind, StoredItem

log = structlog.get_logger()

FOLLOW_UP_AFTER = timedelta(minutes=5)
"""So long a follow-up gathers further reports: most copies come within minutes."""

_CHANNEL: TypeAdapter[ChannelSpec] = TypeAdapter(ChannelSpec)
_NOT_OUT = frozenset({DeliveryState.FAILED, DeliveryState.DISCARDED})


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A row that has not been sent says more now."""

    delivery_id: str
    message: AlertMessage


@dataclass(frozen=True, slots=True)
class Queued:
    """An update is to be sent, of what `original` told, not before `due_at`."""

    original: Sent
    message: AlertMessage
    due_at: datetime | None = None


def can_update(channel: ChannelSpec) -> bool:
    """Whether a channel can say more without telling everybody again. PURE."""
    if isinstance(channel, SlackSpec):
        return channel.token is not None
    return isinstance(channel, WebhookSpec)  # an event of its own, read by a machine


def steps_for(
    rows: Sequence[Sent],
    wanted: SubscriptionSpec | None,
    channels: Mapping[str, ChannelSpec],
    told: Sequence[Told],
    now: datetime,
) -> Iterator[Rewritten | Queued]:
    """What is done about the messages of one subscription about one story. PURE.

    `wanted` is the subscription, None where nobody is to hear more; `channels` are those in force.
    """
    alerts = [row for row in rows if row.kind is DeliveryKind.ALERT]
    for row in alerts:
        if row.free:
            yield from _rewritten(row, told)
    original = next((row for row in alerts if row.state not in _NOT_OUT), None)
    channel = channels.get(original.channel_id) if original is not None else None
    if original is None or original.free or wanted is None or channel is None:
        return
    earlier = [row for row in rows if row.kind is DeliveryKind.UPDATE]
    if can_update(channel) and wanted.updates != "none":
        same = [row for row in earlier if row.updates == original.delivery_id]
        yield from _update(original, same, told, None)
    elif wanted.updates == "follow-up" and all(row.free for row in earlier):
        due_at = after_quiet(wanted.quiet, wanted.zone, now + FOLLOW_UP_AFTER)
        yield from _update(original, earlier, told, due_at)


def _update(
    original: Sent, earlier: Sequence[Sent], told: Sequence[Told], due_at: datetime | None
) -> Iterator[Rewritten | Queued]:
    waiting = next((row for row in earlier if row.free and row.state not in _NOT_OUT), None)
    if waiting is not None:
        yield from _rewritten(waiting, told)
        return
    latest = _read(earlier[-1] if earlier else original)
    first = _read(original)
    if latest is None or first is None:
        return
    new = with_others(first, told)
    if says_more(new, latest):
        yield Queued(original, new, due_at)


def _rewritten(row: Sent, told: Sequence[Told]) -> Iterator[Rewritten]:
    old = _read(row)
    if old is not None:
        new = with_others(old, told)
        if says_more(new, old):
            yield Rewritten(row.delivery_id, new)


def _read(row: Sent) -> AlertMessage | None:
    return _alert(row.message)


def _alert(stored: bytes) -> AlertMessage | None:
    try:
        return AlertMessage.decode(stored)
    except MalformedMessageError:
        return None  # the sender will say so


class Updating:
    """Changes and queues what tells more of a story; remembers subscriptions and channels."""

    def __init__(self) -> None:
        self._subscribed = Subscribed()
        self._channels: tuple[int, Mapping[str, ChannelSpec]] = (-1, {})

    async def update(
        self, tx: AsyncConnection, told: Mapping[str, Sequence[Told]], now: datetime
    ) -> None:
        """Bring what was told of stories up to date; `told` are the reports of each."""
        if not told:
            return
        await _rewrite_held(tx, told)
        rows: dict[str, list[Sent]] = {}
        for row in await updates.sent_about(tx, told):
            rows.setdefault(row.story_id, []).append(row)
        if not rows:
            return
        readers = await self._readers(tx, rows, now)
        channels = await self._channels_in_force(tx)
        for story_id, about in rows.items():
            steps = list(_steps(about, readers[story_id], channels, told[story_id], now))
            for step in steps:
                if isinstance(step, Rewritten):
                    await updates.rewrite(tx, step.delivery_id, step.message.encode())
            queued = [step for step in steps if isinstance(step, Queued)]
            await _enqueue(tx, story_id, queued, now)

    async def _readers(
        self, tx: AsyncConnection, story_ids: Iterable[str], now: datetime
    ) -> Mapping[str, Mapping[str, SubscriptionSpec]]:
        """The subscriptions that may hear more of a story: not those who wanted no more of it."""
        active, left = await silences.active(tx, now), await unsubscribed.wholly(tx)
        present = [s for s in await self._subscribed.current(tx) if s.id not in left]
        return {
            story: {s.id: s for s in present if not story_is_silent(active, story, s.id, now)}
            for story in story_ids
        }

    async def _channels_in_force(self, tx: AsyncConnection) -> Mapping[str, ChannelSpec]:
        generation = await written.counter(tx, written.GENERATION)
        if generation != self._channels[0]:
            stored = await written.items(tx, Kind.CHANNELS)
            self._channels = (generation, _readable(stored))
        return self._channels[1]


def _steps(
    rows: Sequence[Sent],
    readers: Mapping[str, SubscriptionSpec],
    channels: Mapping[str, ChannelSpec],
    told: Sequence[Told],
    now: datetime,
) -> Iterator[Rewritten | Queued]:
    for subscription_id in dict.fromkeys(row.subscription_id for row in rows):
        own = [row for row in rows if row.subscription_id == subscription_id]
        yield from steps_for(own, readers.get(subscription_id), channels, told, now)


def _readable(stored: Mapping[str, StoredItem]) -> Mapping[str, ChannelSpec]:
    """The channels that this version knows: for want of an update no alert is held up."""
    specs: dict[str, ChannelSpec] = {}
    for channel_id, item in stored.items():
        try:
            specs[channel_id] = _CHANNEL.validate_python(dict(item.spec))
        except ValidationError:
            log.error("a stored channel cannot be read: it gets no updates", channel=channel_id)
    return specs


async def _rewrite_held(tx: AsyncConnection, told: Mapping[str, Sequence[Told]]) -> None:
    for row in await updates.held_about(tx, told):
        old = _alert(row.message)
        new = with_others(old, told[row.story_id]) if old is not None else None
        if old is not None and new is not None and says_more(new, old):
            await updates.rewrite_held(tx, row.held_id, new.encode())


async def _enqueue(
    tx: AsyncConnection, story_id: str, queued: Sequence[Queued], now: datetime
) -> None:
    if not queued:
        return
    readers = [one.original.subscription_id for one in queued]
    sequences = await judgements.next_sequences(tx, story_id, readers)
    rows = [_row(one, story_id, sequences[one.original.subscription_id]) for one in queued]
    await deliveries.enqueue(tx, rows, now)


def _row(queued: Queued, story_id: str, sequence: int) -> NewDelivery:
    original = queued.original
    identity = delivery_id(story_id, original.subscription_id, sequence)
    facts = {
        "delivery_id": identity,
        "sequence": sequence,
        "update": True,
        "updates": original.delivery_id,
    }
    return NewDelivery(
        delivery_id=identity,
        story_id=story_id,
        subscription_id=original.subscription_id,
        sequence=sequence,
        channel_id=original.channel_id,
        message=queued.message.model_copy(update=facts).encode(),
        kind=DeliveryKind.UPDATE,
        updates=original.delivery_id,
        due_at=queued.due_at,
    )
