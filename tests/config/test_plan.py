"""The plan: what is added, changed, removed, left alone, and what is refused."""

import pytest

from schemas.folder import ConsoleSpec, EmailSpec, FeedSpec, RuleSpec, RuleTest, SubscriptionSpec
from services.config.folder import Folder
from services.config.plan import Plan, PruneRefused, Stored, plan, stored_form
from services.store.written import Kind, StoredItem

PLAIN = {"severity": "normal", "tags": [], "languages": [], "stem": False, "clitics": False}


def rule(name: str, query: str = "Iran") -> RuleSpec:
    return RuleSpec(id=name, query=query)


def folder(*rules: RuleSpec) -> Folder:
    return Folder((), rules, (), ())


def stored(*names: str, by: str = "apply", query: str = "Iran") -> dict[str, StoredItem]:
    return {name: StoredItem({"id": name, "query": query}, 1, by) for name in names}


def planned(before: dict[str, StoredItem], after: Folder, prune: bool = False) -> Plan:
    found = plan({Kind.RULES: before}, after, prune)
    assert isinstance(found, Plan), found
    return found


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{n:02}" for n in range(count)]


def test_each_kind_is_compared_for_itself() -> None:
    email = EmailSpec.model_validate(
        {
            "id": "x",
            "type": "email",
            "host": "h",
            "sender": "a@b.example",
            "recipients": ["c@d.example"],
        }
    )
    feed = FeedSpec(id="x", url="https://a.example")
    everything = SubscriptionSpec(id="x", channel="x", rules="all")
    before: Stored = {
        Kind.FEEDS: {"x": StoredItem(stored_form(feed), 1, "apply")},
        Kind.CHANNELS: {"x": StoredItem({"id": "x", "type": "console"}, 3, "apply")},
    }
    found = plan(before, Folder((feed,), (rule("x"),), (email,), (everything,)), prune=False)
    assert isinstance(found, Plan)
    assert found.changes[Kind.FEEDS].unchanged == ("x",)
    assert found.changes[Kind.RULES].added == ("x",)
    assert found.changes[Kind.CHANNELS].changed == ("x",)
    assert found.changes[Kind.SUBSCRIPTIONS].added == ("x",)
    assert found.changes[Kind.CHANNELS].upserts == {"x": stored_form(email)}


def test_added_changed_removed_and_unchanged_items_of_a_kind() -> None:
    before = stored("a", "b", "c", "d", "e", "gone")
    found = planned(before, folder(*map(rule, "dcbz"), rule("a", "Syria"), rule("e")))
    change = found.changes[Kind.RULES]
    assert (change.added, change.changed, change.removed) == (("z",), ("a",), ("gone",))
    assert change.unchanged == ("b", "c", "d", "e")
    assert change.upserts == {
        "z": {"id": "z", "query": "Iran", **PLAIN},
        "a": {"id": "a", "query": "Syria", **PLAIN},
    }
    assert found.lines == ("rules: 1 added (z), 1 changed (a), 1 removed (gone)",)
    assert not found.empty


def test_the_tests_of_a_rule_are_not_stored_and_do_not_change_it() -> None:
    test = RuleTest(title="Troops", author=("A. Writer",), match=False)
    tested = RuleSpec(id="a", query="Iran", tests=(test,))
    found = planned(stored("a"), folder(tested))
    assert found.empty
    assert stored_form(tested) == {"id": "a", "query": "Iran", **PLAIN}


def test_planning_what_was_just_stored_is_an_empty_plan() -> None:
    after = folder(rule("a"), RuleSpec(id="b", query="x", tags=("t",), name="B"))
    before = {spec.id: StoredItem(stored_form(spec), 1, "apply") for spec in after.rules}
    found = planned(before, after)
    assert found.empty
    assert found.lines == ()


def test_a_key_that_is_absent_means_the_same_as_its_default() -> None:
    explicit: dict[str, object] = {
        "id": "a",
        "query": "Iran",
        "severity": "normal",
        "tags": [],
        "name": None,
    }
    found = planned({"a": StoredItem(explicit, 1, "apply")}, folder(rule("a")))
    assert found.empty


def test_a_stored_item_that_this_version_cannot_read_is_a_change() -> None:
    found = planned({"a": StoredItem({"id": "a", "pattern": "x"}, 1, "apply")}, folder(rule("a")))
    assert found.changes[Kind.RULES].changed == ("a",)


def test_what_people_did_elsewhere_is_never_removed() -> None:
    before = stored("a") | stored("theirs", by="console")
    found = planned(before, folder(rule("a")), prune=True)
    assert found.empty
    assert found.changes[Kind.RULES].left_alone == ()


def test_what_people_did_elsewhere_is_left_alone_and_every_plan_says_so() -> None:
    found = planned(stored("a", by="console"), folder(rule("a", "Syria")), prune=True)
    assert found.empty
    assert found.changes[Kind.RULES].left_alone == ("a",)
    assert found.changes[Kind.RULES].upserts == {}
    assert found.lines == ("rules: 1 left alone, because they were made or changed elsewhere (a)",)


def test_an_item_of_somebody_else_with_equal_content_is_unchanged() -> None:
    found = planned(stored("a", by="console"), folder(rule("a")))
    assert found.empty
    assert found.changes[Kind.RULES].unchanged == ("a",)


@pytest.mark.parametrize(
    ("applied", "removed", "refused"),
    [(10, 0, False), (10, 2, False), (10, 3, True), (4, 1, True), (5, 1, False), (1, 1, True)],
)
def test_removing_everything_or_more_than_a_fifth_needs_prune(
    applied: int, removed: int, refused: bool
) -> None:
    before = stored(*names("r", applied)) | stored(*names("theirs", 90), by="console")
    after = folder(*map(rule, names("r", applied)[removed:]))
    found = plan({Kind.RULES: before}, after, prune=False)
    assert isinstance(found, PruneRefused) == refused
    assert len(planned(before, after, prune=True).changes[Kind.RULES].removed) == removed


def test_the_refusal_names_every_kind_and_what_would_go() -> None:
    console = ConsoleSpec(id="a", type="console")
    before: Stored = {
        Kind.RULES: stored(*names("r", 12)),
        Kind.CHANNELS: {"a": StoredItem(stored_form(console), 1, "apply")},
    }
    found = plan(before, folder(), prune=False)
    assert isinstance(found, PruneRefused)
    assert [(each.kind, len(each.removed), each.stored) for each in found.removals] == [
        (Kind.RULES, 12, 12),
        (Kind.CHANNELS, 1, 1),
    ]
    assert found.lines == (
        "this would remove 12 of 12 rules (r00, r01, r02, r03, r04, r05, r06, r07, r08, r09 "
        "and 2 more); if meant, say --prune",
        "this would remove 1 of 1 channels (a); if meant, say --prune",
    )


def test_a_first_apply_adds_everything() -> None:
    found = plan({}, folder(rule("b"), rule("a")), prune=False)
    assert isinstance(found, Plan)
    assert found.lines == ("rules: 2 added (a, b)",)
