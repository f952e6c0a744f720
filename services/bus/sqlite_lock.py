"""The lock that lets one process at a time consume from a bus file.

Decides who consumes: whoever holds the kernel's lock on `<bus file>.lock`. The kernel
releases it with the process, however that ends; the number written into the file only
serves the message. Which consumer within the process reads is `sqlite_consumer`'s.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from services.bus.errors import BusInUseError
from services.bus.port import BusUnavailableError

# A forked child shares its parent's lock and would keep it after the parent was killed.
_held: set[int] = set()


def _let_go_in_child() -> None:
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


class ConsumeLock:
    """Held while there is at least one consumer in this process."""

    def __init__(self, bus_file: Path) -> None:
        self._bus_file = bus_file
        self._file = bus_file.with_name(f"{bus_file.name}.lock")
        self._descriptor = -1
        self._holders = 0

    def acquire(self) -> None:
        """Raises BusInUseError when another process consumes."""
        if self._holders == 0:
            self._descriptor = self._locked()
            _held.add(self._descriptor)
        self._holders += 1

    def release(self) -> None:
        """Undo one `acquire`; the last one lets other processes consume."""
        self._holders -= 1
        if self._holders == 0:
            _held.discard(self._descriptor)
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)

    def _locked(self) -> int:
        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise BusUnavailableError(f"lock {self._file}: {error.strerror}") from error
        try:
            self._lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            raise BusInUseError(
                f"bus {self._bus_file} is consumed by process {holder or '(not known)'}; "
                "one process at a time may do that, stop the other one first"
            ) from error
        # On a full disk the lock holds all the same; only its message says less.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
