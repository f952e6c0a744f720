"""Whatever lies in the folder, reading it ends in a Folder or in lines, never in an exception."""

import json
import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.config import yaml_lines
from services.config.folder import Broken, Folder, read_folder
from services.config.opml import read_opml
from services.config.yaml_lines import Located, load

KEYS = st.sampled_from(
    [
        "id",
        "url",
        "name",
        "full_text",
        "query",
        "severity",
        "tags",
        "languages",
        "stem",
        "clitics",
        "tests",
        "author",
        "match",
        "type",
        "webhook_url",
        "env",
        "file",
        "host",
        "port",
        "tls",
        "username",
        "password",
        "sender",
        "recipients",
        "channel",
        "rules",
        "ids",
        "severities",
        "zone",
        "x",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["a", "all", "slack", "email", "console", "https://a.example", "Iran", "high"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
FILES = {
    "feeds": "feeds.yaml",
    "rules": "rules/a.yaml",
    "channels": "channels.yaml",
    "subscriptions": "subscriptions.yaml",
}
LISTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=3) | VALUES
ITEMS = st.lists(st.dictionaries(KEYS, VALUES, max_size=8) | VALUES, max_size=3)


def only_text_keys(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and only_text_keys(value[key]) for key in value)
    return not isinstance(value, list) or all(map(only_text_keys, value))


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(FILES, ITEMS | VALUES)), LISTS)
def test_items_of_any_shape_are_read_or_explained(items: dict[str, object], lists: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules").mkdir()
        for key, file in FILES.items():
            more = {"lists": lists} if key == "rules" else {}
            (folder / file).write_text(json.dumps({key: items[key], **more}))
        found = read_folder(folder)
    match found:
        case Folder():
            assert all(problem.level == "warning" for problem in found.warnings)
        case Broken():
            assert any(problem.level == "error" for problem in found.problems)
            assert "Value error" not in "".join(map(str, found.problems))
            assert "does not fit here" not in "".join(map(str, found.problems))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab:- \n\t[]{}\"'|>#&*!%@`?,~1\u2028é")), max_size=40))
def test_any_text_is_read_as_yaml_or_explained_with_a_line_of_the_file(text: str) -> None:
    found = load(text, "f")
    lines = text.count("\n") + 1
    if isinstance(found, Located):
        expected = yaml.load(text, Loader=yaml_lines._PARSER)
        assert found.value == expected or not only_text_keys(expected)
        assert all(1 <= line <= lines for line in found.lines.values())
    else:
        assert all(problem.line and 1 <= problem.line <= lines for problem in found)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_read_as_opml_or_explained(before: bytes, inside: bytes) -> None:
    for data in (before, b"<opml><outline text='" + inside + b"' xmlUrl='https://a.b'/></opml>"):
        found, problems = read_opml(data, "f")
        assert bool(found) != bool(problems)
