"""What became of the messages about an article, and why there was none for somebody. PURE."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.embedded.why.words import at_time, delivery_line
from services.store.deliveries import DeliveryState
from services.store.held import Why
from services.store.lookups import StoryDelivery, StoryHeld
from services.store.silences import Silence

_HELD_FOR = {
    Why.BATCH.value: "gathered for a batch",
    Why.DIGEST.value: "gathered for a digest",
    Why.QUIET.value: "held for the end of quiet hours",
    Why.CAP.value: "held, for its rule is over the cap of this hour",
    Why.SILENCE.value: "silenced",
}


@dataclass(frozen=True, slots=True)
class Messages:
    """What was sent or is held, with the silences that hold some of it.

    `expected` is when what is held is told, by its id, where its subscription is there.
    """

    sent: Sequence[StoryDelivery] = ()
    held: Sequence[StoryHeld] = ()
    silences: Mapping[str, Silence] = field(default_factory=dict)
    expected: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def rows(self) -> Sequence[StoryDelivery | StoryHeld]:
        """All of them."""
        return [*self.sent, *self.held]


@dataclass(frozen=True, slots=True)
class Audience:
    """By subscription as it stands now whether it selects the rules; who is `left` out wholly."""

    wanting: Mapping[str, bool]
    left: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ending:
    """What the messages came to; `lines` has each of them."""

    because: str
    lines: tuple[str, ...] = ()
    told: bool = False
    waits: bool = False


def ending(messages: Messages, audience: Audience, most: int) -> Ending:
    """Whether somebody was told, or is going to be; `most` bounds the lines of who was not."""
    if not messages.sent and not messages.held:
        return Ending(_nobody(audience))
    lines = (
        *map(delivery_line, messages.sent),
        *(_held_line(row, messages) for row in messages.held),
        *list(_others(messages, audience))[:most],
    )
    states = {row.state for row in messages.rows}
    if DeliveryState.DELIVERED.value in states:
        delivered = DeliveryState.DELIVERED.value
        told = [row.subscription_id for row in messages.rows if row.state == delivered]
        return Ending(f"told to {', '.join(dict.fromkeys(told))}", lines, told=True)
    if DeliveryState.PENDING.value in states:
        return Ending("the message waits to be sent", lines, waits=True)
    still = [row for row in messages.held if row.released_at is None]
    if still:
        return Ending(_held_words(still[0], messages), lines, waits=True)
    discarded = states <= {DeliveryState.DISCARDED.value, None}
    return Ending(f"the message was {'discarded' if discarded else 'given up'}", lines)


def _nobody(audience: Audience) -> str:
    wanting = [subscription for subscription, wants in audience.wanting.items() if wants]
    gone = [subscription for subscription in wanting if subscription in audience.left]
    if gone:
        return f"no message was made; {', '.join(gone)} is unsubscribed (subscriptions restore)"
    if wanting:
        return f"no message was made; {', '.join(wanting)} selects the rule only since then"
    return "no subscription selects the rules that matched"


def _others(messages: Messages, audience: Audience) -> Iterator[str]:
    addressed = {row.subscription_id for row in messages.rows}
    for subscription, wants in audience.wanting.items():
        if subscription in addressed:
            continue
        if wants and subscription in audience.left:
            yield f"{subscription}: unsubscribed, nobody gets its messages"
        elif wants:
            yield f"{subscription}: selects these rules only since then"
        else:
            yield f"{subscription}: selects none of these rules"


def _held_line(row: StoryHeld, messages: Messages) -> str:
    words = _held_words(row, messages)
    if row.released_at is None:
        return f"{row.subscription_id}: {words}"
    if row.delivery_id is None:
        return f"{row.subscription_id}: {words}; the subscription was gone then"
    if row.state == DeliveryState.DELIVERED.value and row.told_at is not None:
        return f"{row.subscription_id}: {words}; told with others {at_time(row.told_at)}"
    return f"{row.subscription_id}: {words}; told in {row.delivery_id}, {row.state or 'gone'}"


def _held_words(row: StoryHeld, messages: Messages) -> str:
    words = f"{_HELD_FOR.get(row.why, 'held')} {at_time(row.held_at)}"
    silence = messages.silences.get(row.silence_id or "")
    if silence is not None:
        until = f"until {at_time(silence.ends_at)}"
        return f"{words} {until} by {silence.author}: {silence.reason} ({silence.silence_id})"
    if row.released_at is not None or row.why == Why.SILENCE.value:
        return words
    if row.held_id not in messages.expected:
        return f"{words}; its subscription is not there, it is told if that comes back"
    return f"{words}; told {at_time(messages.expected[row.held_id])} at the latest"
