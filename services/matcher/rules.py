"""The rules in force, read from `watch-rules`, swapped whole generation by generation.

A generation is put in force when its manifest has been read and the rules at hand are as
many as it says; until then the one before stays. Nothing is matched before the first.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import structlog

from schemas.message import MalformedMessageError
from schemas.rule import RulesManifest, WatchRule
from schemas.topics import WATCH_RULES
from services.bus.port import Bus, Record
from services.engine.errors import RuleError
from services.engine.ruleset import RuleSet
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


class RuleReader:
    """Builds rule sets from the records of `watch-rules`; holds no I/O itself.

    A record that cannot be used is kept in `problems` and left out, so that its generation
    never counts as whole: the rules in force stay, and somebody is told.
    """

    def __init__(self) -> None:
        self._set = RuleSet.of([])
        self._generation = 0
        self.problems: dict[str, str] = {}
        self.incomplete: str | None = None
        """What the newest generation lacks; None while it is whole."""

    def read(self, records: Sequence[Record]) -> tuple[RuleSet, int] | None:
        """Take in records; the newest generation that became whole with them, if any."""
        whole = None
        upserts: dict[str, WatchRule] = {}
        removed: set[str] = set()
        for record in records:
            try:
                if record.key == "manifest":
                    manifest = RulesManifest.decode(record.value)
                    self.problems.pop(record.key, None)
                    self._apply(upserts, removed)
                    whole = self._close(manifest) or whole
                elif record.key.startswith("rule:"):
                    self._take(record, upserts, removed)
                    self.problems.pop(record.key, None)
            except MalformedMessageError as error:
                self.problems[record.key] = str(error)
        self._apply(upserts, removed)
        return whole

    def _take(self, record: Record, upserts: dict[str, WatchRule], removed: set[str]) -> None:
        rule_id = record.key.removeprefix("rule:")
        if record.value is None:
            upserts.pop(rule_id, None)
            removed.add(rule_id)
            return
        rule = WatchRule.decode(record.value)
        if rule.key != record.key:
            raise MalformedMessageError(f"the record holds {rule.key}")
        before = upserts.get(rule_id) or (
            None if rule_id in removed else self._set.rules.get(rule_id)
        )
        # A broadcast that is repeated after a crash must not bring an older version back.
        if before is None or rule.version >= before.version:
            upserts[rule_id] = rule

    def _apply(self, upserts: dict[str, WatchRule], removed: set[str]) -> None:
        """Fold the collected changes into the set, and forget them."""
        try:
            self._set = self._set.changed(upserts.values(), removed - upserts.keys())
        except RuleError:
            self._set = self._set.changed([], removed - upserts.keys())
            for rule in upserts.values():
                self._apply_one(rule)
        upserts.clear()
        removed.clear()

    def _apply_one(self, rule: WatchRule) -> None:
        try:
            self._set = self._set.changed([rule], [])
        except RuleError as error:
            self.problems[rule.key] = str(error)

    def _close(self, manifest: RulesManifest) -> tuple[RuleSet, int] | None:
        if manifest.generation < self._generation:
            return None
        # Where a record could not be used the count may still be right, with an old version
        # of that rule in it.
        if self.problems or manifest.rules != len(self._set):
            self.incomplete = (
                f"generation {manifest.generation} of the rules is not whole "
                f"({len(self._set)} of {manifest.rules} here); the one before stays in force"
            )
            log.warning(self.incomplete, unusable=sorted(self.problems))
            return None
        self.incomplete = None
        self._generation = manifest.generation
        return self._set, manifest.generation


async def follow_rules(bus: Bus, in_force: RulesInForce, component: Component) -> None:
    """Keep `in_force` current until cancelled."""
    reader = RuleReader()
    whole: tuple[RuleSet, int] | None = None
    async with aclosing(bus.follow(WATCH_RULES)) as batches:
        async for batch in batches:
            if batch is not None:
                whole = reader.read(batch) or whole
                continue
            if whole is not None:
                in_force.put_in_force(*whole)
                log.info("rules in force", rules=len(whole[0]), generation=whole[1])
                whole = None
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
