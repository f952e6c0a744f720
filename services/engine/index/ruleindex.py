"""Stored rules and what finds them: changed by generations, read as of one.

A change is written first and is in force with one assignment. Whoever reads as of an earlier
generation goes on seeing what was there then, so nobody sees half a change.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

import numpy as np

from schemas.article import Article
from schemas.matches import ArticleField, Clause, Hit
from schemas.rule import WatchRule
from services.engine.document import Document
from services.engine.errors import RuleError
from services.engine.evaluate import Evaluation, in_order
from services.engine.index.atoms import Atom, CompiledRule, ListAtom
from services.engine.index.columns import Array
from services.engine.index.compile import compile_rule, members_of
from services.engine.index.dump import dumped, taken, undump
from services.engine.index.finding import (
    Finder,
    Found,
    NumpyFinder,
    literals_that_hold,
    open_kernel,
)
from services.engine.index.frequencies import Costs
from services.engine.index.lexicon import Lexicon
from services.engine.index.segment import BORN, DIED, Segment
from services.engine.index.texts import RuleTexts
from services.engine.options import DEFAULT_OPTIONS, Options
from services.engine.parse import Lists, parse
from services.engine.query import Query, SavedList, children_of, walk

_REMEMBERED_QUERIES = 4_096


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rule that can be entered: parsed, and compiled for the index."""

    rule: WatchRule
    compiled: CompiledRule
    lists: frozenset[str]
    """The saved lists it uses, those inside others included."""
    shares_lists: bool
    """Whether it uses them as atoms of their own, so that they may change without it."""


class RuleIndex:
    """Rules of all generations since it was opened. Changes are not to run side by side."""

    def __init__(self, kernel: bool = False) -> None:
        self.kernel = kernel
        self.lexicon = Lexicon()
        self._costs = Costs(self.lexicon.frequencies, self.lexicon.numbers)
        self.segment = Segment(self.lexicon, self._costs)
        self.texts = RuleTexts()
        self.generation = 0
        self.wasted = 0
        """How many slots are of rules that are not there any more."""
        self.users: defaultdict[str, set[str]] = defaultdict(set)
        self.spelling_out: set[str] = set()
        self._queries: OrderedDict[int, tuple[Lists, Query]] = OrderedDict()
        self._filled: tuple[int, Lists] = (0, {})
        self._finder: Finder | None = None
        self._lock = Lock()

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Array], kernel: bool = False) -> "RuleIndex":
        """An index as it was dumped; the arrays may be mapped from files, copy-on-write."""
        index = cls(kernel)
        undump(index, arrays)
        return index

    def dump(self, generation: int) -> dict[str, Array]:
        """Everything as of a generation."""
        with self._lock:
            snapshot = taken(self, generation)
        return dumped(snapshot)

    def prepare(self, rule: WatchRule, lists: Lists) -> Prepared:
        """Read a rule; raises RuleError."""
        query = parse(rule.query, lists)
        compiled = compile_rule(query, Options.of_rule(rule), self._costs.of_clause)
        if "@" not in rule.query:
            return Prepared(rule, compiled, frozenset(), True)
        used = {node.name for node in walk(query.root) if isinstance(node, SavedList)}
        return Prepared(rule, compiled, frozenset(used), _named_in(query) <= _shared_in(compiled))

    # --- changes

    def change(self, upserts: Iterable[Prepared], removed: Iterable[str], lists: Lists) -> int:
        """Enter a change and put it in force; its generation.

        Whatever it raises, nothing has changed then.
        """
        with self._lock:
            try:
                return self._change(upserts, removed, lists)
            except BaseException:
                self._undo()
                raise

    def _undo(self) -> None:
        """Forget a change that was begun; what it wrote stays and is never in force."""
        self.segment.undo(self.texts.slots, self.generation + 1)
        while self.texts.slots < self.segment.slots:
            self.texts.add_nothing()
        self._filled = (0, {})

    def _change(self, upserts: Iterable[Prepared], removed: Iterable[str], lists: Lists) -> int:
        generation = self.generation + 1
        for rule_id in removed:
            self._end(rule_id, generation)
        for prepared in upserts:
            self._end(prepared.rule.rule_id, generation)
            self.segment.add(prepared.compiled, generation)
            self.texts.add(prepared.rule)
            self._note_lists(prepared)
        self._fill_lists(lists, generation)
        self.generation = generation
        return generation

    def touched_by(self, changed: Iterable[str], lists: Lists) -> set[str]:
        """The rules that are to be prepared anew when these saved lists change to `lists`.

        Those that use a list as an atom need not: what it stands for is looked up there. It
        may be rules that used a list once.
        """
        changed = set(changed)
        if not changed:
            return set()
        users = {rule_id for name in changed for rule_id in self.users.get(name, ())}
        unusable = {
            saved.name
            for saved in self.segment.lists
            if saved.name not in lists or members_in(lists, saved) is None
        }
        lost = {rule_id for name in unusable for rule_id in self.users.get(name, ())}
        return users & (self.spelling_out | lost)

    def _note_lists(self, prepared: Prepared) -> None:
        rule_id = prepared.rule.rule_id
        for name in prepared.lists:
            self.users[name].add(rule_id)
        if not prepared.shares_lists:
            # Kept when a later version shares them: an earlier one may be dumped yet.
            self.spelling_out.add(rule_id)

    def _end(self, rule_id: str, generation: int) -> None:
        slot = self.slot_of(rule_id, generation - 1)
        if slot is None:
            slot = self.slot_of(rule_id, generation)  # entered twice in one change
        if slot is not None:
            self.segment.end(slot, generation)
            self.wasted += 1

    def _fill_lists(self, lists: Lists, generation: int) -> None:
        if self._filled == (len(self.segment.lists), lists):
            return
        self._filled = (len(self.segment.lists), lists)
        for saved in self.segment.lists:
            members = members_in(lists, saved) if saved.name in lists else frozenset()
            self.segment.set_members(saved, members or (), generation)

    # --- rules

    def slot_of(self, rule_id: str, generation: int) -> int | None:
        """Where a rule stands as of a generation; None where it does not."""
        for slot in self.texts.slots_of(rule_id):
            if self.is_alive(slot, generation):
                return slot
        return None

    def stands_at(self, slot: int | None, rule: WatchRule) -> bool:
        """Whether this very rule, word for word, is at a slot."""
        return slot is not None and self.texts.holds(slot, rule)

    def is_alive(self, slot: int, generation: int) -> bool:
        """Whether the rule at a slot is there as of a generation."""
        row = self.segment.rules.room[slot]
        return bool(row[BORN] <= generation < row[DIED])

    def slots(self, generation: int) -> list[int]:
        """The slots of all rules as of a generation, in the order they were entered."""
        rules = self.segment.rules.values
        there = (rules[:, BORN] <= generation) & (generation < rules[:, DIED])
        slots: list[int] = np.flatnonzero(there).tolist()
        return slots

    # --- matching

    def find(self, article: Article, generation: int) -> Found:
        """The rules that an article meets or may meet. A change waits meanwhile."""
        with self._lock:
            return self._opened().find(article, generation)

    def use_kernel(self) -> None:
        """Find by the compiled kernel from the next article on."""
        self.kernel = True
        self._finder = None

    def _opened(self) -> Finder:
        if self._finder is None:
            opened = open_kernel if self.kernel else NumpyFinder
            self._finder = opened(self.lexicon, self.segment)
        return self._finder

    def proofs(self, found: Found) -> Iterator[tuple[int, tuple[Clause, ...]]]:
        """The clauses that made each decided rule match, in the order of the slots."""
        rows, second = found.proof(found.decided)
        fields = (ArticleField.TITLE, second)
        hits: dict[int, dict[int, list[Hit]]] = {}
        for n, literal, field, start, end in rows.tolist():
            hit = Hit.model_construct(field=fields[field], start=start, end=end)
            hits.setdefault(n, {}).setdefault(literal, []).append(hit)
        for n, slot in enumerate(found.decided.tolist()):
            yield slot, self._clauses(slot, found, hits.get(n, {}))

    def _clauses(self, slot: int, found: Found, hits: dict[int, list[Hit]]) -> tuple[Clause, ...]:
        query = self.texts.fields(slot)[2]
        spans = self.segment.spans(slot)
        by_span: dict[tuple[int, int], list[Hit]] = {}
        for literal in literals_that_hold(found, self.segment.program(slot)):
            start, end = spans[literal]
            if start < end:
                by_span.setdefault((start, end), []).extend(hits.get(literal, ()))
        return tuple(
            Clause.model_construct(clause=query[start:end], hits=in_order(found_hits))
            for (start, end), found_hits in by_span.items()
        )

    def evaluated(self, slot: int, document: Document, lists: Lists) -> tuple[Clause, ...] | None:
        """The proof of a rule that the index does not decide; None if it does not match."""
        rule = self.texts.rule(slot)
        return Evaluation(self._query(slot, rule, lists), document, Options.of_rule(rule)).proof()

    def _query(self, slot: int, rule: WatchRule, lists: Lists) -> Query:
        known = self._queries.get(slot)
        if known is not None and known[0] is lists:
            return known[1]
        query = parse(rule.query, lists)
        self._queries[slot] = (lists, query)
        if len(self._queries) > _REMEMBERED_QUERIES:
            self._queries.popitem(last=False)
        return query


def members_in(lists: Lists, saved: ListAtom) -> frozenset[Atom] | None:
    """The members of a list; None where the list is not one of words and phrases."""
    try:
        root = parse(f"@{saved.name}", lists).root
    except RuleError:
        return None
    assert isinstance(root, SavedList)
    return members_of(root, saved.scope, DEFAULT_OPTIONS)


def _named_in(query: Query) -> set[str]:
    """The lists that a rule names itself."""
    below = [query.root]
    names: set[str] = set()
    while below:
        node = below.pop()
        if isinstance(node, SavedList):
            names.add(node.name)
        else:
            below.extend(children_of(node))
    return names


def _shared_in(compiled: CompiledRule) -> set[str]:
    literals = [literal for clause in compiled.clauses for literal in clause]
    return {one.atom.name for one in literals if isinstance(one.atom, ListAtom)}
