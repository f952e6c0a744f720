"""What tests can do to a newsroom: publish, edit, break things, and look."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.embedded.newsroom_process import PATIENCE_SECONDS, Desk, newsroom, until


@pytest.fixture(scope="module")
def empty() -> Iterator[str]:
    with newsroom("--script", "empty") as running:
        yield running.url


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


@pytest.fixture
async def desk(
    client: aiohttp.ClientSession, empty: str, request: pytest.FixtureRequest
) -> AsyncIterator[Desk]:
    feed = request.node.name.replace("[", "-").replace("]", "")[-70:].strip("_")
    new = Desk(client, empty, feed)
    await new.order("feeds", 201, id=feed, title="A test feed", format="rss")
    yield new
    await new.order(f"feed/{feed}", 200, mode="ok")


# --- conditional requests ------------------------------------------------------------


async def test_what_the_reader_has_is_not_sent_again(desk: Desk) -> None:
    page = await desk.publish("One", body=["A paragraph."])
    for url in (desk.feed_url, page):
        async with desk.client.get(url) as response:
            etag, modified = response.headers["ETag"], response.headers["Last-Modified"]
        assert await desk.status(url, If_None_Match=etag) == 304
        assert await desk.status(url, If_None_Match=f'"other", W/{etag}') == 304
        assert await desk.status(url, If_None_Match='"other"') == 200
        assert await desk.status(url, If_None_Match='"other"', If_Modified_Since=modified) == 200
        yesterday = "Thu, 01 Jan 2015 00:00:00 GMT"
        assert await desk.status(url, If_Modified_Since=yesterday) == 200


async def test_a_second_version_within_a_second_is_not_hidden_by_last_modified(
    desk: Desk,
) -> None:
    await desk.publish("One")
    async with desk.client.get(desk.feed_url) as response:
        etag, modified = response.headers["ETag"], response.headers["Last-Modified"]
    await desk.publish("Two")
    assert await desk.status(desk.feed_url, If_None_Match=etag) == 200
    assert await desk.status(desk.feed_url, If_Modified_Since=modified) == 200


# --- the control API -----------------------------------------------------------------


async def test_a_published_piece_stands_on_top_of_its_feed_and_has_a_page(desk: Desk) -> None:
    await desk.publish("First & <foremost>", summary="In short", body="One.\n\nTwo.")
    url = await desk.publish("Second", slug="the-second", published="2021-02-03T04:05:06Z")
    second, first = await desk.entries()
    assert (second.title, second.link) == ("Second", url)
    assert url.endswith("/the-second.html")
    assert second.published_parsed[:6] == (2021, 2, 3, 4, 5, 6)
    assert first.title == "First & <foremost>"
    page = await desk.text(first.link)
    assert "<p>One.</p>" in page and "<p>Two.</p>" in page


async def test_two_pieces_of_one_title_get_pages_of_their_own(desk: Desk) -> None:
    assert await desk.publish("Market wrap") != await desk.publish("Market wrap")
    one, two = await desk.entries()
    assert one.id != two.id


async def test_an_entry_may_lack_guid_link_and_date(desk: Desk) -> None:
    await desk.publish("Bare", guid=None, link=False, published=None)
    (entry,) = await desk.entries()
    assert not {"id", "link", "published"} & set(entry)


async def test_a_feed_may_carry_the_whole_text(desk: Desk) -> None:
    await desk.publish("Whole", body=["Fish & chips."], content=True)
    (entry,) = await desk.entries()
    assert entry.content[0].value == "<p>Fish &amp; chips.</p>"


async def test_an_edit_changes_page_and_feed_and_nothing_else(desk: Desk) -> None:
    url = await desk.publish("Draft", slug="piece", summary="Kept", body=["Old words."])
    (old,) = await desk.entries()
    async with desk.client.get(url) as response:
        modified = response.headers["Last-Modified"]
    await desk.order("edit", 200, feed=desk.feed, slug="piece", title="Final", body=["New."])
    (new,) = await desk.entries()
    assert (new.title, new.summary, new.id, new.link) == ("Final", "Kept", old.id, old.link)
    page = await desk.text(url)
    assert "New." in page and "Old words." not in page
    assert await desk.status(url, If_Modified_Since=modified) == 200


async def test_a_page_may_be_forbidden_and_come_back(desk: Desk) -> None:
    url = await desk.publish("Wall", slug="wall", body=["Text."], page_status=403)
    assert await desk.status(url) == 403
    await desk.order("edit", 200, feed=desk.feed, slug="wall", page_status=200)
    assert "Text." in await desk.text(url)


async def test_a_page_may_be_something_else_than_html(desk: Desk) -> None:
    url = await desk.publish("Paper", page_content_type="application/pdf")
    async with desk.client.get(url) as response:
        assert response.content_type == "application/pdf"


async def test_an_article_larger_than_a_record_of_the_bus_can_be_published(desk: Desk) -> None:
    body = ["A long paragraph. " * 60_000, "The end."]
    assert "The end." in await desk.text(await desk.publish("Long read", body=body))


async def test_furniture_can_be_ordered(desk: Desk) -> None:
    furniture = {"template": "bare", "read_more": [{"title": "Elsewhere", "form": "strong"}]}
    page = await desk.text(await desk.publish("Plain", body=["Text."], furniture=furniture))
    assert "<strong>Read More:</strong>" in page and "<nav" not in page


async def test_an_order_with_a_mistake_is_answered_in_plain_words(desk: Desk) -> None:
    unknown_feed = await desk.order("publish", 404, feed="no-such-feed", title="x")
    assert 'no feed "no-such-feed"; there are: ' in unknown_feed["error"]
    unknown_key = await desk.order("publish", 400, feed=desk.feed, title="x", titel="x")
    assert unknown_key["error"].startswith("titel: ")
    assert "edit it" in await _twice(desk)
    assert "error" in await desk.order("feeds", 409, id=desk.feed, title="Again")
    assert "error" in await desk.order("edit", 404, feed=desk.feed, slug="unwritten")
    assert "mode" in (await desk.order(f"feed/{desk.feed}", 400, mode="tired"))["error"]


async def _twice(desk: Desk) -> str:
    await desk.publish("x", slug="x")
    return str((await desk.order("publish", 409, feed=desk.feed, title="x", slug="x"))["error"])


async def test_the_state_says_whether_everything_published_has_been_polled(desk: Desk) -> None:
    async def polled() -> bool:
        return bool((await desk.state())["feeds"][desk.feed]["polled"])

    assert not await polled()
    await desk.entries()
    assert await polled()
    await desk.publish("News")
    assert not await polled()
    await desk.order(f"feed/{desk.feed}", 200, mode="500")
    await desk.status(desk.feed_url)
    assert not await polled()
    await desk.order(f"feed/{desk.feed}", 200, mode="ok")
    await desk.entries()
    assert await polled()


async def test_the_log_tells_who_asked_for_what(desk: Desk) -> None:
    await desk.status(desk.feed_url, User_Agent="reader/1", If_None_Match='"x"')
    log = json.loads(await desk.text(f"{desk.base}/_control/log"))
    visit = next(v for v in log if v["path"] == f"/feeds/{desk.feed}.xml")
    assert (visit["status"], visit["conditional"], visit["user_agent"]) == (200, True, "reader/1")
    assert not any(v["path"].startswith("/_control") for v in log)


# --- trouble -------------------------------------------------------------------------


async def test_a_feed_that_is_down_hangs_up_and_comes_back(desk: Desk) -> None:
    await desk.order(f"feed/{desk.feed}", 200, mode="down")
    with pytest.raises(aiohttp.ClientConnectionError):
        await desk.status(desk.feed_url)
    await desk.order(f"feed/{desk.feed}", 200, mode="ok")
    assert await desk.entries() == []


async def test_a_slow_feed_is_right_in_the_end(desk: Desk) -> None:
    await desk.publish("Late")
    await desk.order(f"feed/{desk.feed}", 200, mode="slow", seconds=0.05)
    assert [entry.title for entry in await desk.entries()] == ["Late"]


async def test_a_consent_page_or_an_error_may_stand_where_a_feed_or_page_was(desk: Desk) -> None:
    url = await desk.publish("Piece", slug="piece", body=["Text."])
    for path, asked in ((f"feed/{desk.feed}", desk.feed_url), (f"page/{desk.feed}/piece", url)):
        await desk.order(path, 200, mode="not_a_feed")
        assert "Before you continue" in await desk.text(asked)
        await desk.order(path, 200, mode="500")
        assert await desk.status(asked) == 500


@pytest.mark.parametrize("mode", ["slow", "drip", "huge"])
async def test_an_endless_answer_stops_when_the_client_goes_away(desk: Desk, mode: str) -> None:
    await desk.order(f"feed/{desk.feed}", 200, mode=mode)
    path = f"/feeds/{desk.feed}.xml"

    async def served() -> bool:
        return path in (await desk.state())["in_flight"]

    async def left() -> bool:
        return not await served()

    asking = asyncio.create_task(desk.status(desk.feed_url))
    await until(served)
    asking.cancel()
    await until(left)
    log = json.loads(await desk.text(f"{desk.base}/_control/log"))
    assert [v["status"] for v in log if v["path"] == path] == [None]


@pytest.mark.parametrize("mode", ["drip", "huge"])
async def test_an_endless_answer_is_cut_off_in_time_and_size(desk: Desk, mode: str) -> None:
    seconds = {"drip": 0.3, "huge": 60}[mode]
    await desk.order(f"feed/{desk.feed}", 200, mode=mode, seconds=seconds)
    size = 0
    with pytest.raises(aiohttp.ClientPayloadError):
        async with desk.client.get(desk.feed_url) as response:
            assert response.status == 200
            async for chunk in response.content.iter_any():
                size += len(chunk)
    assert 0 < size < 60_000_001


async def test_trouble_that_would_last_too_long_is_refused(desk: Desk) -> None:
    await desk.order(f"feed/{desk.feed}", 400, mode="slow", seconds=61)
