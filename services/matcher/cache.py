"""The rules of this machine on its disk, so that a restart need not read and compile them all.

Decides what a cache must be to be read at all: of this form, written by this version of the
engine, and whole to the byte. Whether it still fits the topic, `trust` decides. A cache is
only ever a shortcut: whatever is wrong with it is a warning, and the topic is read instead.

The data lie in a folder of their own that is never changed; `cache.json` names it and is
replaced in one step. Several processes may share the folder: one at a time writes, and one
whose data are replaced while it reads them reads again.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal
from uuid import uuid4

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict

import services.engine
from schemas.rule import RulesManifest, TermList
from services.engine.ruleset import RuleSet
from services.matcher import set_files
from services.matcher.reader import Generation, Place
from services.matcher.trust import Remembered

log = structlog.get_logger()

_STATE = "cache.json"
_DATA = "data-"
_LOCK = "lock"
_CHUNK = 1 << 20


_Sums = dict[str, tuple[int, int]]
"""Size and CRC-32 of files by name."""


class _State(BaseModel):
    """What `cache.json` holds."""

    model_config = ConfigDict(frozen=True)

    form: Literal[1] = 1
    engine: str
    data: str
    files: _Sums
    manifest: RulesManifest
    partition: int
    offset: int
    written_at: AwareDatetime
    complete_at: AwareDatetime

    @property
    def place(self) -> Place:
        """Where the manifest stands."""
        return Place(self.partition, self.offset, self.written_at)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What this process knows to lie in a data folder."""

    rules: RuleSet
    lists: Mapping[str, TermList]
    data: str
    files: _Sums


class RuleCache:
    """The cache in `folder`. All methods block and raise nothing for what they find."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stored: _Stored | None = None

    def load(self) -> Remembered | None:
        """What was saved last, if it can be read."""
        try:
            state = self._state()
            while state is not None:
                found, state = self._load(state)
                if found is not None:
                    return found
        except Exception as error:
            # Whatever a broken file makes a decoder raise: the topic has it all.
            self._warn("the cache of the rules cannot be read", error)
            self.discard()  # so that it is written anew
        return None

    def save(self, remembered: Remembered) -> None:
        """Replace what was saved; what lies there already is not written again."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _only_writer(self._folder) as is_only:
                if is_only:
                    self._save(remembered)
        except Exception as error:
            self._warn("the cache of the rules could not be written", error)

    def discard(self) -> None:
        """Forget what was saved."""
        self._stored = None
        with suppress(OSError):
            (self._folder / _STATE).unlink()

    def _state(self) -> _State | None:
        """What `cache.json` says; None where there is none of this version of the engine."""
        try:
            content = (self._folder / _STATE).read_bytes()
        except FileNotFoundError:
            return None
        state = _State.model_validate_json(content)
        return state if state.engine == engine_mark() else None

    def _load(self, state: _State) -> tuple[Remembered | None, _State | None]:
        """What `state` names; or, where that was replaced meanwhile, what stands there now."""
        try:
            return self._loaded(state), None
        except (OSError, ValueError):
            now = self._state()
            if now is None or now.data == state.data:
                raise
            return None, now

    def _loaded(self, state: _State) -> Remembered:
        data = self._folder / state.data
        if _summed(data) != state.files:
            raise ValueError(f"the files of {state.data} are not as they were written")
        rules, lists = set_files.load(data)
        if (len(rules), len(lists)) != (state.manifest.rules, state.manifest.lists):
            raise ValueError(f"{state.data} does not hold what its manifest says")
        self._stored = _Stored(rules, lists, state.data, state.files)
        generation = Generation(rules, lists, state.manifest, state.place)
        return Remembered(generation, state.complete_at)

    def _save(self, remembered: Remembered) -> None:
        before = self._readable_state()
        generation = remembered.generation
        if before and _is_saved(before, generation):
            if before.complete_at < remembered.complete_at:
                self._put(before.model_copy(update={"complete_at": remembered.complete_at}))
            return
        stored = self._stored
        if stored is None or not self._still_holds(stored, generation):
            stored = self._write_data(generation)
        self._put(_state_of(remembered, stored))
        self._stored = stored
        for found in self._folder.glob(f"{_DATA}*"):
            if found.name != stored.data:
                shutil.rmtree(found, ignore_errors=True)

    def _readable_state(self) -> _State | None:
        try:
            return self._state()
        except (OSError, ValueError):
            return None

    def _still_holds(self, stored: _Stored, generation: Generation) -> bool:
        is_same = stored.rules is generation.rules and stored.lists is generation.lists
        return is_same and (self._folder / stored.data).is_dir()

    def _write_data(self, generation: Generation) -> _Stored:
        name = f"{_DATA}{generation.manifest.generation}-{uuid4().hex[:8]}"
        folder = self._folder / name
        folder.mkdir()
        try:
            set_files.save(folder, generation.rules, generation.lists)
            for path in [*folder.rglob("*"), folder]:
                _sync(path)
            return _Stored(generation.rules, generation.lists, name, _summed(folder))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _put(self, state: _State) -> None:
        temporary = self._folder / f"{_STATE}.new"
        temporary.write_text(state.model_dump_json())
        _sync(temporary)
        temporary.replace(self._folder / _STATE)
        _sync(self._folder)

    def _warn(self, what: str, error: Exception) -> None:
        told = f"{type(error).__name__}: {error}"[:500]
        log.warning(what, folder=str(self._folder), error=told)


@contextmanager
def _only_writer(folder: Path) -> Iterator[bool]:
    """Whether nobody else writes; the lock ends with the process, however it ends."""
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _state_of(remembered: Remembered, stored: _Stored) -> _State:
    place = remembered.generation.place
    return _State(
        engine=engine_mark(),
        data=stored.data,
        files=stored.files,
        manifest=remembered.generation.manifest,
        partition=place.partition,
        offset=place.offset,
        written_at=place.written_at,
        complete_at=remembered.complete_at,
    )


def _is_saved(state: _State, generation: Generation) -> bool:
    return (state.manifest, state.place) == (generation.manifest, generation.place)


def _summed(folder: Path) -> _Sums:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): _sum(path) for path in paths}


def _sum(path: Path) -> tuple[int, int]:
    size = checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            checksum = zlib.crc32(chunk, checksum)
    return size, checksum


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@cache
def engine_mark() -> str:
    """Another one wherever rules may be compiled to something else.

    That is: the engine's own code, and what it takes its words from.
    """
    mark = hashlib.sha256()
    for path in sorted(Path(services.engine.__path__[0]).rglob("*.py")):
        mark.update(path.name.encode() + b"\0" + path.read_bytes())
    versions = [metadata.version(name) for name in ("snowballstemmer", "numpy", "pydantic")]
    facts = [platform.python_version(), platform.machine(), unicodedata.unidata_version, *versions]
    mark.update(json.dumps(facts).encode())
    return mark.hexdigest()
