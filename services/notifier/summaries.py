"""What a message of several alerts says: which of them it shows, and in what order. PURE.

Leaves to `holding` which alerts come together and when, to `occasions` how that is put, and to
`render` how it looks.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

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
