"""Which held messages are told together now. PURE.

Follows from the subscription as it is now, not as it was when they were held: one that has
become instant tells them at once, one that has become a digest gathers them. Nothing is told
in quiet hours but urgent alerts that pass; a digest that falls due in them waits for their end.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import assert_never

from schemas.folder import SubscriptionSpec
from schemas.subscriptions import Batch, Digest
from services.notifier.holding.disposition import hour_of
from services.notifier.holding.times import (
    Period,
    after_quiet,
    last_digest,
    last_quiet_end,
    next_digest,
    quiet_period,
)
from services.notifier.message import SummaryKind
from services.notifier.names import summary_key
from services.store.held import Waiting, Why


@dataclass(frozen=True, slots=True)
class Release:
    """Held messages that are told together, under a key that is the same whoever looks.

    `day` is that of a digest; `hour` and `flooding` are those of a flood; `since` is when the
    first of them was held.
    """

    kind: SummaryKind
    key: str
    held_ids: tuple[str, ...]
    since: datetime
    day: date | None = None
    hour: Period | None = None
    flooding: str | None = None


def releases(
    subscription: SubscriptionSpec, waiting: Iterable[Waiting], now: datetime
) -> Sequence[Release]:
    """What is told now of what waits for the subscription. Silenced messages are not asked about.

    Of rows that differ in nothing but their age the oldest decides: if it is not due, none is.
    """
    rows = sorted(waiting, key=lambda row: (row.held_at, row.held_id))
    match subscription.mode:
        case Digest():
            found = _digest(subscription, subscription.mode, rows, now)
        case Batch(minutes=minutes):
            found = _batch(subscription, timedelta(minutes=minutes), rows, now)
        case "instant":
            found = _instant(subscription, rows, now)
        case _:
            assert_never(subscription.mode)
    return tuple(found)


def expected_at(subscription: SubscriptionSpec, row: Waiting, now: datetime) -> datetime:
    """When a held message is told if nothing changes: that of a batch at the latest."""
    due = max(_due_at(subscription, row), now)
    return due if _passes(subscription, row) else _after_quiet(subscription, due)


def flood_key(subscription: SubscriptionSpec, rule_id: str, hour: Period) -> str:
    """The key of what is told of a rule's flood in an hour."""
    return summary_key("flood", subscription.id, rule_id, hour.start.isoformat())


def _due_at(subscription: SubscriptionSpec, row: Waiting) -> datetime:
    match subscription.mode:
        case Digest():
            return next_digest(subscription.mode, subscription.zone, row.held_at)
        case Batch(minutes=minutes):
            return row.held_at + timedelta(minutes=minutes)
        case "instant":
            flood = row.why is Why.CAP
            return hour_of(row.held_at, subscription.zone).end if flood else row.held_at
        case _:
            assert_never(subscription.mode)


def _digest(
    subscription: SubscriptionSpec, digest: Digest, rows: Sequence[Waiting], now: datetime
) -> Iterator[Release]:
    if _is_quiet(subscription, now):
        return
    day, at = last_digest(digest, subscription.zone, now)
    # What was held since then is for the next one, also where this one is late.
    told = [row for row in rows if row.held_at < at]
    key = summary_key("digest", subscription.id, day.isoformat())
    yield from _release(SummaryKind.DIGEST, key, told, day=day)


def _batch(
    subscription: SubscriptionSpec, length: timedelta, rows: Sequence[Waiting], now: datetime
) -> Iterator[Release]:
    told = _audible(subscription, rows, now)
    if told and told[0].held_at + length <= now:
        yield from _release(SummaryKind.BATCH, _first_key(subscription, told), told)


def _instant(
    subscription: SubscriptionSpec, rows: Sequence[Waiting], now: datetime
) -> Iterator[Release]:
    audible = _audible(subscription, rows, now)
    yield from _floods(subscription, [row for row in audible if row.why is Why.CAP], now)
    told = [row for row in audible if row.why is not Why.CAP]
    end = last_quiet_end(subscription.quiet, subscription.zone, now)
    if end is not None and all(row.why is Why.QUIET for row in told):
        key = summary_key("quiet", subscription.id, end.isoformat())
        yield from _release(SummaryKind.QUIET, key, told)
    else:
        yield from _release(SummaryKind.BATCH, _first_key(subscription, told), told)


def _floods(
    subscription: SubscriptionSpec, rows: Sequence[Waiting], now: datetime
) -> Iterator[Release]:
    def which(row: Waiting) -> tuple[datetime, str]:
        return hour_of(row.held_at, subscription.zone).start, row.flooding or ""

    for (_, rule), group in groupby(sorted(rows, key=which), which):
        told = list(group)
        hour = hour_of(told[0].held_at, subscription.zone)
        if hour.end <= now:
            key = flood_key(subscription, rule, hour)
            yield from _release(SummaryKind.FLOOD, key, told, hour=hour, flooding=rule)


def _release(
    kind: SummaryKind,
    key: str,
    rows: Sequence[Waiting],
    *,
    day: date | None = None,
    hour: Period | None = None,
    flooding: str | None = None,
) -> Iterator[Release]:
    if rows:
        ids = tuple(row.held_id for row in rows)
        yield Release(kind, key, ids, rows[0].held_at, day, hour, flooding)


def _first_key(subscription: SubscriptionSpec, rows: Sequence[Waiting]) -> str:
    return summary_key("batch", subscription.id, rows[0].held_id if rows else "")


def _audible(
    subscription: SubscriptionSpec, rows: Sequence[Waiting], now: datetime
) -> Sequence[Waiting]:
    if not _is_quiet(subscription, now):
        return rows
    return [row for row in rows if _passes(subscription, row)]


def _passes(subscription: SubscriptionSpec, row: Waiting) -> bool:
    """Whether quiet hours do not keep it back; a digest is one message and waits as a whole."""
    quiet, mode = subscription.quiet, subscription.mode
    may_pass = quiet is not None and quiet.urgent == "pass" and not isinstance(mode, Digest)
    return row.urgent and may_pass


def _is_quiet(subscription: SubscriptionSpec, now: datetime) -> bool:
    return quiet_period(subscription.quiet, subscription.zone, now) is not None


def _after_quiet(subscription: SubscriptionSpec, at: datetime) -> datetime:
    return after_quiet(subscription.quiet, subscription.zone, at)
