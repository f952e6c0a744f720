"""The terminal session on the page about feeds, typed as it stands there."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.config.folder import Folder, read_folder
from tests.embedded.site import Site, running_site
from tests.promises.session import ROOT, exchanges, put_command

PAGE = (ROOT / "docs" / "feeds.md").read_text()
BRINGING = PAGE[PAGE.index("## Bringing feeds along") : PAGE.index("## When a feed is polled")]
WRITING = PAGE[PAGE.index("## Writing feeds.yaml") : PAGE.index("## Bringing feeds along")]

OPML = """<opml version="2.0"><body>
<outline text="Coast Wire" xmlUrl="https://coast.example/feed"/>
<outline text="Harbour: News &amp; Notes" xmlUrl="https://harbour.example/rss?cat=5"/>
<outline text="Deutsche Welle" xmlUrl="https://rss.dw.com/rdf/rss-en-all"/>
</body></opml>
"""


@pytest.fixture
def coast() -> Iterator[Site]:
    """The site of the page, on this machine."""
    with running_site() as site:
        declared = "<link rel='alternate' type='application/rss+xml' href='{}' title='{}'>"
        site.page(
            "/",
            declared.format("/feeds/all", "All news"),
            declared.format("/feeds/sport", "Sport"),
        )
        site.feed("/feeds/all", "The Coast, all news")
        yield site


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A copy of the example folder, what a reader exported, and the command."""
    shutil.copytree(ROOT / "deploy/examples/config", tmp_path / "my-watch")
    (tmp_path / "reader.opml").write_text(OPML)
    put_command(tmp_path / "bin")
    return tmp_path


def test_the_session_is_what_one_sees(desk: Path, coast: Site) -> None:
    session = list(exchanges(BRINGING))
    typed = [command for command, _ in session]
    for name in ("import", "export", "add"):
        assert any(one.startswith(f"wirewatch feeds {name} ") for one in typed), name
    for command, promised in session:
        done = subprocess.run(
            ["sh", "-c", command.replace("https://coast.example", coast.url)],
            cwd=desk,
            env={
                "PATH": f"{desk / 'bin'}:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "WIREWATCH_ALLOWED_NETWORKS": "127.0.0.0/8",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seen = done.stdout.replace(coast.url, "https://coast.example")
        assert seen.strip("\n") == promised, command


def test_what_the_page_writes_into_feeds_yaml_is_read(desk: Path) -> None:
    (example,) = re.findall(r"^    feeds:\n(?:    .*\n)+", WRITING, re.MULTILINE)
    file = desk / "my-watch" / "feeds.yaml"
    file.write_text(re.sub(r"^    ", "", example, flags=re.MULTILINE))
    folder = read_folder(desk / "my-watch")
    assert isinstance(folder, Folder)
    assert [feed.id for feed in folder.feeds] == ["coast", "ministry"]
    keys = set(re.findall(r"^\| `(\w+)` \|", WRITING, re.MULTILINE))
    written = {key for feed in folder.feeds for key in feed.model_fields_set}
    assert written == keys
