"""An immutable set of watch rules that articles are matched against.

Decides nothing about a rule's meaning; says which rules an article meets and never lets one
that breaks silence the others. A changed set is a new one, so a reader may swap it between
two articles. Sets derived from each other share one index, as of different generations.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from schemas.article import Article
from schemas.matches import Clause, RuleMatch
from schemas.rule import Severity, WatchRule
from services.engine.document import Document
from services.engine.errors import RuleError
from services.engine.index.columns import Array
from services.engine.index.finding import Found, kernel_is_there
from services.engine.index.ruleindex import Prepared, RuleIndex
from services.engine.index.texts import RuleTexts
from services.engine.parse import Lists

KERNEL_PAYS_FROM = 1_000
"""Rules. Below, NumPy takes a millisecond or two an article, and neither time nor memory."""


WASTE_ALLOWED = 20_000
"""Slots of rules that were changed or removed."""


@dataclass(frozen=True, slots=True)
class RuleFailure:
    """A rule that broke on an article; `error` is what it raised."""

    rule_id: str
    error: Exception


@dataclass(frozen=True, slots=True)
class MatchResult:
    """What the rules said of one article."""

    matches: tuple[RuleMatch, ...] = ()
    failures: tuple[RuleFailure, ...] = ()
    index_error: Exception | None = None
    """Why the index could not be used; every rule was tried by itself then."""


class Matching(Sequence[str]):
    """The ids of the rules that an article matches; each is read when it is asked for.

    `rows` tell where: see `finding.Found.proof`, for the first `len(rows)` of `slots`. Rules
    that the index does not decide have none. Valid until the next article is matched.
    """

    def __init__(self, texts: RuleTexts, slots: Array, rows: Array) -> None:
        self._texts = texts
        self._slots = slots
        self.rows = rows

    def __len__(self) -> int:
        return len(self._slots)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "Matching": ...
    def __getitem__(self, place: int | slice) -> "str | Matching":
        if isinstance(place, slice):
            return Matching(self._texts, self._slots[place], self.rows[:0])
        return self._texts.rule_id(int(self._slots[place]))


class RuleSet:
    """Rules by id. Make one with `of`, derive others with `changed`."""

    def __init__(self, index: RuleIndex, lists: Lists, size: int) -> None:
        self._index = index
        self._generation = index.generation
        self._lists = lists
        self._size = size

    @classmethod
    def of(
        cls,
        rules: Iterable[WatchRule],
        lists: Lists | None = None,
        kernel: bool = False,
        sample: Iterable[Article] = (),
    ) -> "RuleSet":
        """A set of these rules; raises RuleError naming the first bad one.

        Of several rules with one id the last counts. `lists` are the saved lists that
        rules may name, each with its expressions. `kernel` says whether to find rules by
        compiled code, see `would_gain`. `sample` are articles to learn from
        which words are rare: for speed alone.
        """
        index, now = RuleIndex(kernel), dict(lists or {})
        for article in sample:
            index.find(article, 0)
        index.change((_prepared(index, rule, now) for rule in rules), (), now)
        return cls(index, now, len(index.slots(index.generation)))

    @property
    def is_wasteful(self) -> bool:
        """Whether rules that are not there any more take as much room as those that are."""
        return self._index.wasted > max(self._size, WASTE_ALLOWED)

    def compacted(self) -> "RuleSet":
        """The same set without what is not needed any more. Reading and dumping may go on."""
        return self.of_dump(self.dump(), self._index.kernel)

    def dump(self) -> dict[str, Array]:
        """The set as plain arrays by name, for `of_dump`. May run beside everything else."""
        arrays = self._index.dump(self._generation)
        lists = json.dumps({name: list(items) for name, items in self._lists.items()})
        return arrays | {"saved_lists": np.frombuffer(lists.encode(), np.uint8)}

    @classmethod
    def of_dump(cls, arrays: Mapping[str, Array], kernel: bool = False) -> "RuleSet":
        """A set that was dumped; raises whatever broken arrays make it raise."""
        index = RuleIndex.of_arrays(arrays, kernel)
        lists = {name: tuple(v) for name, v in json.loads(bytes(arrays["saved_lists"])).items()}
        return cls(index, lists, len(index.slots(index.generation)))

    def changed(
        self, upserts: Iterable[WatchRule], removed: Iterable[str], lists: Lists | None = None
    ) -> "RuleSet":
        """This set without `removed` and with `upserts`, which win where both name a rule.

        `lists` are all saved lists there are now, None means those of before. Raises
        RuleError like `of`; nothing has changed then. Takes as long as the change is large.
        """
        if self._generation != self._index.generation:
            whole = self.of(self.rules.values(), self._lists, self._index.kernel)
            return whole.changed(upserts, removed, lists)
        now = self._lists if lists is None else dict(lists)
        given = {rule.rule_id: rule for rule in upserts}
        gone = {rule_id for rule_id in removed if rule_id in self}
        touched = self._index.touched_by(_renewed(self._lists, now), now)
        stale = (self.rules[i] for i in sorted(touched - gone - given.keys()) if i in self)
        slots = {i: self._index.slot_of(i, self._generation) for i in given}
        new = (
            rule
            for rule_id, rule in given.items()
            if rule_id in touched or not self._index.stands_at(slots[rule_id], rule)
        )
        prepared = [_prepared(self._index, rule, now) for rule in (*stale, *new)]
        size = len(self) - len(gone - given.keys()) + sum(s is None for s in slots.values())
        self._index.change(prepared, gone - given.keys(), now)
        return type(self)(self._index, now, size)

    @property
    def rules(self) -> Mapping[str, WatchRule]:
        """The rules by id."""
        return _Rules(self._index, self._generation, self._size)

    def __len__(self) -> int:
        return self._size

    def __contains__(self, rule_id: object) -> bool:
        return rule_id in self.rules

    def __iter__(self) -> Iterator[str]:
        return iter(self.rules)

    @property
    def would_gain(self) -> bool:
        """Whether it has so many rules that the compiled kernel pays, and does not use it."""
        many = self._size >= KERNEL_PAYS_FROM
        return many and not self._index.kernel and kernel_is_there()

    def use_kernel(self) -> None:
        """Find rules by the compiled kernel from now on, here and in sets derived from this.

        Where `warm.load_kernel` has not run, the next article waits for it.
        """
        self._index.use_kernel()

    def find(self, article: Article) -> Found:
        """What the article meets, before anything is evaluated: for whoever counts the work."""
        return self._index.find(article, self._generation)

    def matching(self, article: Article, places: bool = False) -> Matching:
        """Only which rules match, and with `places` also where their words stand.

        A rule that breaks makes this raise; `match` names it.
        """
        found = self._index.find(article, self._generation)
        rows = found.proof(found.decided)[0] if places else np.zeros((0, 5), np.int32)
        document = Document(article)
        evaluated = [
            slot
            for slot in found.undecided.tolist()
            if self._index.evaluated(slot, document, self._lists) is not None
        ]
        slots = np.append(found.decided, evaluated).astype(np.int32) if evaluated else found.decided
        return Matching(self._index.texts, slots, rows)

    def match(self, article: Article) -> MatchResult:
        """All rules that `article` matches, with their proof, in the order they came in."""
        index_error = None
        try:
            found = self._index.find(article, self._generation)
            proofs = dict(self._index.proofs(found))
            undecided = found.undecided.tolist()
        except Exception as error:
            # Finding is shared by all rules. Each is tried by itself, so that the one that
            # breaks is named and the others are heard.
            proofs, undecided, index_error = {}, self._index.slots(self._generation), error
        failures = list(self._evaluated(undecided, article, proofs))
        matches = tuple(self._match(slot, proofs[slot]) for slot in sorted(proofs))
        return MatchResult(matches, tuple(failures), index_error)

    def _evaluated(
        self, slots: Iterable[int], article: Article, proofs: dict[int, tuple[Clause, ...]]
    ) -> Iterator[RuleFailure]:
        """Add the proofs of those that match; the ones that broke."""
        document = Document(article)
        for slot in slots:
            try:
                proof = self._index.evaluated(slot, document, self._lists)
            except Exception as error:
                # Whatever one rule runs into, the others must still be heard.
                yield RuleFailure(self._index.texts.rule_id(slot), error)
                continue
            if proof is not None:
                proofs[slot] = proof

    def _match(self, slot: int, proof: tuple[Clause, ...]) -> RuleMatch:
        rule_id, version, query, name, severity, tags, *_ = self._index.texts.fields(slot)
        return RuleMatch.model_construct(
            rule_id=rule_id,
            version=version,
            name=name,
            severity=Severity(severity),
            tags=tuple(tags),
            query=query,
            evidence=proof,
        )


class _Rules(Mapping[str, WatchRule]):
    """The rules as of a generation; each is read when it is asked for."""

    def __init__(self, index: RuleIndex, generation: int, size: int) -> None:
        self._index = index
        self._generation = generation
        self._size = size

    def __getitem__(self, rule_id: str) -> WatchRule:
        slot = self._index.slot_of(rule_id, self._generation)
        if slot is None:
            raise KeyError(rule_id)
        return self._index.texts.rule(slot)

    def __contains__(self, rule_id: object) -> bool:
        known = isinstance(rule_id, str)
        return known and self._index.slot_of(str(rule_id), self._generation) is not None

    def __iter__(self) -> Iterator[str]:
        return map(self._index.texts.rule_id, self._index.slots(self._generation))

    def __len__(self) -> int:
        return self._size


def _prepared(index: RuleIndex, rule: WatchRule, lists: Lists) -> Prepared:
    try:
        return index.prepare(rule, lists)
    except RuleError as error:
        raise error.of_rule(rule.rule_id) from error


def _renewed(before: Lists, now: Lists) -> frozenset[str]:
    """The lists that one has and the other has not, or has with other items."""
    if before is now:
        return frozenset()
    names = before.keys() | now.keys()
    return frozenset(n for n in names if tuple(before.get(n, ())) != tuple(now.get(n, ())))
