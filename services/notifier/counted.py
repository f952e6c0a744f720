"""What the notifier counts: the closed label sets, shown at 0 before anything has happened."""

from schemas.rule import Severity
from services.notifier.outcome import Reason
from services.runtime.metrics import Metrics

_GIVEN_UP_FOR = frozenset({Reason.REFUSED, Reason.INVALID_MESSAGE, Reason.EXPIRED})
_TRIED_AGAIN_FOR = frozenset(Reason) - {Reason.INVALID_MESSAGE, Reason.EXPIRED}


def judging_starts_at_zero(metrics: Metrics) -> None:
    """Show every series that judging can count."""
    for severity in Severity:
        metrics.alerts.labels(severity.value)
    for stage in ("seen", "matched"):
        metrics.alert_latency.labels(stage)


def sending_starts_at_zero(metrics: Metrics, kind: str) -> None:
    """Show every series that sending on a channel of this kind can count."""
    for outcome in ("delivered", "unwanted"):
        metrics.deliveries.labels(kind, outcome, "")
    for reason in _GIVEN_UP_FOR:
        metrics.deliveries.labels(kind, "gave_up", reason.value)
    for reason in _TRIED_AGAIN_FOR:
        metrics.deliveries.labels(kind, "try_later", reason.value)
    for stage in ("delivered", "total"):
        metrics.alert_latency.labels(stage)
