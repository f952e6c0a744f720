"""Pages made to break their reader cost a few seconds and a worker, and nothing else."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.poller.extract import Extracted, NoText, NoTextReason, extract_page, extract_simply
from services.poller.pages import TextWorkers
from tests.poller.article_pages import article_page
from tests.poller.conftest import kept_open
from tests.poller.test_text_workers import worker_pids

URL = "https://courier.example/world/article-1.html"
SENTENCE = "<p>Ships left the harbour at noon and came back empty, the harbour master said.</p>"
SIZE = 600_000
ENOUGH_MEMORY = 1_500_000_000


@pytest.fixture(scope="module")
def workers() -> Iterator[TextWorkers]:
    with kept_open(TextWorkers(1, page_deadline=timedelta(seconds=3))) as opened:
        yield opened


def page(markup: str) -> bytes:
    return f"<html lang=en><body><article>{SENTENCE * 3}{markup}</article></body></html>".encode()


def filled(unit: str) -> bytes:
    return page(unit * (SIZE // len(unit)))


HOSTILE = {
    # trafilatura would be busy for more than the deadline of 5 s with these
    "cells of one row": filled("<td>x</td>").replace(b"<article>", b"<article><table><tr>"),
    "paragraphs of one letter": filled("<p>x"),
    "sixty thousand attributes": page(f"<p {' '.join(f'a{n}=x' for n in range(60_000))}>x</p>"),
    # resiliparse would with these
    "nested blocks": filled("<div><p>some text"),
    "a hundred thousand nested tags": page("<div>" * 100_000 + "x" + "</div>" * 100_000),
    "nested in tags that are never closed": filled("<table><tr><td><ul><li><b><a href=/x>x"),
    "nested tables": filled("<table><tr><td>x"),
    "comments that never end": page("<!--" * 100_000),
    "entities": page("&amp;" * 100_000 + "&#x110000;&#0;&#xd800;&bogus;"),
    "two megabytes of one word": page(f"<p>{'a' * 2_000_000}</p>"),
    "null bytes": page("<p>no\x00 end</p>" * 2_000),
    "directions and invisible characters": page("<p>\u202egnorw\u2066 \u200b\ufeff</p>" * 2_000),
    "a script that is all of it": page("<script>" + "if (a<b) " * 60_000),
}


@pytest.mark.parametrize("trouble", HOSTILE)
async def test_a_hostile_page_ends_within_its_time_and_memory(
    workers: TextWorkers, trouble: str
) -> None:
    found = await workers.extract_page(HOSTILE[trouble], "text/html; charset=utf-8", URL)
    assert isinstance(found, Extracted | NoText)
    good = await workers.extract_page(page(""), "text/html", URL)
    assert isinstance(good, Extracted)
    assert all(peak_memory(pid) < ENOUGH_MEMORY for pid in worker_pids(os.getpid()))


async def test_a_page_that_hangs_the_extractor_is_read_in_the_simple_way(
    workers: TextWorkers,
) -> None:
    found = await workers.extract_page(HOSTILE["cells of one row"], "text/html", URL)
    assert isinstance(found, Extracted)
    assert found.body.startswith("Ships left the harbour at noon")
    assert found.lang == "en"


def test_the_simple_way_cleans_as_the_other_does() -> None:
    related = (
        '<p>Read More: <a href="/r">Volcano grounds flights for a second week</a></p>'
        '<p><a href="/r">Orchestra strike ends after marathon talks</a></p>'
        "<h3>Related stories</h3><ul><li><a href=/o>Glacier lake drained at last</a></li></ul>"
    )
    content = SENTENCE * 2 + related + SENTENCE.replace("noon", "dawn")
    served = article_page("Ships in the harbour", content, ("Chess prodigy banned from play",))
    exact, simple = (read(served, "text/html", URL) for read in (extract_page, extract_simply))
    assert isinstance(exact, Extracted)
    assert isinstance(simple, Extracted)
    assert (simple.title, simple.lang, simple.canonical_url) == (
        exact.title,
        exact.lang,
        exact.canonical_url,
    )
    for text in (exact.body, simple.body):
        assert "at dawn" in text
        for other in ("Volcano", "Orchestra", "Glacier", "Chess"):
            assert other not in text


@pytest.mark.parametrize(
    ("served", "content_type", "reason"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj <</Length 9>>", "text/html", NoTextReason.NOT_HTML),
        (b'{"@type": "NewsArticle", "text": "..."}', "text/html", NoTextReason.NOT_HTML),
        (b'\xef\xbb\xbf [{"html": "%s"}]' % page(""), "text/html", NoTextReason.NOT_HTML),
        (b"%PDF-1.7 " + page(""), "text/html", NoTextReason.NOT_HTML),
        (b"<?xml version='1.0'?>\n<!-- x --><RSS>" + page(""), "text/html", NoTextReason.NOT_HTML),
        (b"<!-- a comment first -->" + page(""), "text/html", None),
        (b"<?xml version='1.0'?>" + page(""), "application/xhtml+xml", None),
        (b"\x89PNG\r\n\x1a\n" + bytes(5_000), "text/html; charset=utf-8", NoTextReason.NOT_HTML),
        (b"<rss><channel><title>x</title></channel></rss>", "text/html", NoTextReason.NOT_HTML),
        (page(""), "image/png", NoTextReason.NOT_HTML),
        (b"\xff\xfe" + "<p>x</p>".encode("utf-16-be") * 500, "text/html", None),
        (page("").replace(b"Ships", b"\xff\xfe\xfd"), "text/html; charset=big5", None),
        (page(""), "text/html; charset=no-such-charset", None),
        (page(""), "text/html; charset=utf-7", None),
        (page(""), "text/html; charset=base64", None),
    ],
)
def test_what_is_served_under_a_wrong_name_is_no_article_or_read(
    served: bytes, content_type: str, reason: NoTextReason | None
) -> None:
    found = extract_page(served, content_type, URL)
    if reason is not None:
        assert isinstance(found, NoText)
        assert found.reason is reason


def test_invisible_characters_and_nul_do_not_reach_the_text() -> None:
    hidden = "\u202e\u2066\u200b\ufeff\u00ad\x00\x07"
    served = page(f"<p>Ships{hidden} left the{hidden} harbour at noon, the paper said.</p>")
    found = extract_page(served, "text/html", URL)
    assert isinstance(found, Extracted)
    assert "Ships left the harbour at noon, the paper said." in found.body
    assert not set(hidden) & set(found.body)


async def test_a_worker_has_a_limit_of_memory(workers: TextWorkers) -> None:
    assert isinstance(await workers.extract_page(page(""), "text/html", URL), Extracted)
    assert [limit for pid in worker_pids(os.getpid()) if (limit := address_space(pid)) < 4e9]


def address_space(pid: int) -> float:
    """How many bytes a process may map."""
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (soft,) = (line.split()[3] for line in limits if line.startswith("Max address space"))
    return float(soft.replace("unlimited", "inf"))


def peak_memory(pid: int) -> int:
    """The most bytes a process ever had in memory."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
