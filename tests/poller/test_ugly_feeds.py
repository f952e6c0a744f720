"""Real bytes in, golden objects out: each document in `feeds` is named for its trouble.

The golden files say what comes of a document; with WIREWATCH_TEST_UPDATE_GOLDEN=1 they are
made anew, to be looked at in the difference.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from services.poller.parse import ParseFailed, parse_feed
from services.poller.parse.document import Document, clean_document
from services.poller.parse.plain import plain_feed
from services.poller.parse.reading import well_formed
from services.poller.parse.reference import read_with_feedparser
from services.poller.parse.tree import read_tree

FOLDER = Path(__file__).parent / "feeds"
FEEDS = sorted(path for path in FOLDER.iterdir() if path.suffix != ".golden")
URL = "https://wire.example/feeds/world"
TYPES = {"content-type-html-is-rss.rss": "text/html; charset=utf-8"}


def shown(path: Path) -> str:
    """What comes of a document: without the fields that are empty."""
    result = parse_feed(path.read_bytes(), TYPES.get(path.name), URL)
    return json.dumps(_filled(asdict(result)), ensure_ascii=False, indent=1, default=str) + "\n"


def _filled(value: object) -> object:
    if isinstance(value, dict):
        return {key: _filled(one) for key, one in value.items() if one}
    return [_filled(one) for one in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("path", FEEDS, ids=lambda path: path.name)
def test_an_ugly_feed_is_read_as_its_golden_file_says(path: Path) -> None:
    golden, result = path.with_name(f"{path.name}.golden"), shown(path)
    if os.environ.get("WIREWATCH_TEST_UPDATE_GOLDEN") == "1":
        golden.write_text(result, encoding="utf-8")
    assert result == golden.read_text(encoding="utf-8")


def test_every_golden_file_has_its_feed() -> None:
    assert {path.name.removesuffix(".golden") for path in FOLDER.glob("*.golden")} == {
        path.name for path in FEEDS
    }


@pytest.mark.parametrize("path", FEEDS, ids=lambda path: path.name)
def test_both_readers_find_the_same_in_what_both_can_read(path: Path) -> None:
    document = clean_document(path.read_bytes(), None)
    root = well_formed(document.data) if isinstance(document, Document) else None
    if root is None or isinstance(root, ParseFailed) or isinstance(document, ParseFailed):
        return
    found = read_tree(root)
    if found is not None and path.name != "many-authors.rss":  # see `author_name`
        assert plain_feed(found, URL, False) == plain_feed(
            read_with_feedparser(document.data), URL, False
        )
