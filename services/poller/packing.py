"""A feed between two polls as a string of bytes: a fifth of what its objects would take.

Decides nothing. Every field of `Memory` is kept, whatever is added to it, as long as it is a
plain value, a time, or a record of such.
"""

import marshal
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from types import NoneType
from typing import Any, get_args, get_type_hints

from services.poller.memory import Memory

Spec = Mapping[str, Any]
"""What was written of a feed, as the database keeps it."""


def pack(spec: Spec, memory: Memory) -> bytes:
    """A feed's specification and memory. A text that both hold is kept once."""
    return marshal.dumps((dict(spec), _plain(memory)))


def unpack(packed: bytes) -> tuple[Spec, Memory]:
    """What was packed."""
    spec, memory = marshal.loads(packed)
    return spec, _record(Memory, memory)


def spec_of(packed: bytes) -> Spec:
    """The specification alone."""
    spec: Spec = marshal.loads(packed)[0]
    return spec


def _plain(record: Any) -> tuple[Any, ...]:
    kind: Any = type(record)
    return tuple(
        [
            value if to_plain is None or value is None else to_plain(value)
            for value, (to_plain, _) in zip(
                [getattr(record, name) for name in _names(kind)], _ways(kind), strict=True
            )
        ]
    )


def _record(kind: Any, plain: tuple[Any, ...]) -> Any:
    return kind(
        *[
            value if from_plain is None or value is None else from_plain(value)
            for value, (_, from_plain) in zip(plain, _ways(kind), strict=True)
        ]
    )


_Way = tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]
_AS_IT_IS: _Way = (None, None)
_TIMES: Mapping[Any, _Way] = {
    # A microsecond survives as a float until the year 2255.
    datetime: (datetime.timestamp, lambda value: datetime.fromtimestamp(value, UTC)),
    timedelta: (timedelta.total_seconds, lambda value: timedelta(seconds=value)),
    date: (date.toordinal, date.fromordinal),
}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _ways(kind: Any) -> tuple[_Way, ...]:
    """For each field, how its value is made plain and back; None where it is plain."""
    hints = get_type_hints(kind)
    return tuple(_way(hints[name]) for name in _names(kind))


def _way(hint: Any) -> _Way:
    (kind,) = [k for k in get_args(hint) or (hint,) if k is not NoneType]
    if is_dataclass(kind):
        return _plain, lambda plain: _record(kind, plain)
    return _TIMES.get(kind, _AS_IT_IS)
