"""YAML with lines: what is read, what is refused, and that every line is right."""

import pytest
import yaml

from services.config import yaml_lines
from services.config.yaml_lines import MAX_DEPTH, Located, load

QUOTE_WHOLE = "put the whole value in single quotes, or on the lines below a |"
WRITE_OUT = "is not read here; write the value out, or put it in quotes if it is meant as text"
MISFIT = "not YAML: this does not fit the lines above it; check the indentation and quotes"


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers must give the same values, lines and messages."""
    loader = getattr(yaml, request.param, None)
    if loader is None:
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(yaml_lines, "_PARSER", loader)


def loaded(text: str) -> Located:
    found = load(text, "f.yaml")
    assert isinstance(found, Located), found
    return found


def problems(text: str) -> list[str]:
    found = load(text, "f.yaml")
    assert isinstance(found, tuple), found.value
    return [str(problem) for problem in found]


TEXT = """\
# a comment

rules:
  - id: first
    query: |
      Iran AND
      Syria
    tags: [a,
           b]

  -
    id: second
    # another
    "query": >
      x
    nested:
      deep:
        - one
        - k: v
  - third
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 3),
        (("rules",), 3),
        (("rules", 0), 4),
        (("rules", 0, "id"), 4),
        (("rules", 0, "query"), 5),
        (("rules", 0, "tags"), 8),
        (("rules", 0, "tags", 0), 8),
        (("rules", 0, "tags", 1), 9),
        (("rules", 1), 12),
        (("rules", 1, "query"), 14),
        (("rules", 1, "nested", "deep"), 17),
        (("rules", 1, "nested", "deep", 0), 18),
        (("rules", 1, "nested", "deep", 1, "k"), 19),
        (("rules", 2), 20),
        (("rules", 1, "missing"), 12),
        (("rules", 1, "nested", "missing", "below"), 16),
        (("rules", 9), 3),
        (("nothing",), 3),
    ],
)
def test_every_part_knows_its_line_and_a_missing_one_that_of_what_is_around_it(
    path: yaml_lines.Path, line: int
) -> None:
    assert loaded(TEXT).line_of(path) == line


def test_an_item_taken_out_of_its_list_keeps_its_lines() -> None:
    located = loaded(TEXT)
    assert isinstance(located.value, dict)
    second = located.below("rules", located.value["rules"])[1]
    assert second.line_of(()) == 12
    assert second.line_of(("nested", "deep", 1)) == 19
    assert second.line_of(("missing",)) == 12
    scalar = second.scalar_at(("query",))
    assert scalar is not None
    assert scalar.sign == ">"


def test_lines_are_counted_as_editors_count_them() -> None:
    text = "a: 'é😀\u2028x\u0085'\r\nb: 2\rc: 3\nd: 4\n"
    assert [loaded(text).line_of((key,)) for key in "abcd"] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("a: 1\nb: 1.5\nc: yes\nd: ~\ne:\n", {"a": 1, "b": 1.5, "c": True, "d": None, "e": None}),
        ("on: 1\n2: x\n", {"on": 1, "2": "x"}),
        ("a: 2024-13-40\nb: 2024-01-01\n", {"a": "2024-13-40", "b": "2024-01-01"}),
        ("a: ._\nb: =\n", {"a": "._", "b": "="}),
        ("a: {b: [1, 'no']}\n", {"a": {"b": [1, "no"]}}),
        ("a: '\"Iran Air\" AND x'\n", {"a": '"Iran Air" AND x'}),
        ("%YAML 1.1\n---\na: 1\n...\n", {"a": 1}),
    ],
)
def test_values_are_those_of_the_safe_loader_but_dates_and_keys_stay_text(
    text: str, value: object
) -> None:
    assert loaded(text).value == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'rules:\n  - id: a\n    query: "Iran" AND Syria\n',
            [f"f.yaml:3: not YAML: the value goes on after its closing quote; {QUOTE_WHOLE}"],
        ),
        (
            "a: 'it's'\n",
            [f"f.yaml:1: not YAML: the value goes on after its closing quote; {QUOTE_WHOLE}"],
        ),
        ("b: 1\na: @irgc", [f"f.yaml:2: not YAML: a value cannot begin with @; {QUOTE_WHOLE}"]),
        (
            "a: foo: bar",
            [f"f.yaml:1: not YAML: the value holds a colon and a space; {QUOTE_WHOLE}"],
        ),
        ("a:\n\t- b", ["f.yaml:2: not YAML: a tab cannot indent a line; use spaces"]),
        ("b: 1\na: [1\nc: 2", ["f.yaml:2: not YAML: a [ or { has no matching ] or }"]),
        ('b: 1\na: "x\n\n', ["f.yaml:2: not YAML: this quote is never closed"]),
        ("a: | x\n", ["f.yaml:1: not YAML: text after | or > begins on the next line"]),
        ("a:\n  b: 1\n c: 2\n", [f"f.yaml:3: {MISFIT}"]),
        ("- a\nb: c", [f"f.yaml:2: {MISFIT}"]),
        ("a: 1\nb: x\x07", ["f.yaml:2: not text: it holds the control character U+0007"]),
        ("a: 1\n---\nb: 2", ["f.yaml:2: a second document (---); write one per file"]),
        ("a: 1\n? [x]\n: b", ["f.yaml:2: a key must be a word, not a list or a mapping"]),
    ],
)
def test_text_that_is_not_yaml_is_explained(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_every_key_written_twice_is_told_with_its_first_place() -> None:
    assert problems("a: 1\nb:\n  c: 1\n  c: 2\na: 2\na: 3\n") == [
        'f.yaml:4: key "c" is written twice (first on line 3)',
        'f.yaml:5: key "a" is written twice (first on line 1)',
        'f.yaml:6: key "a" is written twice (first on line 1)',
    ]


def test_aliases_anchors_and_tags_are_refused_wherever_they_stand() -> None:
    text = "a: &x 1\nb:\n  - *x\nc: !!str 1\nd: !Syria\n"
    assert problems(text) == [
        f"f.yaml:1: an anchor (&name) {WRITE_OUT}",
        f"f.yaml:3: an alias (*name) {WRITE_OUT}",
        f"f.yaml:4: a tag (!name) {WRITE_OUT}",
        f"f.yaml:5: a tag (!name) {WRITE_OUT}",
    ]


def test_a_file_of_aliases_of_aliases_is_refused_without_being_built() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert problems("\n".join(lines))[0] == f"f.yaml:1: an anchor (&name) {WRITE_OUT}"


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{b: " * 50, "- " * 50 + "x"])
def test_deep_nesting_is_refused(text: str) -> None:
    assert problems(text) == [f"f.yaml:1: nested more than {MAX_DEPTH} levels deep"]
