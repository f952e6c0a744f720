"""The matcher put together: the rules' follower and the stage."""

import asyncio

from services.bus.port import Bus
from services.matcher.rules import RulesInForce, follow_rules
from services.matcher.stage import MatchStage
from services.runtime.clock import utc_now
from services.runtime.health import Component
from services.runtime.lifecycle import Part, until_stopped
from services.runtime.metrics import Metrics


def rules_part(bus: Bus, rules: RulesInForce) -> Part:
    """A part that keeps `rules` current."""

    async def run(stop: asyncio.Event, component: Component) -> None:
        await until_stopped(follow_rules(bus, rules, component), stop)

    return run


def match_stage(bus: Bus, rules: RulesInForce, metrics: Metrics) -> MatchStage:
    """The stage on the real clock."""
    return MatchStage(bus, rules, metrics, utc_now)
