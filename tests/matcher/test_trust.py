"""What is remembered of the rules is believed only where nothing can have been missed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.rule import RulesManifest
from schemas.topics import TOMBSTONES_KEPT
from services.bus.port import Record
from services.engine.ruleset import RuleSet
from services.matcher.reader import Generation, Place
from services.matcher.trust import Evidence, Remembered, why_not
from tests.matcher.broadcast import NOW, rule

MANIFEST = RulesManifest(generation=7, rules=1, announcement=5)
PLACE = Place(0, 40, NOW)
KNOWN = Remembered(Generation(RuleSet.of([rule("a")]), {}, MANIFEST, PLACE), NOW)
LATER = MANIFEST.model_copy(update={"generation": 8})


def record(offset: int, message: RulesManifest | None = None, value: bytes | None = None) -> Record:
    key = "manifest" if message else f"rule:{offset}"
    return Record("watch-rules", 0, offset, key, message.encode() if message else value, {}, NOW)


AT_PLACE = record(40, MANIFEST)


def doubt(*records: Record, age: timedelta = timedelta(minutes=1)) -> str | None:
    evidence = Evidence(PLACE)
    for one in records:  # in batches of one
        evidence.take([one])
    return why_not(KNOWN, evidence, NOW + age)


def test_the_place_is_read_again_to_see_what_stands_there() -> None:
    assert KNOWN.reread == {0: 39}
    first = replace(KNOWN.generation, place=Place(0, 0, NOW))
    assert replace(KNOWN, generation=first).reread == {}


def test_what_still_stands_at_its_place_is_believed() -> None:
    assert doubt(AT_PLACE) is None
    assert doubt(AT_PLACE, record(41), record(42)) is None
    assert doubt(AT_PLACE, record(41), record(42, LATER)) is None


def test_records_before_the_place_prove_nothing() -> None:
    assert doubt(record(38), record(39, LATER)) is not None
    assert doubt(record(39, LATER), AT_PLACE) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(AT_PLACE, written_at=NOW + timedelta(milliseconds=1)),
        record(40),
        record(40, LATER),
        record(40, MANIFEST.model_copy(update={"rules": 2})),
        replace(AT_PLACE, value=b"{"),
    ],
)
def test_another_record_at_its_place_is_another_topic(other: Record) -> None:
    assert doubt(other) == "another record stands at its place"
    assert doubt(other, record(41, LATER)) == "another record stands at its place"


def test_a_manifest_that_compaction_removed_is_replaced_by_a_later_one_of_its_line() -> None:
    assert doubt(record(41), record(42, LATER)) is None


def test_without_its_own_and_a_later_manifest_nothing_is_known() -> None:
    assert doubt() == "its manifest is gone and no other has come"
    assert doubt(record(41)) == "its manifest is gone and no other has come"
    assert doubt(record(41), replace(record(42, LATER), value=b"{")) is not None


@pytest.mark.parametrize("announcement", [0, 6])
@pytest.mark.parametrize("before", [(), (AT_PLACE,)])
def test_after_everything_was_announced_anew_it_is_read_anew(
    announcement: int, before: tuple[Record, ...]
) -> None:
    anew = LATER.model_copy(update={"announcement": announcement})
    assert doubt(*before, record(42, anew)) == "everything was announced anew since"


def test_manifests_without_an_announcement_do_not_belong_together() -> None:
    nameless = MANIFEST.model_copy(update={"announcement": 0})
    known = Remembered(replace(KNOWN.generation, manifest=nameless), NOW)
    evidence = Evidence(PLACE)
    evidence.take([record(42, LATER.model_copy(update={"announcement": 0}))])
    assert why_not(known, evidence, NOW) is not None


def test_a_topic_that_went_back_is_not_believed() -> None:
    earlier = MANIFEST.model_copy(update={"generation": 6})
    assert doubt(record(42, earlier)) == "the topic holds an earlier generation"


def test_where_removals_may_have_been_forgotten_it_is_too_old() -> None:
    old = TOMBSTONES_KEPT - timedelta(hours=3)
    assert "old" in (doubt(AT_PLACE, record(42, LATER), age=old) or "")
    assert "old" in (doubt(record(42, LATER), age=old) or "")
    assert "old" in (doubt(AT_PLACE, record(41), age=old) or "")
    assert doubt(AT_PLACE, record(42, LATER), age=TOMBSTONES_KEPT - timedelta(hours=5)) is None


def test_where_nothing_was_written_since_age_does_not_count() -> None:
    assert doubt(AT_PLACE, age=timedelta(days=400)) is None


def test_a_clock_that_went_back_does_not_make_it_young() -> None:
    assert doubt(AT_PLACE, record(41), age=-timedelta(minutes=1)) is None
    assert doubt(AT_PLACE, record(41), age=-timedelta(days=2)) is not None
