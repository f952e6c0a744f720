"""Saved lists of a folder: the lines their author gets, who uses which, and in what order."""

from pathlib import Path

import pytest

from services.config.folder import Folder, read_folder
from services.config.saved_lists import in_use, reached, used_first
from tests.config.written_folder import told, write

NAME = (
    "the name of a list is 1 to 80 letters, digits, dots, dashes or underscores, "
    "starting with a letter or digit"
)


def rules(*lines: str, query: str = "Iran") -> str:
    return "\n".join(["rules:", "  - id: a", f"    query: {query!r}", *lines, ""])


def test_lists_stand_beside_rules_or_in_a_file_of_their_own(tmp_path: Path) -> None:
    changes = {
        "rules/iran.yaml": rules("lists:", "  Forces: ['@irgc', Basij]", query="Iran @Forces"),
        "rules/lists.yaml": "lists:\n  irgc:\n    - IRGC\n    - '\"Revolutionary Guards\"'\n",
    }
    found = read_folder(write(tmp_path, changes))
    assert isinstance(found, Folder), found
    assert found.warnings == ()
    assert {one.id: one.items for one in found.lists} == {
        "Forces": ("@irgc", "Basij"),
        "irgc": ("IRGC", '"Revolutionary Guards"'),
    }
    assert [rule.id for rule in found.rules] == ["a"]


@pytest.mark.parametrize("name", ["IRGC", "سپاه", "सेना", "a.b-c_1"])
def test_a_list_may_be_named_in_any_script(tmp_path: Path, name: str) -> None:
    text = rules("lists:", f"  {name}: [Basij]", query=f"@{name}")
    assert told(write(tmp_path, {"rules/iran.yaml": text})) == []


MISTAKES: dict[str, tuple[str, list[str]]] = {
    "a list that is not there, with and without a near one": (
        rules("  - id: b", "    query: 'Iran AND @x'", "lists:", "  irgc: [Basij]", query="@ircg"),
        [
            'rules/iran.yaml:3: rule "a": there is no saved list "ircg"; to search for the text, '
            'put it in quotes; did you mean "@irgc"?',
            "    @ircg",
            "    ^",
            'rules/iran.yaml:5: rule "b": there is no saved list "x"; to search for the text, '
            "put it in quotes",
            "    Iran AND @x",
            "             ^",
            'rules/iran.yaml:7: warning: list "irgc": no rule of this folder uses it',
        ],
    ),
    "a mistake in a list is told at its line and not again at the rules": (
        rules("lists:", "  one:", "    - Basij", "    - '(Iran'", "  two: ['@one']", query="@two"),
        [
            'rules/iran.yaml:7: list "one": this bracket is never closed',
            "    (Iran",
            "    ^",
        ],
    ),
    "a list that is not there, in a list": (
        rules("lists:", "  one: [Basij, '@onw']", query="@one"),
        [
            'rules/iran.yaml:5: list "one": there is no saved list "onw"; to search for the text, '
            'put it in quotes; did you mean "@one"?',
            "    @onw",
            "    ^",
        ],
    ),
    "lists that use themselves": (
        rules("lists:", "  one: ['@two']", "  two:", "    - x", "    - '@one'", query="@one"),
        [
            'rules/iran.yaml:5: list "one": the list uses itself here, directly or through others',
            'rules/iran.yaml:8: list "two": the list uses itself here, directly or through others',
        ],
    ),
    "a list that a proximity cannot take": (
        rules("lists:", "  one: [Iran AND Syria]", query="troops NEAR/3 @one"),
        [
            'rules/iran.yaml:3: rule "a": NEAR stands between words, phrases and ORs of these only',
            "    troops NEAR/3 @one",
            "                  ^",
        ],
    ),
    "wrong shapes and names": (
        rules("lists:", "  one: Basij", "  two: []", "  three:", "  -x: [a]", "  y z: [no]"),
        [
            'rules/iran.yaml:5: list "one": "items": must be a list, as in [iran, oil], not text',
            'rules/iran.yaml:6: list "two": "items": must not be empty',
            'rules/iran.yaml:7: list "three": "items": has no value; '
            "write one or leave the key out",
            f'rules/iran.yaml:8: list "-x": "id": {NAME}',
            f'rules/iran.yaml:9: list "y z": "id": {NAME}',
            'rules/iran.yaml:9: list "y z": "items" item 1: YAML reads no as false; write "no"',
        ],
    ),
    "no lists below": (
        rules("lists: [Basij]"),
        [
            'rules/iran.yaml:4: "lists:" must be names with expressions, '
            'as in ports: [Rotterdam, "Hull"]'
        ],
    ),
    "another key": (
        rules("list:", "  one: [x]"),
        ['rules/iran.yaml:4: unknown key "list"; did you mean "lists"?'],
    ),
    "yet another key": (
        rules("words:", "  one: [x]"),
        ['rules/iran.yaml:4: unknown key "words"; the file holds the keys "rules" and "lists"'],
    ),
    "a list that no rule uses, also not through another": (
        rules("lists:", "  one: [x]", "  two: ['@one']", "  three: [y]", query="@three"),
        [
            'rules/iran.yaml:5: warning: list "one": no rule of this folder uses it',
            'rules/iran.yaml:6: warning: list "two": no rule of this folder uses it',
        ],
    ),
    "options of a rule": (
        rules("    languages: [en, english, no, EN]", "    stem: 1", "    clitics: yes"),
        [
            'rules/iran.yaml:4: rule "a": "EN" is no language code of ISO 639-1; '
            "write one like en or ar",
            'rules/iran.yaml:4: rule "a": "english" is no language code of ISO 639-1; '
            "write one like en or ar",
            'rules/iran.yaml:4: rule "a": "languages" item 3: YAML reads no as false; write "no"',
            'rules/iran.yaml:5: rule "a": "stem": must be yes or no, not a number',
        ],
    ),
    "tests of a rule": (
        rules(
            "    tests:",
            "      - {title: x, match: yes, author: A. Writer, category: [a, b]}",
            "      - {titel: x}",
            "      - {body: 3, match: maybe, author: {}}",
        ),
        [
            'rules/iran.yaml:6: rule "a": "tests" item 2: unknown key "titel"; '
            'did you mean "title"?',
            'rules/iran.yaml:6: rule "a": "tests.match" item 2 is missing',
            'rules/iran.yaml:7: rule "a": "tests.author" item 3: must be a list, '
            "as in [iran, oil], not keys and values",
            'rules/iran.yaml:7: rule "a": "tests.body" item 3: YAML reads 3 as a number; write "3"',
            'rules/iran.yaml:7: rule "a": "tests.match" item 3: must be yes or no, not text',
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_in_lists_and_options(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert told(write(tmp_path, {"rules/iran.yaml": text})) == expected


def test_a_name_taken_by_another_file_is_told(tmp_path: Path) -> None:
    changes = {
        "rules/a.yaml": "lists:\n  one: [Basij]\n",
        "rules/iran.yaml": rules("lists:", "  one: [IRGC]", query="@one"),
    }
    assert told(write(tmp_path, changes)) == [
        'rules/iran.yaml:5: list "one": this name is taken by rules/a.yaml:2'
    ]


def test_a_list_in_a_file_that_cannot_be_read_is_not_called_unknown(tmp_path: Path) -> None:
    changes = {"rules/a.yaml": "lists: [}", "rules/iran.yaml": rules(query="@one")}
    assert told(write(tmp_path, changes)) == [
        "rules/a.yaml:1: not YAML: a [ or { has no matching ] or }"
    ]


def test_a_list_that_the_bus_would_refuse_is_refused_here(tmp_path: Path) -> None:
    words = " OR ".join("جمهورية" for _ in range(1000))
    text = rules("lists:", "  one:", *(f"    - {words}" for _ in range(60)), query="Iran")
    assert told(write(tmp_path, {"rules/iran.yaml": text})) == [
        'rules/iran.yaml:5: list "one": the list is too large to be broadcast; split it, '
        "and name the parts in another list",
        'rules/iran.yaml:5: warning: list "one": no rule of this folder uses it',
    ]


def test_a_file_of_lists_alone_leaves_a_folder_without_rules(tmp_path: Path) -> None:
    assert "rules/iran.yaml: warning: there are no rules in it" in told(
        write(tmp_path, {"rules/iran.yaml": "lists:\n  one: [x]\n"})
    )


def test_lists_that_others_use_come_first() -> None:
    lists = {"a": ["@c", "x"], "b": ["y"], "c": ["@d OR z"], "d": ["@unknown"]}
    assert used_first(lists) == ["d", "c", "a", "b"]
    assert sorted(used_first({"a": ["@b"], "b": ["@a"], "c": ["@c", "@a"]})) == ["a", "b", "c"]


def test_what_an_expression_uses_is_found_through_other_lists() -> None:
    lists = {"a": ["@b"], "b": ["@a", "x"], "c": ["y"]}
    assert reached(lists, ["Iran NEAR/3 @a"]) == {"a", "b"}
    assert reached(lists, ['"@c" OR desk@c', "Iran", "(unclosed @c"]) == {"c"}


def test_a_list_that_is_still_used_is_named_with_its_users() -> None:
    before = {"one": ["x"], "two": ["@one"], "three": ["y"]}
    after = {"two": ["@one"]}
    refused = in_use(before, after, {"iran": "Iran @one", "oil": "oil"})
    assert refused is not None
    assert refused.lines == (
        "list one cannot be removed while it is used by rule iran, list two; "
        "change or remove what uses it first",
    )
    assert in_use(before, {}, {"oil": "oil"}) is None


def test_a_changed_list_that_makes_a_rule_unreadable_is_named() -> None:
    refused = in_use({"one": ["x"]}, {"one": ["x AND y"]}, {"iran": "Iran NEAR @one", "b": "b"})
    assert refused is not None
    assert refused.lines == (
        "rule iran cannot be read with the changed lists: "
        "NEAR stands between words, phrases and ORs of these only",
    )
    assert in_use({"one": ["x"]}, {"one": ["z"]}, {"iran": "Iran NEAR @one"}) is None
