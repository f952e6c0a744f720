"""What the sender says of attempts that have ended: a line of log each, and numbers."""

from datetime import datetime
from typing import Any, assert_never

import structlog

from services.notifier.attempting import Ended, OpenedChannel
from services.notifier.counted import sending_starts_at_zero
from services.notifier.message import (
    AlertMessage,
    AnyMessage,
    NoticeMessage,
    SummaryMessage,
)
from services.notifier.recording import Recorded
from services.notifier.steps import Again, Done, Dropped, Held, Over
from services.runtime.metrics import Metrics

log = structlog.get_logger()


class Reporting:
    """Reports on one channel."""

    def __init__(self, opened: OpenedChannel, metrics: Metrics) -> None:
        self._opened = opened
        self._metrics = metrics
        sending_starts_at_zero(metrics, opened.kind)

    def attempt(self, end: Ended) -> None:
        """An attempt has ended and is recorded."""
        facts: dict[str, Any] = {
            "channel": self._opened.channel_id,
            "delivery": end.row.delivery_id,
            "attempt": end.row.attempts + 1,
        }
        match end.step:
            case Done():
                self._count("delivered", "")
                self._observe(end.message, end.at)
                log.info("delivered", **_about(end.message), **facts)
            case Again(reason, detail, at):
                self._count("try_later", reason.value)
                wait = round((at - end.at).total_seconds(), 1)
                facts |= {"reason": reason.value, "detail": detail, "seconds": wait}
                log.warning("not delivered; trying again", **facts)
            case Held(reason, detail):
                self._count("try_later", reason.value)
                facts |= {"reason": reason.value, "detail": detail}
                log.warning("not delivered; waits for its channel", **facts)
            case Over(reason, detail):
                self._count("gave_up", reason.value)
                facts |= {"reason": reason.value, "detail": detail}
                log.error("delivery given up", **facts)
            case Dropped(detail):
                self._count("unwanted", "")
                log.info("not sent", detail=detail, **_about(end.message), **facts)
            case _:
                assert_never(end.step)

    def channel(self, recorded: Recorded) -> None:
        """The record has changed something for the channel."""
        channel_id = self._opened.channel_id
        if recorded.suspended_for is not None:
            log.error(
                "channel suspended; its deliveries wait until its credentials are mended",
                channel=channel_id,
                detail=recorded.suspended_for,
            )
        if recorded.works_again:
            log.info("channel works again", channel=channel_id)

    def _count(self, outcome: str, reason: str) -> None:
        self._metrics.deliveries.labels(self._opened.kind, outcome, reason).inc()

    def _observe(self, message: AnyMessage | None, now: datetime) -> None:
        # What an update tells of is older, and was told when it was new.
        if isinstance(message, AlertMessage) and not message.update:
            self._metrics.observe_latency("delivered", message.matched_at, now)
            self._metrics.observe_latency("total", message.published_at, now)


def _about(message: AnyMessage | None) -> dict[str, object]:
    match message:
        case AlertMessage(rules=rules):
            return {"rules": [rule.rule_id for rule in rules]}
        case NoticeMessage(kind=kind):
            return {"notice": kind.value}
        case SummaryMessage(kind=why, items=items):
            return {"summary": why.value, "alerts": len(items)}
        case None:
            return {}
