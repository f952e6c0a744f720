"""Held messages as the one message that tells them. PURE.

Leaves to `holding` which they are, to `gathering` the record of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.folder import SubscriptionSpec
from schemas.message import MalformedMessageError
from schemas.rule import Severity
from services.notifier.holding import Release
from services.notifier.message import (
    AlertMessage,
    DeliveryIds,
    MatchedRule,
    SummaryKind,
    SummaryMessage,
)
from services.notifier.names import delivery_id
from services.notifier.occasions import occasion_of
from services.notifier.summaries import compose_summary
from services.store.deliveries import DeliveryKind, NewDelivery
from services.store.held import Content

_RISING = list(Severity)
# What a subscription did not ask to have in one message comes as itself if it is alone.
_ALONE = frozenset({SummaryKind.BATCH, SummaryKind.QUIET})


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A held message that cannot be read, and why: it is counted where the others are told."""

    held_id: str
    reason: str


def gathered(
    release: Release,
    subscription: SubscriptionSpec,
    contents: Sequence[Content],
    sequence: int,
    now: datetime,
) -> tuple[NewDelivery, Sequence[Unreadable]]:
    """The delivery that tells these, and those that cannot be read.

    `sequence` is the number of the next message under the release's key.
    """
    alerts, unreadable = _read(contents)
    if len(alerts) == 1 and not unreadable and release.kind in _ALONE:
        return new_delivery(_by_the_clock_of(subscription, alerts[0]), subscription), unreadable
    stories = [_by_the_clock_of(subscription, story) for story in _by_story(alerts)]
    occasion = occasion_of(release, subscription, stories, now, unreadable=len(unreadable))
    identity = delivery_id(release.key, subscription.id, sequence)
    ids = DeliveryIds(identity, release.key, subscription.id, sequence)
    summary = compose_summary(occasion, stories, ids, subscription.zone)
    left_out = summary.left_out + len(unreadable)
    summary = summary.model_copy(update={"left_out": left_out})
    return new_delivery(summary, subscription), unreadable


def new_delivery(
    content: AlertMessage | SummaryMessage, subscription: SubscriptionSpec
) -> NewDelivery:
    """The row of a message that the subscription is sent."""
    alert = isinstance(content, AlertMessage)
    return NewDelivery(
        content.delivery_id,
        content.story_id,
        subscription.id,
        content.sequence,
        subscription.channel,
        content.encode(),
        DeliveryKind.ALERT if alert else DeliveryKind.SUMMARY,
    )


def _read(contents: Iterable[Content]) -> tuple[list[AlertMessage], list[Unreadable]]:
    alerts: list[AlertMessage] = []
    unreadable: list[Unreadable] = []
    for content in contents:
        try:
            alerts.append(AlertMessage.decode(content.message))
        except MalformedMessageError as error:
            unreadable.append(Unreadable(content.held_id, str(error)))
    return alerts, unreadable


def _by_the_clock_of(subscription: SubscriptionSpec, alert: AlertMessage) -> AlertMessage:
    return alert.model_copy(update={"zone": subscription.zone})


def _by_story(alerts: Iterable[AlertMessage]) -> Sequence[AlertMessage]:
    """One alert for each story, which names all the rules that the story met meanwhile."""
    stories: dict[str, AlertMessage] = {}
    for alert in sorted(alerts, key=lambda a: a.sequence):
        first = stories.get(alert.story_id)
        stories[alert.story_id] = alert if first is None else _joined(first, alert)
    return list(stories.values())


def _joined(first: AlertMessage, later: AlertMessage) -> AlertMessage:
    rules = sorted((*first.rules, *later.rules), key=_falling)
    excerpts = first.excerpts if first.rules[:1] == tuple(rules[:1]) else later.excerpts
    return first.model_copy(update={"rules": tuple(rules), "excerpts": excerpts})


def _falling(rule: MatchedRule) -> int:
    return -_RISING.index(rule.severity)
