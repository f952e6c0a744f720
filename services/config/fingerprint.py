"""Whether the folder has changed since somebody looked.

Decides by name, time, size and inode of the files, and waits for one more look that shows
the same: editors write in several steps. It looks instead of listening, because
notifications do not arrive over network and bind mounts. What to do about a change is the
caller's business.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from services.config.files import find_files

Mark = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Differs when a file that counts was added, removed or written; hashable."""

    marks: tuple[Mark, ...]
    troubles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What a watcher knows: the state last reported, and the one seen at the last look."""

    reported: Fingerprint
    last: Fingerprint

    def then(self, found: Fingerprint) -> tuple["Look", bool]:
        """After another look; and whether a change is now to be reported."""
        settled = found == self.last and found != self.reported
        return Look(found if settled else self.reported, found), settled


def fingerprint(folder: Path) -> Fingerprint:
    """How the files of `folder` stand now. Blocks; raises nothing for what it finds."""
    files = find_files(folder)
    names = sorted(name for group in files.names.values() for name in group)
    troubles = (str(problem) for problem in files.problems)
    return Fingerprint(tuple(_mark(folder, name) for name in names), tuple(troubles))


async def watch(
    folder: Path, interval: float, since: Fingerprint | None = None
) -> AsyncGenerator[Fingerprint, None]:
    """Looks every `interval` seconds and yields each time the folder has changed and settled.

    `since` is the fingerprint taken *before* the caller read the folder; without it changes
    count from now. A change while the caller works on the last one is reported next.
    """
    start = since if since else await asyncio.to_thread(fingerprint, folder)
    look = Look(start, start)
    while True:
        await asyncio.sleep(interval)
        look, settled = look.then(await asyncio.to_thread(fingerprint, folder))
        if settled:
            yield look.reported


def _mark(folder: Path, name: str) -> Mark:
    try:
        found = os.stat(folder / name)  # noqa: PTH116 — follows links, as reading does
    except OSError as error:
        return (name, -1, error.errno or 0, 0)
    return (name, found.st_mtime_ns, found.st_size, found.st_ino)
