"""Hostile feed documents cost little, reveal nothing and leave the poller alive."""

import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.poller.pages import TextWorkers
from services.poller.parse import ParsedFeed, ParseFailed, ParseReason, parse_feed
from services.poller.parse.reading import well_formed
from services.poller.parse.reference import read_with_feedparser
from tests.poller.hostile_feeds import DOCUMENTS

FEED = b"<rss version='2.0'><channel><item><title>Ports reopen</title></item></channel></rss>"
URL = "https://wire.example/feed"


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_hostile_feed_ends_before_its_deadline(
    name: str, text_workers: TextWorkers
) -> None:
    make, reason = DOCUMENTS[name]
    result = await text_workers.parse_feed(make(), None, URL)
    if reason is None:
        assert isinstance(result, ParsedFeed), result
    else:
        assert isinstance(result, ParseFailed)
        assert result.reason is reason
    assert len(pickle.dumps(result)) < 400_000
    assert isinstance(await text_workers.parse_feed(FEED, None, URL), ParsedFeed)


def test_hostile_feeds_take_a_bounded_memory() -> None:
    """Of a worker and all it holds, documents of 10 MB included."""
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-m", "tests.poller.hostile_feeds"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert int(run.stdout) < 700


def test_what_is_invisible_is_gone_from_titles() -> None:
    make, _ = DOCUMENTS["NUL and bidi characters"]
    result = parse_feed(make(), None, URL)
    assert isinstance(result, ParsedFeed)
    assert [entry.title for entry in result.entries] == ["Ports"] * 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_no_file_is_read_that_a_document_names(scheme: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.dtd").write_text('<!ENTITY x "SECRET">')
    (tmp_path / "a.txt").write_text("SECRET")
    inside = (
        "<item><title>a&x;b</title><description xmlns:xi='http://www.w3.org/2001/XInclude'>"
        f"<xi:include parse='text' href='{scheme}{tmp_path}/a.txt'/></description></item>"
    )
    for doctype in (f'SYSTEM "{scheme}{tmp_path}/a.dtd"', f'PUBLIC "x" "{scheme}{tmp_path}/a.dtd"'):
        body = f"<!DOCTYPE rss {doctype}>{FEED.decode().replace('<item>', inside + '<item>')}"
        result = parse_feed(body.encode(encoding), None, URL)
        assert "Ports reopen" in repr(result)
        for found in (result, read_with_feedparser(body.encode(encoding))):
            assert "SECRET" not in repr(found)


def test_no_connection_is_made_that_a_document_asks_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.dtd"
        body = b'<!DOCTYPE rss SYSTEM "%s">' % address.encode() + FEED
        assert isinstance(parse_feed(body, None, URL), ParsedFeed)
        assert not isinstance(well_formed(body), ParseFailed)
        read_with_feedparser(body)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_document_that_is_only_an_address_is_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        body = f"http://127.0.0.1:{server.getsockname()[1]}/feed".encode()
        result = parse_feed(body, None, URL)
        read_with_feedparser(body)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert isinstance(result, ParseFailed)
    assert result.reason is ParseReason.NOT_A_FEED
