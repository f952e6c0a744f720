"""The script of a newsroom: outlets, the archive they start with, and what comes out when.

Decides what a script file may say and reads it with the pieces it names. Playing it is
`playback`'s business.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, PositiveFloat, ValidationError

from schemas.folder import Id, Written
from services.embedded.demo.piece import Piece, PieceError, parse_piece
from services.embedded.demo.rendering import Outlet

BUILTIN = Path(__file__).parent / "content" / "script.yaml"


class ScriptError(Exception):
    """A script cannot be used; the message names the file and the way out."""


class _Placed(Written):
    outlet: Id
    article: str


class _Archived(_Placed):
    hours: float = Field(ge=0)


class _Timed(_Placed):
    at: float = Field(ge=0)


class _Pool(Written):
    seconds_between: tuple[PositiveFloat, PositiveFloat] = (20, 40)
    articles: tuple[_Placed, ...] = ()


class _ScriptFile(Written):
    outlets: tuple[Outlet, ...] = ()
    archive: tuple[_Archived, ...] = ()
    timeline: tuple[_Timed, ...] = ()
    pool: _Pool = _Pool()


@dataclass(frozen=True, slots=True)
class Cue:
    """A piece, its place, and when: `hours` of age in the archive, seconds in the timeline."""

    outlet_id: str
    slug: str
    piece: Piece
    when: float = 0


@dataclass(frozen=True, slots=True)
class Script:
    """A script that has been read whole."""

    outlets: tuple[Outlet, ...] = ()
    archive: tuple[Cue, ...] = ()
    timeline: tuple[Cue, ...] = ()
    pool: tuple[Cue, ...] = ()
    pool_seconds: tuple[float, float] = (20, 40)


def read_script(path: Path) -> Script:
    """Read a script file and every piece it names, relative to the file's folder."""
    spec = _read_spec(path)
    _check_outlets(path, spec)
    folder = path.parent
    script = Script(
        outlets=spec.outlets,
        archive=tuple(_cue(folder, placed, placed.hours) for placed in spec.archive),
        timeline=tuple(_cue(folder, placed, placed.at) for placed in _in_order(spec.timeline)),
        pool=tuple(_cue(folder, placed, 0) for placed in spec.pool.articles),
        pool_seconds=spec.pool.seconds_between,
    )
    _check_pieces(path, script)
    return script


def _read_spec(path: Path) -> _ScriptFile:
    try:
        return _ScriptFile.model_validate(yaml.safe_load(path.read_text("utf-8")) or {})
    except OSError as error:
        raise ScriptError(
            f"{path}: cannot be read ({error.strerror}); give the path of a script, or builtin"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
        raise ScriptError(f"{path}: not a script: {error}") from error


def _check_outlets(path: Path, spec: _ScriptFile) -> None:
    known = {outlet.id for outlet in spec.outlets}
    if len(known) < len(spec.outlets):
        raise ScriptError(f"{path}: two outlets have the same id; rename one")
    placed = (*spec.archive, *spec.timeline, *spec.pool.articles)
    for unknown in sorted({item.outlet for item in placed} - known):
        raise ScriptError(f'{path}: there is no outlet "{unknown}"; add it under outlets')


def _check_pieces(path: Path, script: Script) -> None:
    pages = Counter((cue.outlet_id, cue.slug) for cue in (*script.archive, *script.timeline))
    for (outlet_id, slug), count in pages.items():
        if count > 1:
            raise ScriptError(f'{path}: "{outlet_id}" publishes {slug} {count} times; keep one')


def _in_order(timeline: tuple[_Timed, ...]) -> list[_Timed]:
    return sorted(timeline, key=lambda timed: timed.at)


def _cue(folder: Path, placed: _Placed, when: float) -> Cue:
    path = folder / placed.article
    try:
        piece = parse_piece(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, PieceError) as error:
        raise ScriptError(f"{path}: {error}") from error
    return Cue(placed.outlet, path.stem, piece, when)
