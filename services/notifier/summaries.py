"""What a message of several alerts says: which it shows, in what order, under which title. PURE.

Leaves to `holding` which alerts come together and when, and to `render` how they look.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from schemas.rule import Severity
from services.notifier import clean
from services.notifier.message import (
    LONGEST_TITLE,
    MOST_ITEMS,
    AlertMessage,
    DeliveryIds,
    SummaryKind,
    SummaryMessage,
)

_RISING = list(Severity)
_MOST_RULES = 5
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September")
_LAST_MONTHS = ("October", "November", "December")


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why alerts come together, in words; `lines` say more than the title."""

    kind: SummaryKind
    title: str
    raised_at: datetime
    lines: tuple[str, ...] = ()


def compose_summary(
    occasion: Occasion, alerts: Sequence[AlertMessage], ids: DeliveryIds, zone: str
) -> SummaryMessage:
    """The message that tells of `alerts`; those beyond the most that it shows are counted.

    Of each alert it carries one sentence. Where several rules met, a line counts the alerts of
    each.
    """
    shown = sorted(alerts, key=_rank)[:MOST_ITEMS]
    return SummaryMessage(
        delivery_id=ids.delivery_id,
        story_id=ids.story_id,
        subscription_id=ids.subscription_id,
        sequence=ids.sequence,
        kind=occasion.kind,
        title=clean.line(occasion.title, LONGEST_TITLE),
        lines=(*occasion.lines, *_by_rule(alerts)),
        items=tuple(alert.model_copy(update={"excerpts": alert.excerpts[:1]}) for alert in shown),
        left_out=len(alerts) - len(shown),
        raised_at=occasion.raised_at,
        zone=zone,
    )


def counted(alerts: int) -> str:
    """`1 alert`, `12 alerts`."""
    return f"{alerts} alert{'' if alerts == 1 else 's'}"


def digest_title(day: date, weekly: bool, alerts: int) -> str:
    """`Daily digest, Saturday 28 November: 12 alerts`."""
    often = "Weekly" if weekly else "Daily"
    named = f"{_DAYS[day.weekday()]} {day.day} {(_MONTHS + _LAST_MONTHS)[day.month - 1]}"
    return f"{often} digest, {named}: {counted(alerts)}"


def quiet_title(start: str, end: str, alerts: int) -> str:
    """`7 alerts from quiet hours, 22:00 to 07:00`."""
    return f"{counted(alerts)} from quiet hours, {start} to {end}"


def _rank(alert: AlertMessage) -> tuple[int, float, str]:
    gravest = max((_RISING.index(rule.severity) for rule in alert.rules), default=-1)
    return -gravest, -alert.first_seen_at.timestamp(), alert.delivery_id


def _by_rule(alerts: Sequence[AlertMessage]) -> Iterator[str]:
    names = {rule.rule_id: rule.name for alert in alerts for rule in alert.rules}
    counts = Counter(rule.rule_id for alert in alerts for rule in alert.rules)
    if len(counts) < 2 or len(alerts) < 2:
        return
    most = sorted(counts, key=lambda rule: (-counts[rule], names[rule]))
    told = [f"{clean.line(names[rule], 60)} {counts[rule]}" for rule in most[:_MOST_RULES]]
    more = len(most) - len(told)
    yield ", ".join(told) + (f" and {more} more rule{'' if more == 1 else 's'}" if more else "")
