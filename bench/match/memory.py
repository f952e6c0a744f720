"""How much memory this process holds, as Linux counts it.

Decides what counts: all that is resident, and of files mapped from a folder also what is
not resident now, since matching may bring it in.
"""

import gc
import re
from dataclasses import asdict, dataclass
from pathlib import Path

_HEADER = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(?P<path>.*)")
_SIZE = re.compile(r"(?P<name>Size|Rss): +(?P<kilobytes>\d+) kB")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes."""

    resident: int
    mapped: int
    """Mapped from the folder, not resident."""

    @property
    def total(self) -> int:
        return self.resident + self.mapped

    def stored(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


def memory(folder: Path | None) -> Memory:
    """Of this process, now."""
    gc.collect()
    return parse(Path("/proc/self/smaps").read_text(), folder)


def parse(smaps: str, folder: Path | None) -> Memory:
    """Of the process with this `/proc/PID/smaps`."""
    resident = mapped = 0
    inside = False
    for line in smaps.splitlines():
        if header := _HEADER.fullmatch(line):
            path = Path(header["path"])
            inside = folder is not None and path.is_relative_to(folder.resolve())
        elif size := _SIZE.match(line):
            number = int(size["kilobytes"]) * 1024
            is_resident = size["name"] == "Rss"
            resident += number if is_resident else 0
            if inside:
                mapped += -number if is_resident else number
    return Memory(resident, mapped)
