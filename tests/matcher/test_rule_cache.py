"""The rules on disk: whole or not at all, and never a reason not to start."""

import fcntl
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from schemas.rule import RulesManifest, TermList
from services.engine.ruleset import RuleSet
from services.matcher import cache as module
from services.matcher import set_files
from services.matcher.cache import RuleCache
from services.matcher.reader import Generation, Place
from services.matcher.trust import Remembered
from tests.matcher.broadcast import NOW, article, rule, term_list

LISTS: Mapping[str, TermList] = {"ships": term_list("ships", "ferry", version=3)}
RULES = RuleSet.of([rule("a", "@ships", 2), rule("b", "harbour")], {"ships": ["ferry"]})


def remembered(
    number: int = 1, rules: RuleSet = RULES, lists: Mapping[str, TermList] = LISTS
) -> Remembered:
    manifest = RulesManifest(generation=number, rules=len(rules), lists=len(lists), announcement=9)
    place = Place(0, 10 * number, NOW + timedelta(seconds=number))
    return Remembered(Generation(rules, lists, manifest, place), NOW + timedelta(minutes=number))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def said() -> Any:
    with structlog.testing.capture_logs() as logs:
        yield logs


def generation_in(folder: Path) -> int | None:
    found = RuleCache(folder).load()
    return found.generation.manifest.generation if found else None


def data_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("data-*"))


def test_what_is_saved_is_loaded_as_it_was(folder: Path, said: list[Any]) -> None:
    RuleCache(folder).save(remembered())
    found = RuleCache(folder).load()
    assert found is not None
    assert (found.complete_at, found.generation.place) == (
        remembered().complete_at,
        remembered().generation.place,
    )
    assert found.generation.manifest == remembered().generation.manifest
    assert found.generation.lists == LISTS
    assert found.generation.rules.rules == RULES.rules
    assert [match.rule_id for match in found.generation.rules.match(article()).matches] == ["a"]
    assert said == []


def test_without_a_cache_there_is_nothing_and_no_warning(folder: Path, said: list[Any]) -> None:
    assert RuleCache(folder).load() is None
    assert said == []


def test_the_newest_replaces_the_one_before_and_its_files(folder: Path) -> None:
    cache = RuleCache(folder)
    cache.save(remembered(1))
    cache.save(remembered(2, RULES.changed([rule("c")], [])))
    assert generation_in(folder) == 2
    assert len(data_of(folder)) == 1


def test_rules_that_have_not_changed_are_not_written_again(folder: Path) -> None:
    cache = RuleCache(folder)
    cache.save(remembered(1))
    before = data_of(folder)
    cache.save(remembered(2))
    assert generation_in(folder) == 2
    assert data_of(folder) == before


def test_rules_that_were_loaded_are_not_written_again(folder: Path) -> None:
    RuleCache(folder).save(remembered(1))
    before = data_of(folder)
    cache = RuleCache(folder)
    found = cache.load()
    assert found is not None
    cache.save(remembered(2, found.generation.rules, found.generation.lists))
    assert generation_in(folder) == 2
    assert data_of(folder) == before


def test_what_another_process_has_saved_is_not_written_again(folder: Path) -> None:
    RuleCache(folder).save(remembered(1))
    before = data_of(folder)
    other = RuleCache(folder)
    other.save(remembered(1))
    assert data_of(folder) == before
    later = Remembered(remembered(1).generation, NOW + timedelta(days=1))
    other.save(later)
    found = RuleCache(folder).load()
    assert found is not None
    assert found.complete_at == later.complete_at
    assert data_of(folder) == before


def test_data_that_another_process_has_replaced_are_written_anew(folder: Path) -> None:
    one, other = RuleCache(folder), RuleCache(folder)
    one.save(remembered(1))
    other.save(remembered(2, RULES.changed([rule("c")], [])))
    one.save(remembered(3))
    assert generation_in(folder) == 3


def test_while_another_process_writes_nothing_is_written(folder: Path, said: list[Any]) -> None:
    RuleCache(folder).save(remembered(1))
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        RuleCache(folder).save(remembered(2))
    assert generation_in(folder) == 1
    assert said == []


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _remove(path: Path) -> None:
    path.unlink()


DAMAGE: list[Callable[[Path], None]] = [_cut_short, _flip_a_bit, _empty, _remove]


def files_of(folder: Path) -> list[str]:
    (data,) = data_of(folder)
    return [str(path.relative_to(data)) for path in sorted(data.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_any_file_is_a_warning_and_the_cache_is_written_anew(
    folder: Path, said: list[Any], damage: Callable[[Path], None]
) -> None:
    RuleCache(folder).save(remembered())
    names = [name for name in files_of(folder) if (data_of(folder)[0] / name).stat().st_size]
    assert names
    for name in names:
        said.clear()
        damage(data_of(folder)[0] / name)
        assert RuleCache(folder).load() is None, name
        assert [(one["log_level"], one["event"]) for one in said] == [
            ("warning", "the cache of the rules cannot be read")
        ]
        RuleCache(folder).save(remembered())
        assert generation_in(folder) == 1


@pytest.mark.parametrize("damage", [_cut_short, _empty])
def test_a_damaged_description_is_a_warning_and_is_replaced(
    folder: Path, said: list[Any], damage: Callable[[Path], None]
) -> None:
    RuleCache(folder).save(remembered())
    damage(folder / "cache.json")
    assert RuleCache(folder).load() is None
    assert said[0]["log_level"] == "warning"
    RuleCache(folder).save(remembered(2))
    assert generation_in(folder) == 2
    assert len(data_of(folder)) == 1


def test_a_cache_of_another_version_of_the_engine_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RuleCache(folder).save(remembered())
    with monkeypatch.context() as other:
        other.setattr(module, "engine_mark", lambda: "another")
        assert RuleCache(folder).load() is None
        RuleCache(folder).save(remembered())
        assert generation_in(folder) == 1
    assert generation_in(folder) is None


def test_a_crash_while_writing_leaves_the_one_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch, said: list[Any]
) -> None:
    RuleCache(folder).save(remembered(1))

    def fill_the_disk(where: Path, rules: RuleSet, lists: Mapping[str, TermList]) -> None:
        (where / "rules.jsonl").write_bytes(b"{")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(set_files, "save", fill_the_disk)
        RuleCache(folder).save(remembered(2))
    assert generation_in(folder) == 1
    assert len(data_of(folder)) == 1
    assert said[0]["log_level"] == "warning"
    assert "No space left" in said[0]["error"]


def test_what_a_killed_process_left_is_cleared_away(folder: Path) -> None:
    RuleCache(folder).save(remembered(1))
    (folder / "data-2-left").mkdir()
    (folder / "cache.json.new").write_text("{")
    assert generation_in(folder) == 1
    RuleCache(folder).save(remembered(3))
    assert generation_in(folder) == 3
    assert len(data_of(folder)) == 1


def test_a_cache_that_is_replaced_while_it_is_read_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, said: list[Any]
) -> None:
    RuleCache(folder).save(remembered(1))
    real = set_files.load

    def overtaken(where: Path) -> object:
        monkeypatch.setattr(set_files, "load", real)
        RuleCache(folder).save(remembered(2, RULES.changed([rule("c")], [])))
        return real(where)

    monkeypatch.setattr(set_files, "load", overtaken)
    assert generation_in(folder) == 2
    assert said == []


def test_a_folder_that_cannot_be_used_is_a_warning(tmp_path: Path, said: list[Any]) -> None:
    (tmp_path / "file").write_text("")
    cache = RuleCache(tmp_path / "file")
    cache.save(remembered())
    assert cache.load() is None
    cache.discard()
    assert {one["log_level"] for one in said} == {"warning"}


def test_what_is_discarded_is_gone(folder: Path) -> None:
    cache = RuleCache(folder)
    cache.save(remembered(1))
    cache.discard()
    assert generation_in(folder) is None
    cache.save(remembered(1))
    assert generation_in(folder) == 1
