"""Builds rule sets from the records of `watch-rules`.

Decides when a generation is whole: its manifest has been read, what was read before it can
be used, and rules and lists are as many as it says. What stands behind the newest manifest
waits for the next one. Putting a set in force is the caller's business.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import structlog

from schemas.message import MalformedMessageError
from schemas.rule import RulesManifest, TermList, WatchRule
from services.bus.port import Record
from services.engine.errors import RuleError
from services.engine.options import Options
from services.engine.parse import Lists, parse
from services.engine.ruleset import RuleSet

log = structlog.get_logger()

MANIFEST = "manifest"
"""The key of the record that closes a generation."""
_RULE = "rule:"
_LIST = "list:"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands, and when it was written: which record it is."""

    partition: int
    offset: int
    written_at: datetime

    @classmethod
    def of(cls, record: Record) -> "Place":
        """The place of `record`."""
        return cls(record.partition, record.offset, record.written_at)


@dataclass(frozen=True, slots=True)
class Generation:
    """A whole generation, and all that it takes to read on from its manifest."""

    rules: RuleSet
    lists: Mapping[str, TermList]
    manifest: RulesManifest
    place: Place
    """Where the manifest stands."""


class _Waiting(NamedTuple):
    """A rule that was read, as it came: a million of them as objects would take gigabytes."""

    version: int
    value: bytes

    @property
    def rule(self) -> WatchRule:
        return WatchRule.decode(self.value)


@dataclass(slots=True)
class _Changes:
    """What was read and is not in the set yet. A list that is gone is None."""

    upserts: dict[str, _Waiting] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    lists: dict[str, TermList | None] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing was read."""
        return not (self.upserts or self.removed or self.lists)

    def add(self, later: "_Changes") -> None:
        """Put what happened after this on top of it."""
        for rule_id in later.removed:
            self.upserts.pop(rule_id, None)
        self.removed |= later.removed
        self.upserts |= later.upserts
        self.lists |= later.lists


class RuleReader:
    """Takes records in with `read`, and says what they have come to with `whole`.

    A record that cannot be used is kept in `problems`, so that its generation never counts
    as whole: the rules in force stay, and somebody is told.
    """

    def __init__(self, known: Generation | None = None) -> None:
        self._set = known.rules if known else RuleSet.of([])
        self._lists: Mapping[str, TermList] = known.lists if known else {}
        self._generation = known.manifest.generation if known else 0
        # In a compacted topic a list may stand behind the rules that use it, so nothing is
        # parsed before the manifest. Closed is what one has closed, open what comes after.
        self._closed = _Changes()
        self._open = _Changes()
        self._manifest: tuple[RulesManifest, Place] | None = None
        self._undecodable: dict[str, str] = {}
        self._closed_without: frozenset[str] = frozenset()
        self._unreadable: dict[str, str] = {}
        self.incomplete: str | None = None
        """What the newest generation lacks; None while it is whole."""

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wrong with records, by key."""
        return self._undecodable | self._unreadable

    def read(self, records: Sequence[Record]) -> None:
        """Take in records, in order."""
        for record in records:
            try:
                self._take(record)
            except MalformedMessageError as error:
                self._undecodable[record.key] = str(error)
            else:
                self._undecodable.pop(record.key, None)

    def whole(self) -> Generation | None:
        """The newest generation read, if it is whole and was not returned before."""
        closed, self._manifest = self._manifest, None
        if closed is None:
            return None
        manifest, place = closed
        self._fold()
        if not self._is_whole(manifest):
            return None
        self.incomplete = None
        self._generation = manifest.generation
        return Generation(self._set, self._lists, manifest, place)

    def go_on_with(self, same: Generation) -> None:
        """The same rules in another set: changes are made to that from now on."""
        self._set = same.rules

    @property
    def is_amid(self) -> bool:
        """Whether something was read behind the newest manifest."""
        return not self._open.empty or bool(self._undecodable)

    def _take(self, record: Record) -> None:
        if record.key == MANIFEST:
            self._take_manifest(RulesManifest.decode(record.value), Place.of(record))
        elif record.key.startswith(_RULE):
            self._take_rule(record)
        elif record.key.startswith(_LIST):
            self._take_list(record)

    def _take_manifest(self, manifest: RulesManifest, place: Place) -> None:
        known = self._manifest[0].generation if self._manifest else self._generation
        if manifest.generation >= known:
            self._manifest = (manifest, place)
            self._closed.add(self._open)
            self._open = _Changes()
            self._closed_without = frozenset(self._undecodable) - {MANIFEST}

    def _take_rule(self, record: Record) -> None:
        rule_id = record.key.removeprefix(_RULE)
        if record.value is None:
            self._open.upserts.pop(rule_id, None)
            self._open.removed.add(rule_id)
            return
        rule = WatchRule.decode(record.value)
        _check_key(rule, record)
        # A broadcast that is repeated after a crash must not bring an older version back.
        if rule.version >= self._version_of_rule(rule_id):
            self._open.upserts[rule_id] = _Waiting(rule.version, record.value)

    def _version_of_rule(self, rule_id: str) -> int:
        for changes in (self._open, self._closed):
            if rule_id in changes.upserts:
                return changes.upserts[rule_id].version
            if rule_id in changes.removed:
                return 0
        known = self._set.rules.get(rule_id)
        return known.version if known else 0

    def _take_list(self, record: Record) -> None:
        name = record.key.removeprefix(_LIST)
        if record.value is None:
            self._open.lists[name] = None
            return
        given = TermList.decode(record.value)
        _check_key(given, record)
        places = (self._open.lists, self._closed.lists, self._lists)
        known = next((place[name] for place in places if name in place), None)
        if known is None or given.version >= known.version:
            self._open.lists[name] = given

    def _is_whole(self, manifest: RulesManifest) -> bool:
        # Where a record could not be used the count may still be right, with an old version
        # of that rule in it.
        rules, lists = len(self._set), len(self._lists)
        is_usable = not (self._closed_without or self._unreadable)
        if is_usable and (rules, lists) == (manifest.rules, manifest.lists):
            return True
        self.incomplete = (
            f"generation {manifest.generation} of the rules is not whole ({rules} of "
            f"{manifest.rules} rules and {lists} of {manifest.lists} lists here); "
            "the one before stays in force"
        )
        log.warning(self.incomplete, unusable=sorted(self.problems))
        return False

    def _fold(self) -> None:
        """Fold what a manifest has closed into the set; rules that cannot be read wait."""
        changes, self._closed = self._closed, _Changes()
        self._unreadable = {}
        if changes.empty:
            return
        if changes.lists:
            self._lists = {n: one for n, one in {**self._lists, **changes.lists}.items() if one}
        try:
            self._set = self._changed(changes, changes.upserts, ())
        except RuleError:
            bad = self._unusable(changes)
            good = {i: one for i, one in changes.upserts.items() if i not in bad}
            self._set = self._changed(changes, good, bad)
            self._closed.upserts = bad

    @property
    def _items(self) -> Lists:
        return {name: one.items for name, one in self._lists.items()}

    def _changed(
        self, changes: _Changes, upserts: Mapping[str, _Waiting], without: Iterable[str]
    ) -> RuleSet:
        rules = (one.rule for one in upserts.values())
        if not self._set:  # it may be all rules there are: one after the other
            return RuleSet.of(rules, self._items)
        removed = {*changes.removed, *without} - upserts.keys()
        return self._set.changed(rules, removed, self._items if changes.lists else None)

    def _unusable(self, changes: _Changes) -> dict[str, _Waiting]:
        """The rules that cannot be read with the lists; why is told in `problems`."""
        found, lists = {}, self._items
        for rule in self._concerned(changes):
            try:
                parse(rule.query, lists)
                Options.of_rule(rule)
            except RuleError as error:
                found[rule.rule_id] = _Waiting(rule.version, rule.encode())
                self._unreadable[rule.key] = str(error.of_rule(rule.rule_id))
        return found

    def _concerned(self, changes: _Changes) -> Iterator[WatchRule]:
        """The rules that changed, and those that may name a list that did."""
        yield from (one.rule for one in changes.upserts.values())
        for rule_id, rule in self._set.rules.items() if changes.lists else ():
            if "@" in rule.query and rule_id not in changes.removed | changes.upserts.keys():
                yield rule


def _check_key(message: WatchRule | TermList, record: Record) -> None:
    if message.key != record.key:
        raise MalformedMessageError(f"the record holds {message.key}")
