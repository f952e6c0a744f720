"""The rules in force, read from `watch-rules`, swapped whole generation by generation.

When a generation is whole is `reader`'s business; until then the one before stays.
Nothing is matched before the first.
"""

import asyncio
from contextlib import aclosing

import structlog

from schemas.topics import WATCH_RULES
from services.bus.port import Bus
from services.engine.ruleset import RuleSet
from services.matcher.reader import RuleReader
from services.runtime.health import Component
from services.runtime.metrics import Metrics

log = structlog.get_logger()


class RulesInForce:
    """The current rule set of this process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._rules = RuleSet.of([])
        self._generation = 0
        self._known = asyncio.Event()

    @property
    def generation(self) -> int:
        """The generation in force; 0 before the first."""
        return self._generation

    async def current(self) -> RuleSet:
        """The rules in force, as soon as a whole generation is known."""
        await self._known.wait()
        return self._rules

    def put_in_force(self, rules: RuleSet, generation: int) -> None:
        """Replace the rules by a whole newer generation."""
        self._rules, self._generation = rules, generation
        self._metrics.rules_active.set(len(rules))
        self._metrics.rules_generation.set(generation)
        self._known.set()


async def follow_rules(bus: Bus, in_force: RulesInForce, component: Component) -> None:
    """Keep `in_force` current until cancelled."""
    reader = RuleReader()
    async with aclosing(bus.follow(WATCH_RULES)) as batches:
        async for batch in batches:
            if batch is not None:
                reader.read(batch)
                continue
            whole = reader.whole()
            if whole is not None:
                in_force.put_in_force(*whole)
                log.info("rules in force", rules=len(whole[0]), generation=whole[1])
            _tell(in_force, reader, component)


def _tell(in_force: RulesInForce, reader: RuleReader, component: Component) -> None:
    if reader.problems:
        key, problem = next(iter(reader.problems.items()))
        component.waiting(f"{len(reader.problems)} unusable records, such as {key}: {problem}")
    elif reader.incomplete is not None:
        component.waiting(reader.incomplete)
    elif in_force.generation == 0:
        component.waiting("no rules yet: none have been applied, or they are on the way")
    else:
        component.ready()
