"""A feed between two polls as a string of bytes: a fifth of what its objects would take.

Decides nothing. Every field of `Memory` is kept, whatever is added to it, as long as it is a
plain value, a time, or a record of such that has a default. The times that every poll changes
stand beside the bytes: nearly all polls change nothing else, and then nothing is packed anew.
"""

import marshal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from operator import attrgetter
from types import NoneType
from typing import Any, cast, get_args, get_type_hints

from services.poller.memory import OF_EVERY_POLL, Memory, is_lasting_same

Spec = Mapping[str, Any]
"""What was written of a feed, as the database keeps it."""

Packed = tuple[bytes, float | None, float | None, float | None]
"""What lasts of a feed, and the times that every poll changes, in the order of the fields."""


def pack(spec: Spec, memory: Memory) -> Packed:
    """A feed's specification and memory. A text that both hold is kept once."""
    values = _MEMORY.plain(memory)
    for place in _CHANGING:
        values[place] = None
    return marshal.dumps((dict(spec), values)), *_changing(memory)


def repack(spec: Spec, packed: Packed, before: Memory, after: Memory) -> Packed:
    """The same as `pack(spec, after)`, where `packed` is `pack(spec, before)`."""
    if is_lasting_same(before, after):
        return packed[0], *_changing(after)
    return pack(spec, after)


def unpack(packed: Packed) -> tuple[Spec, Memory]:
    """What was packed."""
    spec, values = marshal.loads(packed[0])
    for place, value in zip(_CHANGING, packed[1:], strict=True):
        values[place] = value
    memory: Memory = _MEMORY.record(values)
    return spec, memory


def spec_of(packed: Packed) -> Spec:
    """The specification alone."""
    spec: Spec = marshal.loads(packed[0])[0]
    return spec


_Way = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Form:
    """How records of a kind become lists of plain values and back.

    Fields that are plain have no way: there are many more of them.
    """

    kind: Any
    values: _Way
    there: tuple[tuple[int, _Way], ...]
    back: tuple[tuple[int, _Way], ...]

    def plain(self, record: Any) -> list[Any]:
        values = list(self.values(record))
        for place, to_plain in self.there:
            if values[place] is not None:
                values[place] = to_plain(values[place])
        return values

    def record(self, values: list[Any]) -> Any:
        for place, from_plain in self.back:
            if values[place] is not None:
                values[place] = from_plain(values[place])
        return self.kind(*values)


_TIMES: Mapping[Any, tuple[_Way, _Way]] = {
    # A microsecond survives as a float until the year 2255.
    datetime: (datetime.timestamp, partial(datetime.fromtimestamp, tz=UTC)),
    timedelta: (timedelta.total_seconds, partial(timedelta, 0)),
    date: (date.toordinal, date.fromordinal),
}
_DEFAULT = 0


def _form(kind: Any) -> _Form:
    names = [field.name for field in fields(kind)]
    hints = get_type_hints(kind)
    ways = [(place, _ways(hints[name])) for place, name in enumerate(names)]
    return _Form(
        kind,
        attrgetter(*names),
        tuple((place, way[0]) for place, way in ways if way),
        tuple((place, way[1]) for place, way in ways if way),
    )


def _ways(hint: Any) -> tuple[_Way, _Way] | None:
    """How values of a type become plain and back; None where they are plain."""
    (kind,) = [k for k in get_args(hint) or (hint,) if k is not NoneType]
    if not is_dataclass(kind):
        return _TIMES.get(kind)
    default, form = cast(Any, kind)(), _form(kind)  # most feeds are well and stay where they are
    return (
        lambda record: _DEFAULT if record is default or record == default else form.plain(record),
        lambda plain: form.record(plain) if plain else default,
    )


_MEMORY = _form(Memory)
_CHANGING = tuple(
    place for place, field in enumerate(fields(Memory)) if field.name in OF_EVERY_POLL
)


def _changing(memory: Memory) -> tuple[float | None, float | None, float | None]:
    due, succeeded, interval = memory.next_due_at, memory.last_success_at, memory.interval
    return (
        None if due is None else due.timestamp(),
        None if succeeded is None else succeeded.timestamp(),
        None if interval is None else interval.total_seconds(),
    )
