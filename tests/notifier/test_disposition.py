"""What is sent at once and what is held, by mode, quiet hours, cap and silence."""

from typing import Any

import pytest

from schemas.rule import Severity
from services.notifier.holding import NOW, Disposition, Held, disposed, hour_of
from services.store.held import Why
from tests.notifier.holdings import NIGHT, OSLO, URGENT, local, subscription
from tests.notifier.judging import met

DAY, AT_NIGHT = local("2026-11-28 14:20"), local("2026-11-28 23:30")
QUIET = Held(Why.QUIET)
HOLDING_URGENT = {**NIGHT, "urgent": "hold"}


@pytest.mark.parametrize(
    ("spec", "severity", "at", "expected"),
    [
        ({}, Severity.LOW, DAY, NOW),
        ({"mode": {"batch": "10m"}}, URGENT, DAY, Held(Why.BATCH)),
        ({"mode": {"digest": "daily 08:00"}}, URGENT, DAY, Held(Why.DIGEST)),
        ({"quiet": NIGHT}, Severity.HIGH, DAY, NOW),
        ({"quiet": NIGHT}, Severity.HIGH, AT_NIGHT, QUIET),
        ({"quiet": NIGHT}, URGENT, AT_NIGHT, NOW),
        ({"quiet": HOLDING_URGENT}, URGENT, AT_NIGHT, QUIET),
        # The hours are those of the subscription's zone.
        ({"quiet": NIGHT, "zone": "America/New_York"}, Severity.HIGH, AT_NIGHT, NOW),
        # What is gathered anyway is held for that reason, at night as well.
        ({"quiet": NIGHT, "mode": {"batch": "10m"}}, Severity.HIGH, AT_NIGHT, Held(Why.BATCH)),
    ],
)
def test_a_message_is_held_as_the_subscription_says(
    spec: dict[str, Any], severity: Severity, at: Any, expected: Disposition
) -> None:
    (part,) = disposed(subscription(**spec), [met("iran", severity=severity)], {}, {}, at)
    assert part.disposition == expected


@pytest.mark.parametrize(
    ("at_once", "expected"),
    [
        ({}, NOW),
        ({"iran": 19}, NOW),
        ({"iran": 20}, Held(Why.CAP, flooding="iran")),
        ({"iran": 21}, Held(Why.CAP, flooding="iran")),
        ({"oil": 20}, NOW),
    ],
)
def test_what_is_over_the_cap_is_held(at_once: dict[str, int], expected: Disposition) -> None:
    (part,) = disposed(subscription(cap=20), [met("iran")], {}, at_once, DAY)
    assert part.disposition == expected


def test_one_rule_below_its_cap_sends_the_message_that_names_all() -> None:
    found = [met("iran"), met("oil", severity=Severity.HIGH)]
    (part,) = disposed(subscription(cap=2), found, {}, {"iran": 2, "oil": 1}, DAY)
    assert (part.disposition, part.rule_ids) == (NOW, ("iran", "oil"))
    (part,) = disposed(subscription(cap=2), found, {}, {"iran": 2, "oil": 2}, DAY)
    assert part.disposition == Held(Why.CAP, flooding="oil")


def test_silenced_rules_are_held_by_their_silence_and_the_others_are_told() -> None:
    found = [met("iran", severity=URGENT), met("oil"), met("gas"), met("coal")]
    silenced = {"iran": "s-1", "gas": "s-2", "coal": "s-1"}
    parts = disposed(subscription(quiet=NIGHT), found, silenced, {}, AT_NIGHT)
    assert [(p.rule_ids, p.disposition) for p in parts] == [
        (("oil",), QUIET),
        (("iran", "coal"), Held(Why.SILENCE, silence_id="s-1")),
        (("gas",), Held(Why.SILENCE, silence_id="s-2")),
    ]


def test_an_hour_is_one_of_the_clock_in_the_zone() -> None:
    assert hour_of(DAY, OSLO).start == local("2026-11-28 14:00")
    assert hour_of(DAY, OSLO).end == local("2026-11-28 15:00")
    kolkata = hour_of(DAY, "Asia/Kolkata")
    assert kolkata.start == local("2026-11-28 18:00", "Asia/Kolkata")
