"""Feeds written into the operator's folder, and read from it."""

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from schemas.folder import FeedSpec
from services.config.feeds_file import as_yaml, with_feeds
from services.config.folder import read_feeds
from services.config.items import Listing
from services.embedded.commands import INVALID, Said

_NAMES = ("feeds.yaml", "feeds.yml")


def feeds_of(folder: Path) -> Listing[FeedSpec] | Said:
    """The feeds of a folder; what to say where they cannot be read."""
    if not folder.is_dir():
        return Said(INVALID, (), [f"{folder}: no such folder; make it, or name it with --config"])
    listing, problems = read_feeds(folder)
    if problems:
        told = [f"{folder}/{problem}" for problem in problems]
        return Said(INVALID, (), [*told, "nothing was changed; mend this first"])
    return listing


def append_feeds(folder: Path, feeds: Sequence[FeedSpec]) -> Path | Said:
    """Write feeds at the end of the folder's feeds.yaml; the file, or why that cannot be done.

    The file is replaced in one step: whoever reads it sees it without them or with them.
    """
    path = _file_of(folder)
    try:
        raw = path.read_bytes() if path.exists() else None
        text = None if raw is None else raw.decode("utf-8")
        changed = as_yaml(feeds) if text is None else with_feeds(text, feeds)
        if changed is None:
            return _by_hand(path, feeds)
        _replace(path.resolve(), changed.encode())
    except UnicodeDecodeError:
        return _by_hand(path, feeds)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        return Said(INVALID, (), [f"{path}: cannot be written: {why}; nothing was changed"])
    return path


def _file_of(folder: Path) -> Path:
    found = [folder / name for name in _NAMES if (folder / name).exists()]
    return found[0] if found else folder / _NAMES[0]


def _by_hand(path: Path, feeds: Sequence[FeedSpec]) -> Said:
    return Said(
        INVALID,
        as_yaml(feeds).splitlines()[1:],
        [f"{path}: not a plain list with a feed a line; add the lines above to it by hand"],
    )


def _replace(path: Path, content: bytes) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    # Hidden, so that nobody who watches the folder reads it.
    handle, name = tempfile.mkstemp(prefix=".feeds-", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
