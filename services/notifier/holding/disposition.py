"""Whether a message is sent at once or held, and why. PURE.

Leaves to `releases` when what is held is told, to `silencing` what is silenced, and to `telling`
the record of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.folder import SubscriptionSpec
from schemas.matches import RuleMatch
from schemas.rule import Severity
from schemas.subscriptions import Batch, Digest
from services.notifier.holding.times import Period, quiet_period
from services.store.held import Why

_RISING = list(Severity)


@dataclass(frozen=True, slots=True)
class Now:
    """It is sent at once."""


@dataclass(frozen=True, slots=True)
class Held:
    """It is held. `flooding`: the rule over its cap; `silence_id`: the silence."""

    why: Why
    flooding: str | None = None
    silence_id: str | None = None


Disposition = Now | Held
NOW = Now()


@dataclass(frozen=True, slots=True)
class Part:
    """Rules that a story meets, and what becomes of the message that names them."""

    met: Sequence[RuleMatch]
    disposition: Disposition

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """The rules' ids."""
        return tuple(match.rule_id for match in self.met)


def disposed(
    subscription: SubscriptionSpec,
    met: Sequence[RuleMatch],
    silenced: Mapping[str, str],
    at_once: Mapping[str, int],
    now: datetime,
) -> Sequence[Part]:
    """What becomes of a story's newly met rules: a message, and one for each silence.

    `silenced` has the silence of each rule that is silenced here, `at_once` how many alerts of
    a rule the subscription was told of at once this hour.
    """
    heard = [match for match in met if match.rule_id not in silenced]
    parts = [Part(heard, _disposition(subscription, heard, at_once, now))] if heard else []
    for silence in dict.fromkeys(silenced[m.rule_id] for m in met if m.rule_id in silenced):
        held = [match for match in met if silenced.get(match.rule_id) == silence]
        parts.append(Part(held, Held(Why.SILENCE, silence_id=silence)))
    return parts


def hour_of(at: datetime, zone: str) -> Period:
    """The hour of the clock in `zone` that `at` lies in: what a cap is about."""
    local = at.astimezone(ZoneInfo(zone))
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return Period(at - into, at - into + timedelta(hours=1))


def _disposition(
    subscription: SubscriptionSpec,
    met: Sequence[RuleMatch],
    at_once: Mapping[str, int],
    now: datetime,
) -> Disposition:
    match subscription.mode:
        case Digest():
            return Held(Why.DIGEST)
        case Batch():
            return Held(Why.BATCH)
        case "instant":
            return _instant(subscription, met, at_once, now)


def _instant(
    subscription: SubscriptionSpec,
    met: Sequence[RuleMatch],
    at_once: Mapping[str, int],
    now: datetime,
) -> Disposition:
    quiet = subscription.quiet
    passes = quiet is not None and quiet.urgent == "pass" and is_urgent(met)
    if not passes and quiet_period(quiet, subscription.zone, now) is not None:
        return Held(Why.QUIET)
    cap = subscription.cap
    # One rule below its cap is reason enough to send the message, which names them all.
    if cap is not None and all(at_once.get(match.rule_id, 0) >= cap for match in met):
        return Held(Why.CAP, flooding=max(met, key=_gravity).rule_id)
    return NOW


def _gravity(match: RuleMatch) -> int:
    return _RISING.index(match.severity)


def is_urgent(met: Sequence[RuleMatch]) -> bool:
    """Whether one of the rules is."""
    return any(match.severity is Severity.URGENT for match in met)
