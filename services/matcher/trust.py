"""Whether what a matcher remembers of `watch-rules` may be read on from. PURE.

A position by itself proves nothing: the topic may have been replaced and have grown past it,
and removals are forgotten by a compacted topic after a while. So a remembered generation is
believed only where the record at its place is still the same, or where the manifest read
behind it belongs to the same announcement of everything; and, where anything was written
since, only while no removal can have been forgotten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.message import MalformedMessageError
from schemas.rule import RulesManifest
from schemas.topics import TOMBSTONES_KEPT
from services.bus.port import Record
from services.matcher.reader import MANIFEST, Generation, Place

OLDEST = TOMBSTONES_KEPT - timedelta(hours=4)
"""Clocks differ, and reading takes its time."""


_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A generation that was in force, and when it was known that nothing stood behind it."""

    generation: Generation
    complete_at: datetime

    @property
    def reread(self) -> Mapping[int, int]:
        """What `Bus.follow` is to take for known: all but the manifest, which is looked at."""
        place = self.generation.place
        return {place.partition: place.offset - 1} if place.offset else {}


@dataclass(slots=True)
class Evidence:
    """What was read, from the remembered manifest on, up to the end."""

    place: Place | None
    """Where the remembered manifest stood; None where nothing is remembered."""
    at_place: Record | None = None
    newest: RulesManifest | None = None
    count: int = 0

    def take(self, records: Sequence[Record]) -> None:
        """Look at a batch."""
        if self.place is None:
            return
        for record in records:
            if (record.partition, record.offset) == (self.place.partition, self.place.offset):
                self.at_place = record
            elif record.offset > self.place.offset:
                self.count += 1
                self.newest = _manifest_in(record) or self.newest


def why_not(remembered: Remembered, found: Evidence, now: datetime) -> str | None:
    """What speaks against reading on from what is remembered; None if nothing does."""
    known = remembered.generation
    if found.at_place is not None and not _is_same(found.at_place, known):
        return "another record stands at its place"
    if found.at_place is None and found.newest is None:
        return "its manifest is gone and no other has come"
    if found.newest is not None:
        if found.newest.announcement != (known.manifest.announcement or None):
            return "everything was announced anew since"
        if found.newest.generation < known.manifest.generation:
            return "the topic holds an earlier generation"
    age = now - remembered.complete_at
    if found.count and not -_SKEW <= age <= OLDEST:
        return f"it is {age} old; removals since may have been forgotten"
    return None


def _is_same(record: Record, known: Generation) -> bool:
    is_there = record.written_at == known.place.written_at
    return is_there and _manifest_in(record) == known.manifest


def _manifest_in(record: Record) -> RulesManifest | None:
    if record.key != MANIFEST:
        return None
    try:
        return RulesManifest.decode(record.value)
    except MalformedMessageError:
        return None
