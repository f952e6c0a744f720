"""The demo newsroom as a real process: its built-in script, its beginning and its end."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from calendar import timegm
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import feedparser
import pytest

from tests.embedded.newsroom_process import (
    COMMAND,
    PATIENCE_SECONDS,
    ROOT,
    Desk,
    Json,
    fetched,
    newsroom,
    until,
)

FEEDS = ("harbour-courier", "meridian-wire", "daily-lantern")


@dataclass(frozen=True, slots=True)
class Played:
    """The built-in script, played to the end of its timeline."""

    url: str
    before: Json  # the state when all feeds but one had been fetched
    first_feeds: dict[str, bytes]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with newsroom("--speed", "100", "--once") as running:
        feeds = {name: fetched(f"{running.url}/feeds/{name}.xml") for name in FEEDS[:-1]}
        before = json.loads(fetched(f"{running.url}/_control/state"))
        feeds[FEEDS[-1]] = fetched(f"{running.url}/feeds/{FEEDS[-1]}.xml")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not json.loads(fetched(f"{running.url}/_control/state"))["script_done"]:
            assert time.monotonic() < deadline
        yield Played(running.url, before, feeds)


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


# --- the built-in script -------------------------------------------------------------


@pytest.mark.parametrize(
    ("feed", "version"),
    [("harbour-courier", "rss20"), ("meridian-wire", "atom10"), ("daily-lantern", "rss20")],
)
def test_a_feed_starts_with_hours_old_entries_newest_first(
    played: Played, feed: str, version: str
) -> None:
    document = feedparser.parse(io.BytesIO(played.first_feeds[feed]))
    dates = [timegm(entry.published_parsed) for entry in document.entries]
    assert (document.bozo, document.version) == (False, version)
    assert len(dates) in {3, 4}
    assert dates == sorted(dates, reverse=True)
    assert dates[0] <= timegm(document.feed.updated_parsed) - 3 * 3600


def test_nothing_is_published_before_every_feed_was_fetched(played: Played) -> None:
    assert played.before["published"] == []
    assert not played.before["script_started"]


async def test_the_timeline_comes_out_in_its_order(
    client: aiohttp.ClientSession, played: Played
) -> None:
    state = await Desk(client, played.url, "-").state()
    assert [(item["feed"], item["slug"]) for item in state["published"]] == [
        ("harbour-courier", "troops-cross-frontier"),
        ("meridian-wire", "frontier-troops-brief"),
        ("daily-lantern", "harbour-walkout"),
        ("harbour-courier", "bridge-tender"),
    ]


async def test_the_trap_stands_in_the_body_alone(
    client: aiohttp.ClientSession, played: Played
) -> None:
    reader = Desk(client, played.url, "harbour-courier")
    newest = next(e for e in await reader.entries() if "troops" in e.title)
    page = await reader.text(newest.link)
    for word in ("Iranian ground forces", "Syria"):
        assert word not in newest.title + newest.summary
        assert page.count(word) == 1
    caption = "A checkpoint on the eastern road"
    assert page.count(f">{caption}") == 2
    published = json.loads(page.split('"datePublished": ')[1].split(",")[0])
    announced = parsedate_to_datetime(newest.published)
    assert datetime.fromisoformat(published) - announced > timedelta(days=900)


async def test_the_pages_carry_furniture_of_their_own_design(
    client: aiohttp.ClientSession, played: Played
) -> None:
    reader = Desk(client, played.url, "-")
    state = await reader.state()
    pages = [await reader.text(item["url"]) for item in state["published"][:3]]
    for page in pages:
        for part in ("<nav", "<figcaption", "Also in World News", "Editors Choice", "<footer"):
            assert part in page
    assert len({page.split("<h1")[0].count("class=") for page in pages}) == 3


async def test_the_index_and_robots_txt_are_there(
    client: aiohttp.ClientSession, played: Played
) -> None:
    reader = Desk(client, played.url, "-")
    assert "The Harbour Courier" in await reader.text(played.url + "/")
    assert "Disallow" not in await reader.text(played.url + "/robots.txt")
    assert await reader.status(played.url + "/daily-lantern/never-written.html") == 404
    assert await reader.status(played.url + "/nowhere") == 404


async def test_the_newsroom_goes_on_after_the_timeline(client: aiohttp.ClientSession) -> None:
    with newsroom("--speed", "3000") as running:
        reader = Desk(client, running.url, "-")
        for feed in FEEDS:
            await reader.text(f"{running.url}/feeds/{feed}.xml")

        async def second_round() -> bool:
            return any(p["slug"] == "orchard-count-2" for p in (await reader.state())["published"])

        await until(second_round)


async def test_if_modified_since_alone_gets_a_304(
    client: aiohttp.ClientSession, played: Played
) -> None:
    url = f"{played.url}/harbour-courier/market-hall-roof.html"
    async with client.get(url) as response:
        modified = response.headers["Last-Modified"]
    reader = Desk(client, played.url, "-")
    assert await reader.status(url, If_Modified_Since=modified) == 304


# --- beginning and end ---------------------------------------------------------------


async def test_it_stops_on_sigterm_though_somebody_waits_for_an_answer() -> None:
    with newsroom("--script", "empty") as running:
        async with aiohttp.ClientSession() as session:
            desk = Desk(session, running.url, "one")
            await desk.order("feeds", 201, id="one", title="One")
            await desk.order("feed/one", 200, mode="drip")
            async with session.get(desk.feed_url) as response:
                await response.content.readany()
                running.process.send_signal(signal.SIGTERM)
                code = await asyncio.to_thread(running.process.wait, PATIENCE_SECONDS)
    assert code == 0


async def test_it_stops_when_its_parent_is_killed() -> None:
    starter = (
        "import subprocess, time\n"
        f"child = subprocess.Popen({[*COMMAND, '--with-parent']!r}, stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(1000)"
    )
    pipe = asyncio.subprocess.PIPE
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", starter, cwd=ROOT, stdout=pipe
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert b"http://127.0.0.1:" in await parent.stdout.readline()
    parent.kill()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Both share this pipe: it ends when the second of them has ended.
            assert await parent.stdout.read() == b""
    except TimeoutError:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        await parent.wait()


def test_a_script_that_cannot_be_read_is_named() -> None:
    command = [*COMMAND, "--script", "no/such/script.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no/such/script.yaml: cannot be read" in done.stderr
