"""Watching the folder: what counts as a change, and when it is reported."""

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from services.config.fingerprint import Fingerprint, Look, fingerprint, watch

LOOK_EVERY = 0.005
PATIENCE = 20


def make(folder: Path) -> Path:
    (folder / "rules").mkdir()
    for name in ("feeds.yaml", "rules/iran.yaml", "channels.yaml", "subscriptions.yaml"):
        (folder / name).write_text("x")
    return folder


def state(name: str) -> Fingerprint:
    return Fingerprint(((name, 0, 0, 0),), ())


def replace(folder: Path) -> None:
    (folder / "new").write_text("x")
    found = (folder / "feeds.yaml").stat()
    os.utime(folder / "new", ns=(found.st_atime_ns, found.st_mtime_ns))
    (folder / "new").rename(folder / "feeds.yaml")


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda folder: (folder / "feeds.yaml").write_text("longer"),
    "touched": lambda folder: os.utime(folder / "rules/iran.yaml", ns=(1, 1)),
    "added": lambda folder: (folder / "rules/oil.yml").write_text(""),
    "added OPML": lambda folder: (folder / "mine.opml").write_text(""),
    "removed": lambda folder: (folder / "channels.yaml").unlink(),
    "replaced by a file of the same time and size": replace,
    "a stray file, which is warned about": lambda folder: (folder / "feed.yaml").write_text(""),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_that_counts_changes_the_fingerprint(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    before = fingerprint(make(tmp_path))
    assert fingerprint(tmp_path) == before
    change(tmp_path)
    assert fingerprint(tmp_path) != before
    assert len({before, fingerprint(tmp_path)}) == 2


def test_what_editors_leave_around_changes_nothing(tmp_path: Path) -> None:
    before = fingerprint(make(tmp_path))
    for name in (".feeds.yaml.swp", "feeds.yaml~", "rules/.#iran.yaml", "notes.txt"):
        (tmp_path / name).write_text("x")
    assert fingerprint(tmp_path) == before


def test_a_folder_that_goes_away_is_a_change_and_not_a_crash(tmp_path: Path) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    before = fingerprint(folder)
    folder.rmdir()
    assert fingerprint(folder) != before


def test_a_link_is_followed_to_the_file_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x")
    (tmp_path / "two").write_text("x")
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "feeds.yaml").symlink_to(tmp_path / "data")
    (tmp_path / "data").symlink_to(tmp_path / "one")
    before = fingerprint(folder)
    (tmp_path / "data").unlink()
    (tmp_path / "data").symlink_to(tmp_path / "two")
    assert fingerprint(folder) != before


@pytest.mark.parametrize(
    ("seen", "reported"),
    [
        ("AAAA", ""),
        ("ABBB", "B"),
        ("ABCC", "C"),
        ("ABAA", ""),
        ("ABBCCAA", "BCA"),
        ("ABCDE", ""),
    ],
)
def test_a_change_is_reported_once_and_only_after_it_was_stable_for_one_more_look(
    seen: str, reported: str
) -> None:
    look = Look(state(seen[0]), state(seen[0]))
    found = ""
    for name in seen[1:]:
        look, settled = look.then(state(name))
        found += name if settled else ""
    assert found == reported


async def test_watching_yields_each_settled_change(tmp_path: Path) -> None:
    start = fingerprint(make(tmp_path))
    async with (
        asyncio.timeout(PATIENCE),
        aclosing(watch(tmp_path, LOOK_EVERY, since=start)) as changes,
    ):
        for text in ("longer", "even longer"):
            (tmp_path / "new").write_text(text)
            (tmp_path / "new").rename(tmp_path / "feeds.yaml")
            assert await anext(changes) == fingerprint(tmp_path)


async def test_a_change_between_the_callers_reading_and_its_watching_is_not_missed(
    tmp_path: Path,
) -> None:
    before = fingerprint(make(tmp_path))
    (tmp_path / "feeds.yaml").write_text("longer")
    async with (
        asyncio.timeout(PATIENCE),
        aclosing(watch(tmp_path, LOOK_EVERY, since=before)) as changes,
    ):
        assert await anext(changes) == fingerprint(tmp_path)
