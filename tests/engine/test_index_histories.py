"""Whatever is changed, dumped, loaded and forgotten, a set finds what trying each rule finds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas.article import Article
from schemas.matches import Clause
from schemas.rule import WatchRule
from services.engine.index import columns, compiled, lexicon, reader, scratch
from services.engine.options import Options
from services.engine.parse import Lists
from services.engine.ruleset import RuleSet
from tests.engine.index_strategies import (
    ARTICLES,
    LISTS,
    MANY,
    OTHER_LISTS,
    is_usable,
)
from tests.engine.newsroom import rule as rule_of
from tests.engine.oracle import proofs_one_by_one

_SETTINGS = settings(
    derandomize=True, max_examples=70, stateful_step_count=15, deadline=None, database=None
)
_NUMBERS = st.permutations(range(16))
_KEPT_VIEWS = 2
_Given = Sequence[tuple[str, Options]]


class _View(NamedTuple):
    """A set in NumPy and in compiled form, and what it should hold."""

    rules: Mapping[str, WatchRule]
    lists: Lists
    sets: Sequence[RuleSet]

    def check(self, told: Article) -> None:
        expected = proofs_one_by_one(self.rules.values(), told, self.lists)
        for one in self.sets:
            assert _proofs(one, told) == expected
            ids = list(one.matching(told))
            assert len(ids) == len(expected) and set(ids) == set(expected)

    def check_rules(self) -> None:
        for one in self.sets:
            assert dict(one.rules) == self.rules and len(one) == len(self.rules)


def _proofs(rules: RuleSet, told: Article) -> dict[str, tuple[Clause, ...]]:
    result = rules.match(told)
    assert result.index_error is None and result.failures == ()
    return {match.rule_id: match.evidence for match in result.matches}


class Histories(RuleBasedStateMachine):
    """Changes of a set of rules; views of earlier generations are kept and asked, too."""

    @initialize(given=MANY, numbers=_NUMBERS)
    def begin(self, given: _Given, numbers: Sequence[int]) -> None:
        self.version = 1
        rules = {one.rule_id: one for one in self._made(given, numbers, LISTS)}
        sets = [RuleSet.of(rules.values(), LISTS, kernel=kernel) for kernel in (False, True)]
        self.view = _View(rules, LISTS, sets)
        self.earlier: list[_View] = []

    def _made(self, given: _Given, numbers: Sequence[int], lists: Lists) -> list[WatchRule]:
        made = [
            rule_of(query, f"r{number}", self.version, options)
            for number, (query, options) in zip(numbers, given, strict=False)
        ]
        return [one for one in made if is_usable(one, lists)]

    def _change(
        self, upserts: Sequence[WatchRule], removed: set[str], lists: Lists | None = None
    ) -> None:
        now = self.view.lists if lists is None else lists
        rules = {i: one for i, one in self.view.rules.items() if i not in removed}
        rules |= {one.rule_id: one for one in upserts}
        unusable = {i for i, one in rules.items() if not is_usable(one, now)}
        rules = {i: one for i, one in rules.items() if i not in unusable}
        kept = [one for one in upserts if one.rule_id not in unusable]
        sets = [one.changed(kept, removed | unusable, lists) for one in self.view.sets]
        self.earlier = [*self.earlier, self.view][-_KEPT_VIEWS:]
        self.view = _View(rules, now, sets)
        self.view.check_rules()

    @rule(given=MANY, numbers=_NUMBERS, removed=st.sets(st.integers(0, 15), max_size=2))
    def change(self, given: _Given, numbers: Sequence[int], removed: set[int]) -> None:
        self.version += 1
        self._change(
            self._made(given, numbers, self.view.lists), {f"r{number}" for number in removed}
        )

    @rule(lists=OTHER_LISTS)
    def change_lists(self, lists: Lists) -> None:
        self._change([], set(), lists)

    @rule(number=st.integers(0, 15))
    def bring_back(self, number: int) -> None:
        """A rule is given as it was in an earlier view, whatever became of it."""
        for view in self.earlier[:1]:
            if (one := view.rules.get(f"r{number}")) is not None:
                self._change([one], set())

    @precondition(lambda self: self.earlier)
    @rule(given=MANY, numbers=_NUMBERS)
    def change_an_earlier_view(self, given: _Given, numbers: Sequence[int]) -> None:
        self.view, self.earlier = self.earlier[0], [self.view]
        self.change(given, numbers, set())

    @rule()
    def dump_and_load(self) -> None:
        self.view = self.view._replace(sets=list(_reopened(self.view.sets)))
        self.view.check_rules()

    @precondition(lambda self: self.earlier)
    @rule()
    def go_back_to_an_earlier_dump(self) -> None:
        view = self.earlier[0]
        self.view = view._replace(sets=list(_reopened(view.sets)))
        self.view.check_rules()

    @rule(told=ARTICLES)
    def match(self, told: Article) -> None:
        for view in (self.view, *self.earlier):
            view.check(told)

    @rule()
    def load_the_kernel(self) -> None:
        for one in self.view.sets[1:]:
            one.use_kernel()


def _reopened(sets: Sequence[RuleSet]) -> Iterator[RuleSet]:
    for kernel, one in zip((False, True), sets, strict=True):
        arrays = {name: array.copy() for name, array in one.dump().items()}
        yield RuleSet.of_dump(arrays, kernel)


@pytest.fixture(params=["as it is", "with hardly any room"])
def _room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "as it is":
        return
    monkeypatch.setattr(lexicon, "MAX_WORDS_LEARNT", 5)
    monkeypatch.setattr(lexicon, "MAX_PIECES", 3)
    monkeypatch.setattr(lexicon, "MAX_PIECE_WORDS", 6)
    monkeypatch.setattr(reader, "_TOKENS", 3)
    monkeypatch.setattr(reader, "_UNKNOWN_AT_ONCE", 2)
    monkeypatch.setattr(compiled, "_ROWS", 1)
    monkeypatch.setattr(scratch, "_OCCURRENCES", 2)
    monkeypatch.setattr(scratch, "_LAST_MARK", 3)
    monkeypatch.setattr(columns, "_FIRST_ROOM", 1)


@pytest.mark.usefixtures("_room")
def test_every_history_ends_as_if_each_rule_were_tried() -> None:
    run_state_machine_as_test(Histories, settings=_SETTINGS)
