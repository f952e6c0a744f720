"""Rule sets: many rules at once, changes, and rules that break."""

import pytest

from services.engine.analysis import analyse
from services.engine.errors import RuleError
from services.engine.options import Options
from services.engine.parse import Lists, parse
from services.engine.ruleset import RuleSet
from tests.engine.newsroom import article, rule


def test_all_matching_rules_are_returned_with_id_and_version() -> None:
    rules = RuleSet.of([rule("karvala", "one", 3), rule("ferry", "two"), rule("dockers", "three")])
    result = rules.match(article())
    assert [(match.rule_id, match.version) for match in result.matches] == [
        ("one", 3),
        ("three", 1),
    ]
    assert result.matches[0].name == "the one rule"
    assert result.failures == ()


def test_a_bad_rule_is_named_with_the_place() -> None:
    with pytest.raises(RuleError) as caught:
        RuleSet.of([rule("fine", "good"), rule('port AND\n"strike', "bad")])
    assert str(caught.value) == 'rule "bad", column 1: this quote is never closed\n"strike\n^'


def test_a_changed_set_leaves_the_old_one_as_it_was() -> None:
    old = RuleSet.of([rule("karvala", "one"), rule("ferry", "two")])
    new = old.changed([rule("harbour", "two", 2), rule("union", "three")], ["one", "unknown"])
    assert set(old) == {"one", "two"}
    assert set(new) == {"two", "three"}
    assert "one" not in new and len(new) == 2
    assert new.rules["two"].version == 2
    assert [match.rule_id for match in new.match(article()).matches] == ["two", "three"]


def test_a_rule_both_removed_and_given_is_kept() -> None:
    assert "one" in RuleSet.of([]).changed([rule("port", "one")], ["one"])


def test_a_rule_that_is_given_again_as_it_is_is_not_parsed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = RuleSet.of([rule("karvala", "one"), rule("ferry", "two")])
    parsed = _parsed(monkeypatch)
    rules.changed([rule("ferry", "two"), rule("port", "three")], ["one"])
    assert parsed == ["port"]


def test_a_changed_list_changes_the_rules_that_use_it_also_through_another() -> None:
    lists = {"ports": ["@north"], "north": ["Lindhafen"], "ships": ["ferry"]}
    rules = [rule("@ports", "ports"), rule("@north", "north"), rule("@ships", "ships")]
    old = RuleSet.of(rules, lists)
    new = old.changed([], [], lists | {"north": ["Karvala"]})
    assert old.match(article()).matches == ()
    assert [match.rule_id for match in new.match(article()).matches] == ["ports", "north"]
    again = new.changed([rule("@north", "north", version=2)], [])
    assert len(again.match(article()).matches) == 2


def test_only_rules_of_a_changed_list_are_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = {"ports": ["Karvala AND port"], "ships": ["ferry AND lost"]}
    rules = RuleSet.of([rule("@ports", "one"), rule("@ships", "two"), rule("union", "3")], lists)
    parsed = _parsed(monkeypatch)
    rules.changed([], [], lists | {"ports": ["Lindhafen AND port"], "unused": ["x"]})
    assert parsed == ["@ports"]


def _parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is parsed from here on."""
    parsed: list[str] = []

    def counted(text: str, lists: Lists) -> object:
        parsed.append(text)
        return parse(text, lists)

    monkeypatch.setattr("services.engine.index.ruleindex.parse", counted)
    return parsed


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"ports": ['"Karvala']}, 'in the saved list "ports", at ""Karvala": this quote is'),
        ({"ports": ["@ports"]}, 'the saved list "ports" uses itself'),
        ({}, 'there is no saved list "ports"'),
    ],
)
def test_a_list_that_breaks_a_rule_is_named_with_the_rule(lists: Lists, said: str) -> None:
    rules = RuleSet.of([rule("union @ports", "one")], {"ports": ["Karvala"]})
    with pytest.raises(RuleError, match=r'^rule "one", column 7: ') as caught:
        rules.changed([], [], lists)
    assert said in str(caught.value)


def test_options_come_from_the_rule() -> None:
    only = Options(languages=frozenset({"de"}))
    rules = RuleSet.of([rule("karvala", "one", options=only), rule("karvala", "two")])
    assert [match.rule_id for match in rules.match(article(lang="en")).matches] == ["two"]
    free = rules.changed([rule("karvala", "one", version=2)], [])
    assert len(free.match(article(lang="en")).matches) == 2


def test_an_unknown_language_is_a_mistake_of_the_rule() -> None:
    wrong = rule("karvala", "one").model_copy(update={"languages": ("english",)})
    with pytest.raises(RuleError, match=r'rule "one".*"english" is no language code'):
        RuleSet.of([wrong])


def test_a_rule_that_breaks_is_reported_and_the_others_still_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(*_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr("services.engine.evaluate.has_value", break_down)
    monkeypatch.setattr("services.engine.index.facts.has_value", break_down)
    rules = RuleSet.of([rule("lang:en", "broken"), rule("karvala", "sound")])
    result = rules.match(article())
    assert [match.rule_id for match in result.matches] == ["sound"]
    assert [failure.rule_id for failure in result.failures] == ["broken"]
    assert isinstance(result.failures[0].error, ZeroDivisionError)


def test_an_article_is_analysed_once_for_all_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []

    def counted(text: str) -> object:
        texts.append(text)
        return analyse(text)

    monkeypatch.setattr("services.engine.document.analyse", counted)
    told = article(title="Strike")
    RuleSet.of([rule("karvala", str(number)) for number in range(50)]).match(told)
    assert texts == ["Strike", told.body]


def test_an_empty_article_matches_nothing_and_breaks_nothing() -> None:
    rules = RuleSet.of([rule("a"), rule("a NEAR b", "b"), rule("lead:a -b", "c")])
    result = rules.match(article("", title=""))
    assert result.matches == () and result.failures == ()
