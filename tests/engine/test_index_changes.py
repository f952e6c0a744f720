"""Changes while articles are matched, and what becomes of rules that are gone."""

import threading
from itertools import count

import pytest

from services.engine import ruleset
from services.engine.index import compile as compiling
from services.engine.index.segment import Segment
from services.engine.ruleset import RuleSet
from tests.engine.newsroom import article, rule

_THERE, _NOT_THERE = "karvala", "lindhafen"


@pytest.mark.parametrize("kernel", [False, True])
def test_a_match_beside_a_thousand_changes_never_sees_half_of_one(kernel: bool) -> None:
    """Of two rules always exactly one matches, and each change swaps them."""
    rules = [rule(_THERE, "one"), rule(_NOT_THERE, "other"), rule("union", "steady")]
    current = [RuleSet.of(rules, kernel=kernel)]
    finished = threading.Event()

    def change() -> None:
        for number in range(1_000):
            queries = (_NOT_THERE, _THERE) if number % 2 == 0 else (_THERE, _NOT_THERE)
            pair = [
                rule(query, rule_id, version=number + 2)
                for rule_id, query in zip(("one", "other"), queries, strict=True)
            ]
            new = [rule(f'"word{number} word{n}" OR walked', f"n{number}-{n}") for n in range(5)]
            gone = [f"n{number - 1}-{n}" for n in range(5)]
            current[0] = current[0].changed([*pair, *new], gone)
        finished.set()

    first, told = current[0], article()
    expected = first.match(told)
    changing = threading.Thread(target=change)
    changing.start()
    for number in count():
        seen = current[0].match(told)
        assert seen.index_error is None
        ids = {match.rule_id for match in seen.matches}
        assert len(ids & {"one", "other"}) == 1 and "steady" in ids
        assert sum(rule_id.startswith("n") for rule_id in ids) in (0, 5)
        if number % 10 == 0:
            assert first.match(told) == expected
        if finished.is_set():
            break
    changing.join()


def test_room_of_rules_that_are_gone_is_won_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruleset, "WASTE_ALLOWED", 10)
    rules = RuleSet.of(
        [rule("karvala", "one"), rule("ferry", "two"), rule("@ports", "three")],
        {"ports": ["karvala", '"port lind"']},
    )
    assert not rules.is_wasteful
    for version in range(2, 20):
        rules = rules.changed([rule(f"union OR w{version}", "two", version)], ())
    assert rules.is_wasteful
    compacted = rules.compacted()
    assert not compacted.is_wasteful
    assert dict(compacted.rules) == dict(rules.rules)
    assert compacted.match(article()) == rules.match(article())
    sizes = {name: array.nbytes for name, array in compacted.dump().items()}
    again = compacted.changed([rule("ferry", "two", 99)], (), {"ports": ["absent"]})
    assert [match.rule_id for match in again.match(article()).matches] == ["one"]
    assert sizes["texts"] < 200 and sizes["rules"] == 4 * 4 * 4


@pytest.mark.parametrize("kernel", [False, True])
@pytest.mark.parametrize("broken", ["_hang", "_write", "_add_atom"])
def test_a_change_that_breaks_half_way_has_changed_nothing(
    kernel: bool, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = {"ports": ["karvala", "lind"]}
    old = RuleSet.of([rule("karvala union", "one"), rule("@ports", "two")], lists, kernel=kernel)
    before = old.match(article())
    calls = count(1)
    whole = getattr(Segment, broken)

    def break_at_the_second(self: Segment, *arguments: object) -> object:
        if next(calls) == 2:
            raise ZeroDivisionError
        return whole(self, *arguments)

    changes = [
        rule("dockers tuesday", "three"),
        rule('"walked out" absent wages', "one", 2),
        rule("ferry", "two", 2),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Segment, broken, break_at_the_second)
        with pytest.raises(ZeroDivisionError):
            old.changed(changes, ["two"])
    assert old.match(article()) == before
    assert dict(old.rules) == {"one": rule("karvala union", "one"), "two": rule("@ports", "two")}
    new = old.changed([*changes, rule("wages", "four")], [])
    assert [match.rule_id for match in new.match(article()).matches] == ["three", "four"]
    assert old.match(article()) == before
    assert new.compacted().match(article()) == new.match(article())


def test_a_rule_with_nothing_to_hang_on_is_tried_on_every_article(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiling._Compiler, "holds", lambda *_: compiling._UNKNOWN)
    rules = RuleSet.of([rule("karvala", "one"), rule("ferry", "two")])
    assert [match.rule_id for match in rules.match(article()).matches] == ["one"]
    assert [match.rule_id for match in rules.compacted().match(article()).matches] == ["one"]
