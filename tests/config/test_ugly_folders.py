"""Files with mistakes, what they say of each other, and the exact lines their author gets."""

import os
from pathlib import Path

import pytest

from schemas.folder import ConsoleSpec, SlackSpec
from schemas.rule import Severity
from services.config import files
from services.config.folder import Broken, Folder, read_folder
from tests.config.written_folder import GOOD, told, write

BAD_URL = "a URL starts with http:// or https:// and names a host"


def test_a_good_folder_is_read_whole(tmp_path: Path) -> None:
    slack = "channels:\n  - {id: console, type: console}\n" + (
        "  - id: s\n    type: slack\n    webhook_url: {env: HOOK}\n"
    )
    more = (
        "rules:\n- id: oil\n  name: Oil\n  query: |\n    oil OR\n    gas\n"
        "  severity: urgent\n  tags: [oil]\n"
    )
    subscriptions = (
        "subscriptions:\n  - {id: a, channel: console, rules: all}\n"
        "  - {id: b, channel: s, rules: {tags: [oil], severities: [urgent]}, zone: Asia/Tehran}\n"
    )
    changes = {"rules/oil.yml": more, "channels.yaml": slack, "subscriptions.yaml": subscriptions}
    found = read_folder(write(tmp_path, changes))
    assert isinstance(found, Folder)
    assert found.warnings == ()
    assert [feed.id for feed in found.feeds] == ["bbc"]
    assert [(rule.id, rule.severity) for rule in found.rules] == [
        ("iran", Severity.NORMAL),
        ("oil", Severity.URGENT),
    ]
    assert [type(channel) for channel in found.channels] == [ConsoleSpec, SlackSpec]
    assert [each.selects("iran", ("me",), Severity.LOW) for each in found.subscriptions] == [
        True,
        False,
    ]


def test_mistakes_in_several_rule_files_are_told_together(tmp_path: Path) -> None:
    changes = {
        "rules/a.yaml": "rules:\n  - id: iran\n    query: Iran\n",
        "rules/b.yml": 'rules:\n  - id: x\n    query: "Iran" AND Syria\n',
        "rules/c.yaml": "rules:\n  - id: y\n    severity: low\n",
    }
    assert told(write(tmp_path, changes)) == [
        "rules/b.yml:3: not YAML: the value goes on after its closing quote; put the whole "
        "value in single quotes, or on the lines below a |",
        'rules/c.yaml:2: rule "y": "query" is missing',
        'rules/iran.yaml:2: rule "iran": this id is taken by rules/a.yaml:2',
    ]


def test_a_rule_with_a_mistake_is_not_also_called_unknown(tmp_path: Path) -> None:
    subscriptions = GOOD["subscriptions.yaml"]
    assert isinstance(subscriptions, str)
    changes = {
        "rules/iran.yaml": "rules:\n  - id: iran\n    query: Iran\n    severity: x\n",
        "subscriptions.yaml": subscriptions.replace("all\n", "{ids: [iran]}\n", 2).replace(
            "id: {ids: [iran]}", "id: all"
        ),
    }
    assert told(write(tmp_path, changes)) == [
        'rules/iran.yaml:4: rule "iran": unknown severity "x"; use low, normal, high or urgent'
    ]


def test_what_stands_in_a_file_that_cannot_be_read_is_not_called_unknown(tmp_path: Path) -> None:
    assert told(write(tmp_path, {"channels.yaml": "channels: [}"})) == [
        "channels.yaml:1: not YAML: a [ or { has no matching ] or }"
    ]


def test_every_missing_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    assert told(tmp_path) == [
        "channels.yaml: missing; say where alerts go, at the least:",
        "    channels:",
        "      - id: console",
        "        type: console",
        "feeds.yaml: missing; write it with a list of feeds, or put an OPML file "
        "(feeds.opml) here:",
        "    feeds:",
        "      - id: example",
        "        url: https://example.org/feed.xml",
        "rules: missing; make the folder rules/ with a file such as rules/first.yaml:",
        "    rules:",
        "      - id: first",
        "        query: Iran AND Syria",
        "subscriptions.yaml: missing; say which rules go to which channel, at the least:",
        "    subscriptions:",
        "      - id: everything",
        "        channel: console",
        "        rules: all",
    ]


def test_the_examples_of_the_missing_files_make_a_good_folder(tmp_path: Path) -> None:
    found = read_folder(tmp_path)
    assert isinstance(found, Broken)
    examples = {p.file: p.message.split("\n", 1)[1] for p in found.problems}
    examples["rules/first.yaml"] = examples.pop("rules")
    assert told(write(tmp_path, {**examples, "rules/iran.yaml": None})) == []


def test_a_folder_that_is_not_there_and_a_file_in_its_place_are_problems(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert told(gone) == [f".: the folder {gone} cannot be read: no such file or directory"]
    gone.write_text("x")
    assert told(gone) == [f".: the folder {gone} cannot be read: not a directory"]


def test_files_that_cannot_be_read_are_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 2_000_000)
    write(tmp_path, {"feeds.yaml": "#" * 2_000_001, "channels.yaml": None})
    (tmp_path / "channels.yaml").mkdir()
    (tmp_path / "rules" / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "rules" / "latin.yaml").write_bytes(
        "rules:\n- id: a\n  query: Köln\n".encode("latin-1")
    )
    assert told(tmp_path) == [
        "channels.yaml: not a file that can be read; it must be a regular file",
        "feeds.yaml: larger than 2 MB; split it",
        "rules/gone.yaml: cannot be read: no such file or directory",
        "rules/latin.yaml:3: not UTF-8; save the file as UTF-8",
    ]


def test_rules_that_are_a_file_are_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {"rules/iran.yaml": None, "rules": "rules: []"})
    assert told(tmp_path) == ["rules: the folder cannot be read: not a directory"]


def test_backups_and_hidden_files_do_not_exist(tmp_path: Path) -> None:
    changes = dict.fromkeys(
        ("feeds.yaml~", ".feeds.yaml", "rules/.a.yaml", "rules/b.yaml~", "rules/old~/a.yaml"), "{"
    )
    assert told(write(tmp_path, changes)) == []


def test_yaml_that_nobody_reads_is_a_warning(tmp_path: Path) -> None:
    changes = {
        "feed.yaml": "",
        "rules.yaml": "",
        "Other.YML": "",
        "notes.md": "",
        "rules/eu/a.yaml": "",
    }
    assert told(write(tmp_path, changes)) == [
        "Other.YML: warning: this file is not read",
        'feed.yaml: warning: this file is not read; did you mean "feeds.yaml"?',
        "rules.yaml: warning: this file is not read; rules belong into the folder rules/",
        "rules/eu: warning: folders inside rules/ are not read; move its files to rules/",
    ]


def test_a_file_name_that_is_not_utf8_can_be_printed(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / os.fsdecode(b"caf\xe9.yaml")).write_text("")
    assert told(tmp_path) == ["caf?.yaml: warning: this file is not read"]


def test_a_byte_order_mark_and_dos_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = "\ufefffeeds:\r\n  - id: bbc\r\n    url: https://bbc.example/rss\r\n    x: 1\r\n"
    assert told(write(tmp_path, {"feeds.yaml": text})) == [
        'feeds.yaml:4: feed "bbc": unknown key "x"; '
        "known keys are id, url, name, full_text, late, headers, basic, token, query and proxy"
    ]


def test_feeds_may_come_from_opml_alone_or_beside_feeds_yaml(tmp_path: Path) -> None:
    opml = '<opml>\n<outline text="{}" xmlUrl="{}"/>\n</opml>'
    only = {"feeds.yaml": None, "mine.opml": opml.format("The Wire", "https://wire.example/")}
    found = read_folder(write(tmp_path, only))
    assert isinstance(found, Folder)
    assert [(feed.id, feed.name) for feed in found.feeds] == [("the-wire", "The Wire")]
    both = {"more.opml": opml.format("BBC", "ftp://x.example")}
    assert told(write(tmp_path, both)) == [
        f'more.opml:2: feed "bbc": "url": {BAD_URL}',
        'more.opml:2: feed "bbc": this id is taken by feeds.yaml:2',
    ]
