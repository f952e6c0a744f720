"""Summaries for the tests of how several alerts look in one message, and travel."""

from datetime import timedelta

from schemas.rule import Severity
from schemas.subscriptions import Quiet
from services.notifier.composing import compose
from services.notifier.message import AlertMessage, DeliveryIds, SummaryKind, SummaryMessage
from services.notifier.occasions import quiet_title
from services.notifier.summaries import Occasion, compose_summary
from tests.notifier.alerts import NOW, article, ferry_alert, hit, hostile_alert, matches, rule_match

IDS = DeliveryIds("0123456789abcdef", "summary-key", "desk", 1)
NIGHT = Quiet.model_validate({"from": "22:00", "to": "07:00"})
_HOUR = timedelta(hours=1)


def alert(
    name: str, rule_id: str = "fares", severity: Severity = Severity.NORMAL, hours_ago: float = 0
) -> AlertMessage:
    """An alert about an article called `name`."""
    at = NOW - hours_ago * _HOUR
    of = article(title=name, first_seen_at=at, seen_at=at, published_at=at)
    found = rule_match(rule_id, [[hit(of, "Fares")]], severity)
    ids = DeliveryIds(f"delivery of {name}", f"story of {name}", "desk", 1)
    return compose(matches(of, found), {rule_id}, ids, "Europe/Oslo")


def quiet_night(*alerts: AlertMessage) -> SummaryMessage:
    """What was held in quiet hours."""
    held = alerts or (
        alert("Timetable of the spring is out", hours_ago=3),
        alert("Harbour closed for a night", "harbour", Severity.HIGH, hours_ago=9),
        ferry_alert(),
        alert("Fares stay as they are", hours_ago=1),
    )
    occasion = Occasion(SummaryKind.QUIET, quiet_title(NIGHT, len(held)), NOW)
    return compose_summary(occasion, held, IDS, "Europe/Oslo")


def hostile_summary() -> SummaryMessage:
    """A summary as nobody composes it: nothing in it has been cleaned."""
    bad = hostile_alert()
    return quiet_night().model_copy(
        update={"title": bad.title, "lines": (bad.source,) * 40, "items": (bad,) * 300}
    )
