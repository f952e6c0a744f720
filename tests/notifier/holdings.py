"""Subscriptions and held messages for the tests of what is told when."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.rule import Severity
from schemas.subscriptions import SubscriptionSpec
from services.store.held import Waiting, Why

NIGHT = {"from": "22:00", "to": "07:00"}
OSLO = "Europe/Oslo"


def subscription(**changes: Any) -> SubscriptionSpec:
    """A subscription of Oslo to all rules."""
    facts = {"id": "desk", "channel": "desk", "rules": "all", "zone": OSLO}
    return SubscriptionSpec.model_validate({**facts, **changes})


def local(clock: str, zone: str = OSLO, fold: int = 0) -> datetime:
    """What `2026-11-28 08:00` is in UTC."""
    at = datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return at.astimezone(UTC)


def waiting(held_at: str, why: Why = Why.DIGEST, **changes: Any) -> Waiting:
    """A message held at a time of Oslo, called by that time unless it has another id."""
    facts = {"held_id": held_at, "why": why, "held_at": local(held_at)}
    return Waiting(**{**facts, **changes})


URGENT = Severity.URGENT
