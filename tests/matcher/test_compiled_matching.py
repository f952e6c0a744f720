"""Many rules are matched by compiled code as soon as it is there, and without it until then."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from services.engine.ruleset import KERNEL_PAYS_FROM, RuleSet
from services.matcher import rules as matcher_rules
from services.matcher.rules import RulesInForce
from services.runtime.metrics import Metrics
from tests.matcher.broadcast import article, rule
from tests.servers.patience import PATIENCE


@pytest.fixture
async def in_force() -> AsyncIterator[RulesInForce]:
    rules = RulesInForce(Metrics())
    keeping = asyncio.create_task(rules.keep_fast())
    yield rules
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


def _many() -> RuleSet:
    return RuleSet.of([rule(f"rule-{n}") for n in range(KERNEL_PAYS_FROM)])


async def _until_compiled(rules: RuleSet) -> None:
    async with asyncio.timeout(PATIENCE):
        while rules.would_gain:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


async def test_many_rules_come_to_be_matched_by_compiled_code(in_force: RulesInForce) -> None:
    rules = _many()
    before = rules.match(article())
    in_force.put_in_force(rules, 1)
    await _until_compiled(rules)
    assert rules.match(article()) == before
    changed = rules.changed([rule("one more")], ())
    assert not changed.would_gain


async def test_few_rules_do_not_load_it(
    in_force: RulesInForce, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[None] = []
    monkeypatch.setattr(matcher_rules, "load_kernel", lambda: loads.append(None))
    few, many = RuleSet.of([rule("one")]), _many()
    in_force.put_in_force(few, 1)
    await asyncio.sleep(0)
    in_force.put_in_force(many, 2)
    await _until_compiled(many)
    assert loads == [None]


async def test_articles_are_matched_while_it_is_compiled(
    in_force: RulesInForce, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiling, done = threading.Event(), threading.Event()

    def compile_slowly() -> None:
        compiling.set()
        done.wait(PATIENCE)

    monkeypatch.setattr(matcher_rules, "load_kernel", compile_slowly)
    rules = _many()
    in_force.put_in_force(rules, 1)
    await asyncio.to_thread(compiling.wait, PATIENCE)
    result = (await in_force.current()).match(article())
    assert len(result.matches) == KERNEL_PAYS_FROM and rules.would_gain
    done.set()
    await _until_compiled(rules)


async def test_a_machine_that_cannot_compile_still_matches(
    in_force: RulesInForce, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()

    def fail() -> None:
        tried.set()
        raise OSError("no compiler here")

    monkeypatch.setattr(matcher_rules, "load_kernel", fail)
    rules = _many()
    in_force.put_in_force(rules, 1)
    await asyncio.to_thread(tried.wait, PATIENCE)
    assert len(rules.match(article()).matches) == KERNEL_PAYS_FROM
