"""Why several alerts come as one message, in words for the subscriber's clock. PURE."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from schemas.folder import SubscriptionSpec
from schemas.subscriptions import Digest, Quiet
from services.notifier import clean
from services.notifier.holding import Release
from services.notifier.holding.times import Period
from services.notifier.message import AlertMessage, SummaryKind
from services.notifier.render.wording import short_moment
from services.notifier.summaries import Occasion

_LONGEST_RULE = 80
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)


def occasion_of(
    release: Release,
    subscription: SubscriptionSpec,
    alerts: Sequence[AlertMessage],
    now: datetime,
    *,
    unreadable: int = 0,
) -> Occasion:
    """Why these alerts are told together now; those that cannot be read are counted with them."""
    number = len(alerts) + unreadable
    return Occasion(release.kind, _title(release, subscription, alerts, number), now)


def flood_begins(
    rule: str, subscription: SubscriptionSpec, hour: Period, now: datetime
) -> Occasion:
    """That a rule is over its cap, and what becomes of its further alerts."""
    name, start, end = clean.line(rule, _LONGEST_RULE), *_clock(hour, subscription.zone)
    title = f"{name}: more than {counted(subscription.cap or 0)} since {start}"
    further = f"Its further alerts of this hour come as one message at {end}."
    return Occasion(SummaryKind.FLOOD_BEGINS, title, now, (further,))


def counted(alerts: int) -> str:
    """`1 alert`, `12 alerts`."""
    return f"{alerts} alert{'' if alerts == 1 else 's'}"


def digest_title(day: date, weekly: bool, alerts: int) -> str:
    """`Daily digest, Saturday 28 November: 12 alerts`."""
    often = "Weekly" if weekly else "Daily"
    named = f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"
    return f"{often} digest, {named}: {counted(alerts)}"


def quiet_title(quiet: Quiet, alerts: int) -> str:
    """`7 alerts from quiet hours, 22:00 to 07:00`."""
    return f"{counted(alerts)} from quiet hours, {quiet.start} to {quiet.end}"


def _title(
    release: Release, subscription: SubscriptionSpec, alerts: Sequence[AlertMessage], number: int
) -> str:
    zone = subscription.zone
    match release:
        case Release(kind=SummaryKind.DIGEST, day=date() as day):
            mode = subscription.mode
            weekly = isinstance(mode, Digest) and mode.weekday is not None
            return digest_title(day, weekly, number)
        case Release(kind=SummaryKind.QUIET) if subscription.quiet is not None:
            return quiet_title(subscription.quiet, number)
        case Release(kind=SummaryKind.FLOOD, hour=Period() as hour, flooding=rule):
            start, end = _clock(hour, zone)
            return f"{_rule_name(alerts, rule)}: {counted(number)} more, {start} to {end}"
        case _:
            return f"{counted(number)} since {short_moment(release.since, zone)}"


def _rule_name(alerts: Sequence[AlertMessage], rule_id: str | None) -> str:
    names = (rule.name for alert in alerts for rule in alert.rules if rule.rule_id == rule_id)
    return clean.line(next(names, rule_id or ""), _LONGEST_RULE)


def _clock(hour: Period, zone: str) -> tuple[str, str]:
    there = ZoneInfo(zone)
    return f"{hour.start.astimezone(there):%H:%M}", f"{hour.end.astimezone(there):%H:%M}"
