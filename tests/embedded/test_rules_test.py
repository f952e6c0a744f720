"""`wirewatch rules test`: rules run their own tests, offline."""

from pathlib import Path

import pytest

from tests.embedded.command_line import an_empty_place, typed

__all__ = ["an_empty_place"]

RULES = """\
rules:
  - id: troops
    query: '"Iranian ground forces" NEAR/3 Syria'
    tests:
      - body: Iranian ground forces began arriving in Syria on Thursday.
        match: true
      - title: Ground forces train in Iran
        match: false
  - id: port
    query: Karvala AND strike
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def test_green_tests_are_counted_and_rules_without_tests_too(rules: Path) -> None:
    said = typed("rules", "test", rules)
    assert said.exit_code == 0
    assert said.stdout == "2 rules, 2 tests: 2 green, 0 red; 1 rule without tests\n"


def test_verbose_names_green_tests_and_untested_rules(rules: Path) -> None:
    said = typed("rules", "test", rules, "--verbose")
    assert said.stdout.splitlines()[:3] == [
        "green troops, test 1 (rules.yaml:5)",
        "green troops, test 2 (rules.yaml:7)",
        "none  port",
    ]


def test_a_rule_that_misses_turns_red_and_says_how_far_off_it_was(rules: Path) -> None:
    rules.write_text(RULES.replace("NEAR/3", "NEAR/2"))
    said = typed("rules", "test", rules)
    assert said.exit_code == 1
    assert said.stdout.splitlines() == [
        "red   troops, test 1 (rules.yaml:5): it should match, and does not",
        '      failed  "Iranian ground forces" NEAR/2 Syria  '
        "3 words between them where they are nearest",
        "                *Iranian ground forces* began arriving in *Syria* on Thursday.",
        "2 rules, 2 tests: 1 green, 1 red; 1 rule without tests",
    ]


def test_a_rule_that_matches_too_much_shows_where(rules: Path) -> None:
    rules.write_text(RULES.replace("'\"Iranian ground forces\" NEAR/3 Syria'", "ground Iran*"))
    said = typed("rules", "test", rules)
    assert said.exit_code == 1
    assert "troops, test 2 (rules.yaml:7): it should not match, and does" in said.stdout
    assert "*Ground* forces train in *Iran*" in said.stdout


def test_a_rule_with_a_mistake_is_told_and_the_others_are_tested(rules: Path) -> None:
    rules.write_text(RULES.replace("Karvala AND strike", "Karvala AND"))
    said = typed("rules", "test", rules)
    assert said.exit_code == 1
    assert 'rules.yaml:10: rule "port": ' in said.stdout
    assert said.stdout.splitlines()[-1] == "2 rules, 2 tests: 2 green, 0 red; 1 error in the files"


def test_a_test_without_its_verdict_is_a_mistake(rules: Path) -> None:
    rules.write_text(RULES.replace("        match: false\n", ""))
    said = typed("rules", "test", rules)
    assert said.exit_code == 1
    assert "rules.yaml:7: " in said.stdout
    assert "match" in said.stdout


def test_a_file_that_cannot_be_read_ends_it(rules: Path) -> None:
    rules.write_text("rules: {")
    said = typed("rules", "test", rules)
    assert said.exit_code == 2
    assert "rules.yaml:1: not YAML" in said.stdout


def test_rules_are_tested_with_the_lists_and_options_of_the_folder(rules: Path) -> None:
    rules.write_text(
        "rules:\n"
        "  - id: port\n"
        "    query: '@ports AND strikes'\n"
        "    stem: true\n"
        "    languages: [en]\n"
        "    tests:\n"
        "      - {title: A strike in Karvala, lang: en, match: true}\n"
        "      - {title: A strike in Karvala, lang: de, match: false}\n"
        "      - {title: A strike in Karvala, lang: fr, match: true}\n"
        "lists:\n"
        "  ports: [Karvala, Lind]\n"
    )
    said = typed("rules", "test", rules)
    assert said.exit_code == 1
    assert "the rule is for en, the article is fr" in said.stdout
    assert said.stdout.splitlines()[-1] == "1 rule, 1 list, 3 tests: 2 green, 1 red"
