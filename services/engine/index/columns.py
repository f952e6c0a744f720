"""Arrays that grow at their end: what the index is made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]

_FIRST_ROOM = 16
_LARGE = 1_000_000  # from here on room is made by the eighth


class Column:
    """Values of one type, or rows of `width` values.

    `room` may be longer than what is in use, which is `values`.
    """

    __slots__ = ("room", "size")

    def __init__(self, dtype: DTypeLike, values: Array | None = None, width: int = 0) -> None:
        shape = (_FIRST_ROOM, width) if width else _FIRST_ROOM
        self.room: Array = np.zeros(shape, dtype) if values is None else values
        self.size = 0 if values is None else len(values)

    @property
    def values(self) -> Array:
        """The values in use."""
        return self.room[: self.size]

    def append(self, value: int | Sequence[int]) -> int:
        """Add a value, or a row; its place."""
        place = self.size
        if place == len(self.room):
            self._grow(place + 1)
        self.room[place] = value
        self.size = place + 1
        return place

    def extend(self, values: Sequence[int] | Sequence[Sequence[int]] | Array) -> int:
        """Add values, or rows; the place of the first."""
        place, end = self.size, self.size + len(values)
        if end > len(self.room):
            self._grow(end)
        self.room[place:end] = values
        self.size = end
        return place

    def reach(self, size: int, filling: int) -> None:
        """Have at least `size` values; new ones are `filling`."""
        if size > len(self.room):
            self._grow(size)
        if size > self.size:
            self.room[self.size : size] = filling
            self.size = size

    def _grow(self, size: int) -> None:
        now = len(self.room)
        more = now if now < _LARGE else now // 8
        grown = np.zeros((max(size, now + more), *self.room.shape[1:]), self.room.dtype)
        grown[: self.size] = self.room[: self.size]
        self.room = grown


class Table:
    """A hash table from 64-bit keys to numbers from 0, read by the kernel as rows.

    A row is a key and its number plus 1; that is 0 where a place is free. Open addressing
    with linear probing, at most half full.
    """

    __slots__ = ("rows", "size")

    def __init__(self, rows: Array | None = None) -> None:
        self.rows: Array = np.zeros((64, 2), np.int64) if rows is None else rows
        self.size = 0 if rows is None else int((rows[:, 1] > 0).sum())

    def get(self, key: int) -> int:
        """The number of `key`; -1 if it has none."""
        return int(self.rows[self._place(key), 1]) - 1

    def set(self, key: int, number: int) -> int:
        """Give `key` a number; the one it had before, -1 for none."""
        place = self._place(key)
        before = int(self.rows[place, 1]) - 1
        if before < 0:
            if 2 * (self.size + 1) > len(self.rows):
                used = self.rows[self.rows[:, 1] > 0]
                self.rows = tabled(used[:, 0], used[:, 1] - 1)
                place = self._place(key)
            self.size += 1
        self.rows[place] = (signed(key), number + 1)
        return before

    def _place(self, key: int) -> int:
        mask = len(self.rows) - 1
        wanted = signed(key)
        place = mixed(key) & mask
        rows = self.rows
        while (row := rows[place])[1] and row[0] != wanted:
            place = (place + 1) & mask
        return place


def tabled(keys: Array, numbers: Array) -> Array:
    """The rows of a table of these distinct keys, at most a quarter to a half full."""
    room = 64
    while room < 2 * len(keys) + 2:
        room *= 2
    rows = np.zeros((room, 2), np.int64)
    signed_keys = keys.view(np.int64) if keys.dtype == np.uint64 else keys
    places = _mixed_all(signed_keys) & (room - 1)
    left = np.arange(len(keys))
    while len(left):
        where = places[left]
        trying = left[rows[where, 1] == 0]
        # Of several keys for one free place the last one written has it.
        rows[places[trying], 0] = signed_keys[trying]
        rows[places[trying], 1] = numbers[trying] + 1
        left = left[rows[where, 0] != signed_keys[left]]
        places[left] = (places[left] + 1) & (room - 1)
    return rows


_FACTOR = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, Knuth's multiplicative hashing
_MASK64 = 0xFFFFFFFFFFFFFFFF


def signed(key: int) -> int:
    """A 64-bit key as the signed number of the same bits."""
    return key - (1 << 64) if key >> 63 else key


def mixed(key: int) -> int:
    """A hash of a 64-bit key, the same as the kernel's."""
    return ((key * _FACTOR) & _MASK64) >> 32


def _mixed_all(keys: Array) -> Array:
    with np.errstate(over="ignore"):
        mixed_keys = (keys.view(np.uint64) * np.uint64(_FACTOR)) >> np.uint64(32)
    return mixed_keys.astype(np.int64)
