"""`wirewatch rules lint`, as an analyst uses it."""

import json
from pathlib import Path

import pytest

from tests.embedded.command_line import an_empty_place, typed

__all__ = ["an_empty_place"]

GOOD = "rules:\n  - id: port\n    query: '\"port of Karvala\" AND strike'\n"
DOUBTFUL = """\
rules:
  - id: port
    query: |
      "port of Karvala"
      AND (strike OR dockers and pay)
"""
WRONG = "rules:\n  - id: port\n    query: '\"port of Karvala'\n    sevrity: high\n"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder of rule files, and nothing else."""
    path = tmp_path / "desk"
    path.mkdir()
    return path


def test_good_rules_are_counted(desk: Path) -> None:
    (desk / "ports.yaml").write_text(GOOD)
    said = typed("rules", "lint", desk)
    assert (said.exit_code, said.stdout) == (0, "1 rule: 0 errors, 0 warnings\n")


def test_one_file_will_do_and_so_will_an_operators_folder(desk: Path) -> None:
    (desk / "ports.yaml").write_text(GOOD)
    assert typed("rules", "lint", desk / "ports.yaml").exit_code == 0
    (desk / "rules").mkdir()
    (desk / "rules" / "a.yml").write_text(WRONG)
    said = typed("rules", "lint", desk)
    assert said.exit_code == 1
    assert "rules/a.yml:3: " in said.stdout
    assert "ports.yaml" not in said.stdout


def test_files_of_feeds_and_channels_are_not_taken_for_rules(desk: Path) -> None:
    (desk / "ports.yaml").write_text(GOOD)
    (desk / "feeds.yaml").write_text("feeds: [{id: broken")
    assert typed("rules", "lint", desk).exit_code == 0


def test_a_warning_has_its_line_and_its_place_in_the_rule(desk: Path) -> None:
    (desk / "ports.yaml").write_text(DOUBTFUL)
    said = typed("rules", "lint", desk)
    assert said.exit_code == 0
    assert (
        said.stdout.startswith(
            'ports.yaml:5: warning: rule "port": "and" is searched for as a word; '
            "operators are upper case: AND\n"
            "    AND (strike OR dockers and pay)\n"
            "                           ^\n"
        )
        or "ports.yaml:5: warning" in said.stdout
    )
    caret = next(line for line in said.stdout.splitlines() if line.strip() == "^")
    assert caret.index("^") - 4 in {
        "AND (strike OR dockers and pay)".index("and"),
        "AND (strike OR dockers and pay)".index("dockers"),
    }
    assert said.stdout.splitlines()[-1].startswith("1 rule: 0 errors, ")


def test_warnings_count_only_when_that_is_asked_for(desk: Path) -> None:
    (desk / "ports.yaml").write_text(DOUBTFUL)
    assert typed("rules", "lint", desk).exit_code == 0
    assert typed("rules", "lint", desk, "--strict").exit_code == 1


def test_every_mistake_is_told_with_file_line_and_caret(desk: Path) -> None:
    (desk / "a.yaml").write_text(WRONG)
    (desk / "b.yaml").write_text(GOOD)
    said = typed("rules", "lint", desk)
    assert said.exit_code == 1
    assert said.stdout == (
        'a.yaml:3: rule "port": this quote is never closed\n'
        '    "port of Karvala\n'
        "    ^\n"
        'a.yaml:4: rule "port": unknown key "sevrity"; did you mean "severity"?\n'
        'b.yaml:2: rule "port": this id is taken by a.yaml:2\n'
        "2 rules: 3 errors, 0 warnings\n"
    )


def test_what_cannot_be_read_is_another_exit_code(desk: Path) -> None:
    (desk / "a.yaml").write_text("rules:\n  - id: [\n")
    said = typed("rules", "lint", desk)
    assert said.exit_code == 2
    assert "a.yaml:3: not YAML" in said.stdout


@pytest.mark.parametrize("command", ["lint", "test"])
def test_a_place_without_rules_is_refused_with_the_way_out(desk: Path, command: str) -> None:
    nowhere = typed("rules", command, desk / "nowhere")
    assert nowhere.exit_code == 2
    assert "nowhere: no such folder or file" in nowhere.stderr
    empty = typed("rules", command, desk)
    assert empty.exit_code == 2
    assert "rules/first.yaml" in empty.stderr


def test_the_schema_for_editors_knows_tests_and_lists() -> None:
    said = typed("rules", "schema")
    assert said.exit_code == 0
    schema = json.loads(said.stdout)
    assert {"rules", "lists"} <= schema["properties"].keys()
    assert "match" in schema["$defs"]["RuleTest"]["properties"]
    assert not schema["additionalProperties"]
    assert all("description" in p for p in schema["$defs"]["RuleSpec"]["properties"].values())


LISTS = """\
rules:
  - id: port
    query: "@ports AND strike"
lists:
  ports:
    - Karvala
    - '"Port Lind"'
    - karvala
    - Lind and Hull
  unused: [x]
"""


def test_saved_lists_are_looked_at_too(desk: Path) -> None:
    (desk / "ports.yaml").write_text(LISTS)
    said = typed("rules", "lint", desk)
    assert said.exit_code == 0, said.output
    assert 'ports.yaml:8: warning: list "ports": karvala stands here twice' in said.stdout
    assert 'ports.yaml:9: warning: list "ports": "and" is searched for as a word' in said.stdout
    assert 'ports.yaml:10: warning: list "unused": ' in said.stdout
    assert said.stdout.splitlines()[-1] == "1 rule, 2 lists: 0 errors, 3 warnings"


def test_a_mistake_in_a_list_is_told_at_the_list(desk: Path) -> None:
    (desk / "ports.yaml").write_text(LISTS.replace("karvala", "(karvala"))
    said = typed("rules", "lint", desk)
    assert said.exit_code == 1
    assert 'ports.yaml:8: list "ports": ' in said.stdout


def test_rules_of_one_file_use_the_lists_of_another(desk: Path) -> None:
    head, _, tail = LISTS.partition("lists:")
    (desk / "a.yaml").write_text(head)
    (desk / "b.yaml").write_text(f"lists:{tail}")
    assert typed("rules", "lint", desk).exit_code == 0


def test_a_test_without_an_article_is_doubtful(desk: Path) -> None:
    (desk / "ports.yaml").write_text(f"{GOOD}    tests:\n      - match: false\n")
    said = typed("rules", "lint", desk)
    assert 'ports.yaml:5: warning: rule "port": test 1 describes no article' in said.stdout


def test_one_file_by_itself_uses_the_lists_of_the_files_beside_it(desk: Path) -> None:
    head, _, tail = LISTS.partition("lists:")
    (desk / "a.yaml").write_text(head)
    (desk / "b.yaml").write_text(f"lists:{tail}".replace("  unused: [x]\n", ""))
    (desk / "c.yaml").write_text(WRONG)
    alone = typed("rules", "lint", desk / "a.yaml")
    assert (alone.exit_code, alone.stdout) == (0, "1 rule, 1 list: 0 errors, 0 warnings\n")
    lists = typed("rules", "lint", desk / "b.yaml")
    assert lists.exit_code == 0
    assert "no rule of this folder uses it" not in lists.stdout
    (desk / "b.yaml").write_text("lists: {")
    broken = typed("rules", "lint", desk / "a.yaml")
    assert broken.exit_code == 1
    assert 'a.yaml:3: rule "port": there is no saved list "ports"' in broken.stdout
