"""The matcher put together: the rules' follower and the stage."""

import asyncio
from pathlib import Path

from services.bus.port import Bus
from services.matcher.cache import RuleCache
from services.matcher.memory import RuleMemory
from services.matcher.rules import RulesInForce, follow_rules
from services.matcher.stage import MatchStage
from services.runtime.clock import utc_now
from services.runtime.health import Component
from services.runtime.lifecycle import Part, until_stopped
from services.runtime.metrics import Metrics


def rules_part(bus: Bus, rules: RulesInForce, cache_folder: Path | None) -> Part:
    """A part that keeps `rules` current, and remembers them in a folder if one is named."""
    memory = RuleMemory(RuleCache(cache_folder) if cache_folder else None, utc_now)

    async def run(stop: asyncio.Event, component: Component) -> None:
        keeping = asyncio.gather(memory.keep(bus), rules.keep_fast())
        try:
            await until_stopped(follow_rules(bus, rules, component, memory), stop)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    return run


def match_stage(bus: Bus, rules: RulesInForce, metrics: Metrics) -> MatchStage:
    """The stage on the real clock."""
    return MatchStage(bus, rules, metrics, utc_now)
