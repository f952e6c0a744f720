"""An immutable set of watch rules that articles are matched against.

Decides nothing about a rule's meaning; keeps rules parsed, runs all of them, and never
lets one that breaks silence the others. A changed set is a new one, so a reader may
swap it between two articles.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from schemas.article import Article
from schemas.matches import Clause, RuleMatch
from schemas.rule import WatchRule
from services.engine.document import Document
from services.engine.errors import RuleError
from services.engine.evaluate import Evaluation
from services.engine.options import Options
from services.engine.parse import Lists, parse
from services.engine.query import Query, SavedList, walk


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


@dataclass(frozen=True)
class _Compiled:
    rule: WatchRule
    query: Query
    options: Options

    @cached_property
    def lists(self) -> frozenset[str]:
        """The saved lists that the rule uses, those inside others included."""
        return frozenset(n.name for n in walk(self.query.root) if isinstance(n, SavedList))


@dataclass(frozen=True)
class RuleSet:
    """Rules by id. Make one with `of`, derive others with `changed`."""

    _compiled: Mapping[str, _Compiled] = field(default_factory=dict)
    _lists: Lists = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[WatchRule], lists: Lists | None = None) -> "RuleSet":
        """A set of these rules; raises RuleError naming the first bad one.

        Of several rules with one id the last counts. `lists` are the saved lists that
        rules may name, each with its expressions.
        """
        return cls({}, dict(lists or {})).changed(rules, ())

    def changed(
        self, upserts: Iterable[WatchRule], removed: Iterable[str], lists: Lists | None = None
    ) -> "RuleSet":
        """This set without `removed` and with `upserts`, which win where both name a rule.

        `lists` are all saved lists there are now, None means those of before. Only rules
        whose expression is new, or a list of which is, are parsed; raises RuleError like `of`.
        """
        now = self._lists if lists is None else dict(lists)
        renewed = _renewed(self._lists, now)
        gone = set(removed)
        compiled = {rule_id: one for rule_id, one in self._compiled.items() if rule_id not in gone}
        stale = {i: one for i, one in compiled.items() if not renewed.isdisjoint(one.lists)}
        given = {rule.rule_id: rule for rule in upserts}
        for rule in ({i: one.rule for i, one in stale.items()} | given).values():
            known = None if rule.rule_id in stale else compiled.get(rule.rule_id)
            usable = known.query if known and known.rule.query == rule.query else None
            compiled[rule.rule_id] = _compile(rule, now, usable)
        return RuleSet(compiled, now)

    @cached_property
    def rules(self) -> Mapping[str, WatchRule]:
        """The rules by id."""
        return MappingProxyType({key: one.rule for key, one in self._compiled.items()})

    def __len__(self) -> int:
        return len(self._compiled)

    def __contains__(self, rule_id: object) -> bool:
        return rule_id in self._compiled

    def __iter__(self) -> Iterator[str]:
        return iter(self._compiled)

    def match(self, article: Article) -> MatchResult:
        """All rules that `article` matches, with their proof, in the order of the set."""
        document = Document(article)
        matches: list[RuleMatch] = []
        failures: list[RuleFailure] = []
        for rule_id, compiled in self._compiled.items():
            try:
                proof = Evaluation(compiled.query, document, compiled.options).proof()
            except Exception as error:
                # Whatever one rule runs into, the others must still be heard.
                failures.append(RuleFailure(rule_id, error))
                continue
            if proof is not None:
                matches.append(_match(compiled.rule, proof))
        return MatchResult(tuple(matches), tuple(failures))


def _compile(rule: WatchRule, lists: Lists, query: Query | None = None) -> _Compiled:
    """The rule made ready; `query` is its expression where that has been parsed."""
    try:
        return _Compiled(rule, query or parse(rule.query, lists), Options.of_rule(rule))
    except RuleError as error:
        raise error.of_rule(rule.rule_id) from error


def _renewed(before: Lists, now: Lists) -> frozenset[str]:
    """The lists that one has and the other has not, or has with other items."""
    if before is now:
        return frozenset()
    names = before.keys() | now.keys()
    return frozenset(n for n in names if tuple(before.get(n, ())) != tuple(now.get(n, ())))


def _match(rule: WatchRule, proof: tuple[Clause, ...]) -> RuleMatch:
    return RuleMatch(
        rule_id=rule.rule_id,
        version=rule.version,
        name=rule.name,
        severity=rule.severity,
        tags=rule.tags,
        query=rule.query,
        evidence=proof,
    )
