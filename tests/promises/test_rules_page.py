"""Every expression on the page about rules is one that the engine takes."""

import re
from pathlib import Path

import pytest

from services.config.folder import Broken, Folder, read_folder
from services.engine.parse import parse
from services.engine.stemming import SNOWBALL

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
TABLE = PAGE.partition("| query | finds |")[2].partition("\n\n")[0]
ROWS = re.findall(r"^\| ((?:`|<code>).*?) \| ", TABLE, re.MULTILINE)
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


def _block(beginning: str) -> str:
    """The indented block of the page that begins with this line, without its indent."""
    start = PAGE.index(f"\n    {beginning}") + 1
    end = PAGE.index("\n\n", start)
    return re.sub(r"^    ", "", PAGE[start:end], flags=re.MULTILINE)


def test_the_lists_and_options_of_the_page_are_taken(tmp_path: Path) -> None:
    write_folder(tmp_path)
    options = _block("  - id: levant")
    (tmp_path / "rules" / "first.yaml").write_text("rules:\n" + options)
    (tmp_path / "rules" / "lists.yaml").write_text(_block("lists:"))
    folder = read_folder(tmp_path)
    assert isinstance(folder, Folder), folder
    assert [(rule.languages, rule.stem, rule.clitics) for rule in folder.rules] == [
        (("ar", "en"), True, True)
    ]
    assert [found.id for found in folder.lists] == ["irgc", "forces"]


def test_the_languages_with_stems_are_all_named() -> None:
    named = re.search(r"stemmer\s+for it: ([\w, \n]+)\.", PAGE)
    assert named is not None
    words = [word.strip().lower() for word in named[1].split(",")]
    assert words == sorted(set(SNOWBALL.values()))


def write_folder(path: Path) -> None:
    """A folder that is good but for its rules."""
    (path / "rules").mkdir()
    (path / "feeds.yaml").write_text("feeds: [{id: f, url: 'https://example.org/f'}]\n")
    (path / "channels.yaml").write_text("channels: [{id: c, type: console}]\n")
    (path / "subscriptions.yaml").write_text("subscriptions: [{id: s, channel: c, rules: all}]\n")


def test_the_mistake_is_told_as_the_page_says(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "rules" / "first.yaml").write_text(
        "rules:\n  - id: first\n    query: '\"Iranian ground forces AND Syria'\n"
    )
    folder = read_folder(tmp_path)
    assert isinstance(folder, Broken)
    said = "\n".join(str(problem) for problem in folder.problems)
    assert said == _block("rules/first.yaml:3:")
