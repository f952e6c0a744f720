"""The rules in force, read from `watch-rules`, swapped whole generation by generation.

When a generation is whole is `reader`'s business; until then the one before stays.
Nothing is matched before the first.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from schemas.topics import WATCH_RULES
from services.bus.port import Bus, OffsetOutOfRangeError, Record
from services.engine.index.warm import load_kernel
from services.engine.ruleset import RuleSet
from services.matcher.memory import RuleMemory
from services.matcher.reader import Generation, RuleReader
from services.matcher.trust import Evidence, Remembered, why_not
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
        self._news = asyncio.Event()

    @property
    def generation(self) -> int:
        """The generation in force; 0 before the first."""
        return self._generation

    async def current(self) -> RuleSet:
        """The rules in force, as soon as a whole generation is known."""
        await self._known.wait()
        return self._rules

    async def keep_fast(self) -> None:
        """Load the compiled kernel when the rules are so many that it pays; until cancelled.

        They are matched without it meanwhile: it may have to be compiled first. Where that
        fails they go on being matched without it.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            if not self._rules.would_gain:
                continue
            try:
                await asyncio.to_thread(load_kernel)
            except Exception as error:
                log.warning("rules are matched without compiled code", error=repr(error))
                return
            self._rules.use_kernel()
            log.info("rules are matched by compiled code", rules=len(self._rules))

    def put_in_force(self, rules: RuleSet, generation: int) -> None:
        """Replace the rules by a whole newer generation."""
        self._rules, self._generation = rules, generation
        self._metrics.rules_active.set(len(rules))
        self._metrics.rules_generation.set(generation)
        self._known.set()
        self._news.set()


async def follow_rules(
    bus: Bus, in_force: RulesInForce, component: Component, memory: RuleMemory
) -> None:
    """Keep `in_force` current until cancelled.

    Reads on from what `memory` holds where that can be believed, else from the beginning.
    """
    follower = _Follower(bus, in_force, component, memory)
    if await memory.recall() is not None:
        reason = await follower.follow(from_memory=True)
        log.warning("what is remembered of the rules is not believed", reason=reason)
        component.waiting("the rules are read from the beginning")
        memory.forget()
    await follower.follow(from_memory=False)


@dataclass(frozen=True, slots=True)
class _Follower:
    bus: Bus
    in_force: RulesInForce
    component: Component
    memory: RuleMemory

    async def follow(self, *, from_memory: bool) -> str:
        """Follow the topic until cancelled; returns only to say why not to read on from there."""
        remembered = await self.memory.recall() if from_memory else None
        if remembered is not None:
            log.info(
                "rules remembered",
                rules=len(remembered.generation.rules),
                generation=remembered.generation.manifest.generation,
            )
        reader = RuleReader(remembered.generation if remembered else None)
        async with aclosing(self._batches(remembered)) as batches:
            try:
                doubt = await self._catch_up(batches, reader, remembered)
            except OffsetOutOfRangeError as error:
                if remembered is None:
                    raise
                return str(error)
            if doubt is not None:
                return doubt
            remembered = None  # nobody may hold a rule set that is not in force any more
            async for batch in batches:
                if batch is not None:
                    reader.read(batch)
                else:
                    whole = reader.whole()
                    self._settle(reader, whole)
                    if whole is not None and whole.rules.is_wasteful:
                        await self._compact(reader, whole)
        raise AssertionError("a follower never ends by itself")

    async def _compact(self, reader: RuleReader, whole: Generation) -> None:
        """Win back the room of rules that are gone. Articles are matched meanwhile."""
        compacted = replace(whole, rules=await asyncio.to_thread(whole.rules.compacted))
        reader.go_on_with(compacted)
        self._put(compacted, is_amid=reader.is_amid)

    def _batches(
        self, remembered: Remembered | None
    ) -> AsyncGenerator[Sequence[Record] | None, None]:
        return self.bus.follow(WATCH_RULES, remembered.reread if remembered else None)

    async def _catch_up(
        self,
        batches: AsyncGenerator[Sequence[Record] | None, None],
        reader: RuleReader,
        remembered: Remembered | None,
    ) -> str | None:
        """Read to the end and put in force what is whole; or why nothing can be concluded."""
        evidence = Evidence(remembered.generation.place if remembered else None)
        async for batch in batches:
            if batch is None:
                break
            evidence.take(batch)
            reader.read(batch)
        doubt = why_not(remembered, evidence, self.memory.clock()) if remembered else None
        if doubt is not None:
            return doubt
        whole = await self._first_whole(reader)
        if whole is None and remembered is not None:
            if reader.incomplete and not reader.problems:
                return reader.incomplete
            # As for a matcher that was there all the time: the generation before stays.
            self._put(remembered.generation, is_amid=True)
        self._settle(reader, whole)
        return None

    async def _first_whole(self, reader: RuleReader) -> Generation | None:
        if self.in_force.generation:
            return reader.whole()
        # It may be all rules there are; nothing is matched yet, and others want to work.
        return await asyncio.to_thread(reader.whole)

    def _settle(self, reader: RuleReader, whole: Generation | None) -> None:
        """Put a generation in force, if there is one, and tell how things stand."""
        if whole is not None:
            self._put(whole, is_amid=reader.is_amid)
        _tell(self.in_force, reader, self.component)

    def _put(self, whole: Generation, *, is_amid: bool) -> None:
        rules, generation = whole.rules, whole.manifest.generation
        self.in_force.put_in_force(rules, generation)
        self.memory.note(whole, is_amid=is_amid)
        log.info("rules in force", rules=len(rules), generation=generation)


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
