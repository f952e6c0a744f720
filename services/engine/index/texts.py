"""The rules themselves, by slot: kept as bytes, read when somebody asks.

A million rules as objects would take gigabytes; most are never looked at.
"""

import json
from hashlib import blake2b
from typing import Any

import numpy as np

from schemas.rule import Severity, WatchRule
from services.engine.index.columns import Array, Column

_DEFAULTS: tuple[Any, ...] = ("", Severity.NORMAL.value, [], [], False, False)


class RuleTexts:
    """Rules by slot, and slots by rule id.

    Those it was opened with are found by a sorted array of hashes, later ones by a dict.
    """

    def __init__(
        self,
        blob: memoryview | bytes = b"",
        ends: Array | None = None,
        hashes: Array | None = None,
        order: Array | None = None,
    ) -> None:
        self._opened = memoryview(blob)
        self._added = bytearray()
        self.ends = Column(np.int64, ends)
        self._hashes: Array = np.zeros(0, np.uint64) if hashes is None else hashes
        self._order: Array = np.zeros(0, np.int32) if order is None else order
        self._later_hashes = Column(np.uint64)
        self._later: dict[str, list[int]] = {}

    def add(self, rule: WatchRule) -> None:
        """Append a rule, at the next slot."""
        self._added += encoded(rule)
        slot = self.ends.append(len(self._opened) + len(self._added))
        self._later_hashes.append(_hash(rule.rule_id))
        self._later.setdefault(rule.rule_id, []).append(slot)

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return self.ends.size

    def add_nothing(self) -> None:
        """Append a slot without a rule."""
        self.ends.append(len(self._opened) + len(self._added))
        self._later_hashes.append(0)

    def slots_of(self, rule_id: str) -> list[int]:
        """The slots of every version of a rule, the newest first."""
        later = self._later.get(rule_id, [])
        return [*reversed(later), *self._opened_slots(rule_id)]

    def _opened_slots(self, rule_id: str) -> list[int]:
        wanted = np.uint64(_hash(rule_id))
        place = int(np.searchsorted(self._hashes, wanted))
        slots = []
        while place < len(self._hashes) and self._hashes[place] == wanted:
            slots.append(int(self._order[place]))
            place += 1
        begin = (json.dumps(rule_id, ensure_ascii=False) + ",").encode("utf-8", "surrogatepass")
        return [slot for slot in reversed(slots) if self._bytes(slot).startswith(begin, 1)]

    def holds(self, slot: int, rule: WatchRule) -> bool:
        """Whether this very rule stands at a slot."""
        return self._bytes(slot) == encoded(rule)

    def fields(self, slot: int) -> list[Any]:
        """Id, version, query, name, severity, tags, languages, stem, clitics."""
        given: list[Any] = json.loads(self._bytes(slot))
        fields = given + list(_DEFAULTS[len(given) - 3 :])
        fields[3] = fields[3] or fields[0]
        return fields

    def rule(self, slot: int) -> WatchRule:
        """The rule at a slot."""
        rule_id, version, query, name, severity, tags, languages, stem, clitics = self.fields(slot)
        return WatchRule(
            rule_id=rule_id,
            version=version,
            name=name,
            query=query,
            severity=Severity(severity),
            tags=tuple(tags),
            languages=tuple(languages),
            stem=stem,
            clitics=clitics,
        )

    def rule_id(self, slot: int) -> str:
        """The id of the rule at a slot."""
        return str(self.fields(slot)[0])

    def _bytes(self, slot: int) -> bytes:
        start = int(self.ends.room[slot - 1]) if slot else 0
        end = int(self.ends.room[slot])
        opened = len(self._opened)
        if end <= opened:
            return bytes(self._opened[start:end])
        return bytes(self._added[start - opened : end - opened])

    def hashes(self) -> Array:
        """For saving: the hash of the id at each slot."""
        opened = len(self._hashes)
        hashes = np.concatenate([np.empty(opened, np.uint64), self._later_hashes.values])
        hashes[self._order] = self._hashes
        return hashes

    def blobs(self) -> tuple[memoryview, bytes]:
        """For saving: all rules, in two parts."""
        return self._opened, bytes(self._added)


def encoded(rule: WatchRule) -> bytes:
    """A rule in few bytes; what has its default value is left out at the end."""
    name = "" if rule.name == rule.rule_id else rule.name
    values = [rule.severity.value, list(rule.tags), list(rule.languages), rule.stem, rule.clitics]
    fields: list[Any] = [name, *values]
    while fields and fields[-1] == _DEFAULTS[len(fields) - 1]:
        fields.pop()
    head = [rule.rule_id, rule.version, rule.query]
    return json.dumps([*head, *fields], ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def _hash(rule_id: str) -> int:
    digest = blake2b(rule_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
