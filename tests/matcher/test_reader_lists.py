"""Saved lists among the rules: a generation with them is whole or not in force."""

import pytest

from services.bus.port import Record
from services.matcher.reader import RuleReader
from tests.matcher.broadcast import (
    article,
    gone,
    list_gone,
    manifest,
    on_topic,
    raw,
    rule,
    term_list,
)

FERRIES = term_list("ships", "ferry")
USER = rule("a", "@ships")


def read(reader: RuleReader, *records: Record) -> tuple[int, list[str]] | None:
    """The generation that became whole, and the rules that match an article about a ferry."""
    reader.read(records)
    whole = reader.whole()
    if whole is None:
        return None
    result = whole.rules.match(article())
    assert result.failures == ()
    return whole.manifest.generation, [match.rule_id for match in result.matches]


def started() -> RuleReader:
    """A reader with a list, a rule that uses it and one that does not."""
    reader = RuleReader()
    records = on_topic(FERRIES, USER, rule("b", "harbour"), manifest(1, 2, 1))
    assert read(reader, *records) == (1, ["a"])
    return reader


def test_a_rule_finds_what_stands_in_its_list() -> None:
    started()


def test_a_change_of_a_list_alone_changes_what_its_rules_find() -> None:
    reader = started()
    other = term_list("ships", "tanker", version=2)
    assert read(reader, *on_topic(other, manifest(2, 2, 1))) == (2, [])
    back = term_list("ships", "tanker", "ferry", version=3)
    assert read(reader, *on_topic(back, manifest(3, 2, 1))) == (3, ["a"])


def test_a_list_inside_another_changes_what_rules_find() -> None:
    reader = RuleReader()
    outer = term_list("ships", "@small")
    records = on_topic(term_list("small", "boat"), outer, USER, manifest(1, 1, 2))
    assert read(reader, *records) == (1, [])
    small = term_list("small", "ferry", version=2)
    assert read(reader, *on_topic(small, manifest(2, 1, 2))) == (2, ["a"])


def test_after_compaction_a_list_may_stand_behind_the_rules_that_use_it() -> None:
    newer = term_list("ships", "ferry", version=4)
    assert read(RuleReader(), *on_topic(USER, newer, manifest(9, 1, 1))) == (9, ["a"])


def test_an_older_manifest_that_compaction_left_does_no_harm() -> None:
    records = on_topic(USER, manifest(1, 1), FERRIES, manifest(2, 1, 1))
    reader = RuleReader()
    assert read(reader, *records) == (2, ["a"])
    assert reader.incomplete is None and not reader.problems


@pytest.mark.parametrize("lists", [0, 2])
def test_a_generation_with_another_number_of_lists_is_not_whole(lists: int) -> None:
    reader = RuleReader()
    assert read(reader, *on_topic(FERRIES, USER, manifest(1, 1, lists))) is None
    assert reader.incomplete is not None
    assert f"1 of {lists} lists" in reader.incomplete


def test_what_stands_behind_a_manifest_waits_for_the_next() -> None:
    reader = RuleReader()
    half = term_list("ships", "(tanker", version=2)
    assert read(reader, *on_topic(FERRIES, USER, manifest(1, 1, 1), half)) == (1, ["a"])
    assert read(reader, raw("rule:x", b"{")) is None
    assert reader.incomplete is None
    mended = term_list("ships", "tanker", version=3)
    assert read(reader, gone("x"), *on_topic(mended, manifest(2, 1, 1))) == (2, [])


def test_a_bad_record_behind_a_manifest_does_not_spoil_its_generation() -> None:
    reader = RuleReader()
    assert (
        read(reader, *on_topic(FERRIES, USER, manifest(1, 1, 1)), raw("rule:x", b"{")) is not None
    )
    assert list(reader.problems) == ["rule:x"]


def test_a_list_that_rules_cannot_do_with_is_told_for_every_one_of_them() -> None:
    reader = started()
    bad = term_list("ships", "ferry", "(tanker", version=2)
    assert read(reader, *on_topic(bad, rule("c", "Oman @ships"), manifest(2, 3, 1))) is None
    assert sorted(reader.problems) == ["rule:a", "rule:c"]
    assert 'in the saved list "ships", at "(tanker"' in reader.problems["rule:a"]
    mended = term_list("ships", "ferry", version=3)
    assert read(reader, *on_topic(mended, manifest(3, 3, 1))) == (3, ["a"])
    assert not reader.problems


def test_a_rule_that_names_a_list_not_there_waits_for_it() -> None:
    reader = RuleReader()
    assert read(reader, *on_topic(USER, rule("b"), manifest(1, 2))) is None
    assert 'there is no saved list "ships"' in reader.problems["rule:a"]
    assert read(reader, *on_topic(FERRIES, manifest(2, 2, 1))) == (2, ["b", "a"])


def test_a_list_goes_with_its_tombstone() -> None:
    reader = started()
    free = rule("a", "tanker", version=2)
    assert read(reader, *on_topic(free), list_gone("ships"), *on_topic(manifest(2, 2))) == (2, [])


def test_a_list_that_goes_while_a_rule_needs_it_leaves_the_generation_before_in_force() -> None:
    reader = started()
    assert read(reader, list_gone("ships"), *on_topic(manifest(2, 2))) is None
    assert list(reader.problems) == ["rule:a"]


def test_a_repeated_broadcast_brings_no_older_list_back() -> None:
    reader = started()
    newer = term_list("ships", "tanker", version=2)
    assert read(reader, *on_topic(newer, manifest(2, 2, 1))) == (2, [])
    assert read(reader, *on_topic(FERRIES, manifest(2, 2, 1))) == (2, [])


def test_a_list_removed_and_made_anew_counts_its_versions_anew() -> None:
    reader = RuleReader()
    old = term_list("ships", "tanker", version=9)
    assert read(reader, *on_topic(old, USER, manifest(1, 1, 1))) == (1, [])
    again = [list_gone("ships"), *on_topic(FERRIES, manifest(2, 1, 1))]
    assert read(reader, *again) == (2, ["a"])


@pytest.mark.parametrize("value", [b"{", term_list("boats", "x").encode()])
def test_an_unusable_list_is_named_and_its_generation_waits(value: bytes) -> None:
    reader = started()
    assert read(reader, raw("list:ships", value), *on_topic(manifest(2, 2, 1))) is None
    assert list(reader.problems) == ["list:ships"]
    newer = term_list("ships", "ferry", version=2)
    assert read(reader, *on_topic(newer, manifest(3, 2, 1))) == (3, ["a"])


def test_a_changed_option_of_a_rule_counts_without_its_query_changing() -> None:
    reader = started()
    only = USER.model_copy(update={"version": 2, "languages": ("de",)})
    assert read(reader, *on_topic(only, manifest(2, 2, 1))) == (2, [])


def test_lists_stay_known_while_there_is_no_rule() -> None:
    reader = RuleReader()
    assert read(reader, *on_topic(FERRIES, manifest(1, 0, 1))) == (1, [])
    assert read(reader, *on_topic(USER, manifest(2, 1, 1))) == (2, ["a"])
    assert read(reader, gone("a"), *on_topic(manifest(3, 0, 1))) == (3, [])
    again = USER.model_copy(update={"version": 2})
    assert read(reader, *on_topic(again, manifest(4, 1, 1))) == (4, ["a"])
