"""What goes out as an article's text, from the page to the bus."""

from datetime import timedelta

import pytest

from schemas.article import TextOrigin, TextReason, revision_of
from services.store.database import DatabaseUnavailableError
from tests.poller.wire import BODY, SUMMARY, PollingDesk

OTHER = "Chess prodigy banned from the tournament"
BOILERPLATE = "Write to our reporters at desk@courier.example"


async def test_headlines_of_the_same_document_stay_out_of_the_text(desk: PollingDesk) -> None:
    await desk.watched()
    desk.wire.publish("a", title=OTHER)
    desk.wire.publish("b", lines=(f"» {OTHER}", "What happens next"))
    await desk.poll()
    by_title = {article.title: article for article in await desk.published()}
    first, second = by_title[OTHER], by_title["News of b"]
    assert first.body.split("\n\n") == BODY
    assert second.body.split("\n\n") == [BODY[0], "What happens next", *BODY[1:]]
    assert second.revision == revision_of(second.title, second.body, second.summary)


async def test_headlines_that_any_feed_ever_showed_stay_out_of_the_text(desk: PollingDesk) -> None:
    desk.wire.publish("old", title=OTHER, minutes_ago=600)
    await desk.watched()
    desk.wire.entries.clear()
    desk.wire.publish("a", lines=(OTHER,))
    await desk.poll()
    (article,) = await desk.published()
    assert OTHER not in article.body


async def test_a_line_is_dropped_from_the_third_page_of_a_host_on(desk: PollingDesk) -> None:
    await desk.watched()
    for slug in "abcd":
        desk.wire.publish(slug, lines=(BOILERPLATE,))
        await desk.poll()
    articles = await desk.published()
    assert [BOILERPLATE in article.body for article in articles] == [True, True, False, False]


async def test_a_page_that_is_read_again_is_no_other_page(desk: PollingDesk) -> None:
    await desk.watched()
    desk.wire.publish("a", lines=(BOILERPLATE,))
    for number in range(4):
        desk.wire.edit("a", summary=f"Correction {number}.")
        desk.ahead += timedelta(days=2)
        await desk.poll()
    assert len(await desk.published()) == 4
    assert all(BOILERPLATE in article.body for article in await desk.published())


async def test_a_page_that_came_late_is_looked_over_too(desk: PollingDesk) -> None:
    desk.wire.publish("old", title=OTHER, minutes_ago=600)
    await desk.watched()
    desk.wire.publish("a", lines=(OTHER,), page=503)
    await desk.poll()
    desk.wire.edit("a", page=200)
    (retry,) = await desk.retries()
    await desk.poller.retry_page(desk.feed, retry)
    summary, full = await desk.published()
    assert (summary.text_reason, full.text_reason) == (TextReason.HTTP_ERROR, TextReason.PAGE)
    assert full.body.split("\n\n") == BODY


async def test_publishing_again_after_a_crash_is_the_same_revision(desk: PollingDesk) -> None:
    await desk.watched()
    for slug in "abc":
        desk.wire.publish(slug, title=f"{OTHER} {slug}", lines=(BOILERPLATE, f"{OTHER} a"))
        desk.database.fail(1)
        with pytest.raises(DatabaseUnavailableError):
            await desk.poll()
        await desk.poll()
    assert len(await desk.published()) == 6
    assert len(await desk.identities()) == 3


async def test_the_language_is_that_of_the_text(desk: PollingDesk) -> None:
    await desk.watched()
    french = "Les autorités ont déclaré mardi que des troupes étaient entrées dans le nord du pays."
    desk.wire.publish("a", summary=french, page=404)
    desk.wire.publish("b", summary="Brève.", page=404)
    desk.wire.publish("c")
    await desk.poll()
    langs = {article.summary: article.lang for article in await desk.published()}
    assert langs == {french: "fr", "Brève.": None, "A short report from the harbour.": "en"}


async def test_an_article_whose_page_may_not_be_read_goes_out_with_its_summary(
    desk: PollingDesk,
) -> None:
    desk.wire.robots = "User-agent: *\nDisallow: /"
    await desk.watched()
    desk.wire.publish("a")
    await desk.poll()
    (article,) = await desk.published()
    assert (article.text, article.text_reason) == (TextOrigin.SUMMARY, TextReason.DISALLOWED)
    assert article.summary == SUMMARY
    assert not await desk.retries()
    assert not [path for path, _ in desk.wire.visits if path.startswith("/pages/")]
