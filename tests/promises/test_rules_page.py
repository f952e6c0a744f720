"""Every expression on the page about rules is one that the engine takes."""

import re
from pathlib import Path

import pytest

from services.config.folder import Broken, read_folder
from services.engine.parse import parse

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
ROWS = re.findall(r"^\| ((?:`|<code>).*?) \| ", PAGE, re.MULTILINE)
QUERIES = [
    query.replace("&#124;", "|")
    for row in ROWS
    for query in re.findall(r"(?:`|<code>)(.*?)(?:`|</code>)", row)
]


def test_the_table_has_rows() -> None:
    assert len(QUERIES) > 20


@pytest.mark.parametrize("query", QUERIES)
def test_an_expression_of_the_table_is_taken(query: str) -> None:
    parse(query)


def test_the_mistake_is_told_as_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "feeds.yaml").write_text("feeds: [{id: f, url: 'https://example.org/f'}]\n")
    (tmp_path / "channels.yaml").write_text("channels: [{id: c, type: console}]\n")
    (tmp_path / "subscriptions.yaml").write_text(
        "subscriptions: [{id: s, channel: c, rules: all}]\n"
    )
    (tmp_path / "rules" / "first.yaml").write_text(
        "rules:\n  - id: first\n    query: '\"Iranian ground forces AND Syria'\n"
    )
    folder = read_folder(tmp_path)
    assert isinstance(folder, Broken)
    said = "\n".join(str(problem) for problem in folder.problems)
    promised = PAGE[PAGE.index("    rules/first.yaml:3:") :].rstrip()
    assert said == re.sub(r"^    ", "", promised, flags=re.MULTILINE)
