"""OPML in and out: feeds keep their ids, feeds.yaml its comments, and secrets stay at home."""

from pathlib import Path

import pytest
import yaml

from schemas.folder import FeedSpec
from services.config.feeds_file import with_feeds
from services.config.folder import read_feeds, read_opml_file
from services.embedded.feeds.bringing import exported
from tests.embedded.command_line import an_empty_place, typed

__all__ = ["an_empty_place"]

OPML = """<?xml version="1.0"?>
<opml version="2.0"><body>
  <outline text="World">
    <outline text="Coast Wire" xmlUrl="https://coast.example/feed"/>
    <outline text="Harbour: News &amp; Notes" xmlUrl="https://harbour.example/rss?cat=5"/>
  </outline>
</body></opml>
"""

FEEDS = """\
# The desk's feeds.
feeds:
  - id: coast   # do not rename: rules say source:coast
    url: https://Coast.example:443/feed

  # - id: dead
  #   url: https://dead.example/
  - {id: "far", url: "https://far.example/feed"}
  # the end
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.mkdir()
    return path


def opml(tmp_path: Path, text: str = OPML) -> Path:
    file = tmp_path / "feeds.opml"
    file.write_text(text)
    return file


def ids(folder: Path) -> list[str]:
    listing, problems = read_feeds(folder)
    assert not problems
    return [item.spec.id for item in listing.items]


# Import


def test_without_a_folder_feeds_are_printed_as_yaml(tmp_path: Path) -> None:
    done = typed("feeds", "import", opml(tmp_path))
    assert done.exit_code == 0
    assert yaml.safe_load(done.stdout) == {
        "feeds": [
            {"id": "coast-wire", "url": "https://coast.example/feed", "name": "Coast Wire"},
            {
                "id": "harbour-news-notes",
                "url": "https://harbour.example/rss?cat=5",
                "name": "Harbour: News & Notes",
            },
        ]
    }


def test_new_feeds_are_appended_and_what_stood_in_the_file_stays_to_the_letter(
    tmp_path: Path, folder: Path
) -> None:
    file = folder / "feeds.yaml"
    file.write_text(FEEDS)
    file.chmod(0o640)
    done = typed("feeds", "import", opml(tmp_path), "--config", folder)
    assert done.exit_code == 0, done.stderr
    assert "1 added (harbour-news-notes)" in done.stdout
    assert "1 there already (coast)" in done.stdout
    assert file.read_text() == (
        f"{FEEDS}  - id: harbour-news-notes\n"
        "    url: https://harbour.example/rss?cat=5\n"
        "    name: 'Harbour: News & Notes'\n"
    )
    assert ids(folder) == ["coast", "far", "harbour-news-notes"]
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in folder.iterdir()] == ["feeds.yaml"]
    again = typed("feeds", "import", opml(tmp_path), "--config", folder)
    assert (again.exit_code, ids(folder)) == (0, ["coast", "far", "harbour-news-notes"])


def test_a_folder_without_feeds_gets_a_feeds_yaml(tmp_path: Path, folder: Path) -> None:
    assert typed("feeds", "import", opml(tmp_path), "--config", folder).exit_code == 0
    assert ids(folder) == ["coast-wire", "harbour-news-notes"]


def test_a_dry_run_changes_nothing(tmp_path: Path, folder: Path) -> None:
    done = typed("feeds", "import", opml(tmp_path), "--config", folder, "--dry-run")
    assert (done.exit_code, list(folder.iterdir())) == (0, [])
    assert "2 added" in done.stdout
    assert "url: https://coast.example/feed" in done.stdout


def test_an_id_that_means_another_feed_there_is_refused_with_both_places(
    tmp_path: Path, folder: Path
) -> None:
    text = "feeds:\n- id: coast-wire\n  url: https://other.example/\n"
    (folder / "feeds.yaml").write_text(text)
    done = typed("feeds", "import", opml(tmp_path), "--config", folder)
    assert done.exit_code == 2
    assert 'feeds.opml:4: feed "coast-wire" is another one in feeds.yaml:2' in done.stderr
    assert (folder / "feeds.yaml").read_text() == text


@pytest.mark.parametrize(
    ("outline", "complaint"),
    [
        ('<outline text="A" xmlUrl="https://me:word@a.example/"/>', "user name or password"),
        ('<outline text="A" xmlUrl="file:///etc/passwd"/>', "starts with http"),
        ('<outline text="A" type="rss"/>', "has no xmlUrl"),
        ("", "no feeds in it"),
    ],
)
def test_what_is_no_feed_is_refused_with_its_line(
    tmp_path: Path, folder: Path, outline: str, complaint: str
) -> None:
    text = f"<opml>\n<body>\n{outline}\n</body></opml>"
    done = typed("feeds", "import", opml(tmp_path, text), "--config", folder)
    assert (done.exit_code, list(folder.iterdir())) == (2, [])
    assert complaint in done.stderr
    assert "feeds.opml:" in done.stderr
    assert "word" not in done.stderr.replace("password", "")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = typed("feeds", "import", tmp_path / "none.opml")
    assert done.exit_code == 2
    assert "none.opml: cannot be read" in done.stderr


def test_a_folder_whose_feeds_cannot_be_read_is_left_alone(tmp_path: Path, folder: Path) -> None:
    (folder / "feeds.yaml").write_text("feeds:\n- id: UPPER\n")
    done = typed("feeds", "import", opml(tmp_path), "--config", folder)
    assert done.exit_code == 2
    assert "feeds.yaml:2" in done.stderr
    assert (folder / "feeds.yaml").read_text() == "feeds:\n- id: UPPER\n"


FEED = FeedSpec(id="new", url="https://new.example/")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("feeds: []\n", "feeds:\n  - id: new\n    url: https://new.example/\n"),
        (
            "# none yet\nfeeds: []  # really",
            "# none yet\nfeeds:  # really\n  - id: new\n    url: https://new.example/\n",
        ),
        (
            "feeds:\r\n- id: a\r\n  url: https://a.example/",
            "feeds:\r\n- id: a\r\n  url: https://a.example/\r\n"
            "- id: new\r\n  url: https://new.example/\r\n",
        ),
        (
            "feeds:\n    -   id: a\n        url: https://a.example/\n",
            "feeds:\n    -   id: a\n        url: https://a.example/\n"
            "    - id: new\n      url: https://new.example/\n",
        ),
        ("feeds: [{id: a, url: https://a.example/}]\n", None),
        ("feeds:\n- id: a\n  url: https://a.example/\n...\n", None),
        (
            "feeds:\n- id: a\n  url: https://a.example/\n  name: |\n    two\n    lines\n",
            "feeds:\n- id: a\n  url: https://a.example/\n  name: |\n    two\n    lines\n"
            "- id: new\n  url: https://new.example/\n",
        ),
        ("feeds:\n", None),
        ("", None),
        ("feeds: [", None),
    ],
)
def test_a_file_is_continued_in_its_own_way_or_not_at_all(before: str, after: str | None) -> None:
    assert with_feeds(before, [FEED]) == after


def test_what_cannot_be_appended_is_shown_to_be_written_by_hand(
    tmp_path: Path, folder: Path
) -> None:
    text = "feeds: [{id: a, url: https://a.example/}]\n"
    (folder / "feeds.yaml").write_text(text)
    done = typed("feeds", "import", opml(tmp_path), "--config", folder)
    assert done.exit_code == 2
    assert "by hand" in done.stderr
    assert "- id: coast-wire" in done.stdout
    assert (folder / "feeds.yaml").read_text() == text


# Export


def test_feeds_that_go_out_and_come_back_keep_their_ids_and_names(
    tmp_path: Path, folder: Path
) -> None:
    (folder / "feeds.yaml").write_text(
        FEEDS.replace(
            "  # the end", "  - {id: x, url: https://x.example/?a=1&b=%20, name: 'A <b> \"c\" é'}"
        )
    )
    out = typed("feeds", "export", "--config", folder)
    assert out.exit_code == 0, out.stderr
    file = opml(tmp_path, out.stdout)
    listing, problems = read_opml_file(file)
    assert not problems
    before, _ = read_feeds(folder)
    assert [item.spec for item in listing.items] == [item.spec for item in before.items]
    home = tmp_path / "elsewhere"
    home.mkdir()
    assert typed("feeds", "import", file, "--config", home).exit_code == 0
    assert ids(home) == ids(folder)
    assert "1 there already" not in out.stderr


def test_no_credential_leaves_the_house() -> None:
    secret = {"env": "TOP_SECRET_VARIABLE"}
    feeds = [
        {"id": "open", "url": "https://a.example/feed?cat=5"},
        {
            "id": "basic",
            "url": "https://b.example/",
            "basic": {"username": "ann", "password": secret},
        },
        {"id": "token", "url": "https://c.example/", "token": secret},
        {"id": "query", "url": "https://d.example/", "query": {"licence": secret}},
        {
            "id": "headers",
            "url": "https://e.example/",
            "headers": {"X-Key": secret, "X-Desk": "4711abcd"},
        },
        {"id": "inside", "url": "https://f.example/feed?cat=5&api_key=s3cr3t99&n=1"},
        {"id": "path", "url": "https://g.example/u/9f86d081884c7d659a2feaa0c55ad015/rss"},
        {"id": "proxied", "url": "https://h.example/", "proxy": "http://proxy.internal:3128"},
    ]
    said = exported([FeedSpec.model_validate(feed) for feed in feeds])
    text = "\n".join([*said.lines, *said.errors])
    for kept_back in (
        "TOP_SECRET",
        "ann",
        "4711abcd",
        "s3cr3t99",
        "9f86d08",
        "licence",
        "internal",
    ):
        assert kept_back not in text, kept_back
    assert "https://f.example/feed?cat=5&amp;n=1" in text
    needing = [line.partition(":")[0] for line in said.errors if "credentials" in line]
    assert needing == ["basic", "token", "query", "headers", "inside"]
    assert any(line.startswith("path: left out") for line in said.errors)


def test_feeds_of_the_database_are_exported(tmp_path: Path, folder: Path) -> None:
    missing = typed("feeds", "export")
    assert (missing.exit_code, "no such state folder" in missing.stderr) == (1, True)
    (folder / "feeds.yaml").write_text(FEEDS)
    (folder / "rules").mkdir()
    (folder / "rules" / "a.yaml").write_text("rules: [{id: a, query: a}]")
    (folder / "channels.yaml").write_text("channels: [{id: c, type: console}]")
    (folder / "subscriptions.yaml").write_text("subscriptions: [{id: s, channel: c, rules: all}]")
    assert typed("apply", "--config", folder).exit_code == 0
    done = typed("feeds", "export")
    assert done.exit_code == 0
    assert 'wirewatch:id="far"' in done.stdout
