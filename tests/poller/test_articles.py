"""From an entry and its page to an article."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.article import Article, TextOrigin, TextReason
from schemas.folder import FeedSpec
from services.poller.articles import (
    NoPageText,
    PageResult,
    PageText,
    Sighting,
    article_of,
    telling,
    wants_page,
    with_page,
    without_headline,
)
from services.poller.parse import FeedEntry

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
FEED = FeedSpec(id="wire", url="https://example.org/feed", name="The Wire")
ENTRY = FeedEntry(
    guid="1",
    link="https://example.org/1",
    title="Troops move",
    summary="Troops.",
    body="A short body.",
    published=NOON - timedelta(minutes=2),
)


def _article(page: PageResult, entry: FeedEntry = ENTRY) -> Article:
    return article_of(FEED, entry, page, Sighting("a1", NOON, NOON), "en")


def test_the_text_of_the_page_is_the_articles() -> None:
    article = _article(PageText("The whole text of the page.", "Page title", "fr"))
    assert article.body == "The whole text of the page."
    assert (article.text, article.text_reason) == (TextOrigin.FULL, TextReason.PAGE)
    assert (article.title, article.source, article.lang) == ("Troops move", "The Wire", "fr")


def test_the_address_a_page_wants_to_be_known_by_travels_beside_the_entrys_link() -> None:
    page = PageText("The whole text of the page.", None, None, "https://example.org/canonical")
    later = with_page(_article(NoPageText(TextReason.TIMED_OUT)), page, NOON)
    for article in (_article(page), later):
        assert article.url == ENTRY.link
        assert article.canonical_url == "https://example.org/canonical"


def test_a_page_that_shows_less_than_the_feed_does_not_win() -> None:
    article = _article(PageText("Log in.", None, None))
    assert article.body == "A short body."
    assert article.text_reason is TextReason.FEED_BODY


def test_without_the_page_the_feeds_text_goes_out_and_says_so() -> None:
    article = _article(NoPageText(TextReason.FORBIDDEN))
    assert article.body == "A short body."
    assert (article.text, article.text_reason) == (TextOrigin.SUMMARY, TextReason.FORBIDDEN)


def test_an_entry_without_a_title_takes_the_pages() -> None:
    entry = FeedEntry(guid="1", link="https://example.org/1")
    assert _article(PageText("Text.", "Page title", None), entry).title == "Page title"


@pytest.mark.parametrize(
    ("body", "summary", "tells"),
    [
        ("Watch the video below.", "Two convoys crossed the border before dawn.", False),
        ("Troops move\n\nWatch the video below.", "Two convoys crossed before dawn.", False),
        ("Two convoys crossed the border before dawn.", "Convoys crossed the border.", True),
        ("x" * 200, "x" * 900, True),
        ("Short.", "", True),
    ],
)
def test_a_page_of_a_line_is_no_article_where_the_feed_says_more(
    body: str, summary: str, tells: bool
) -> None:
    page = PageText(body, None, None)
    found = telling(page, "Troops move", summary)
    assert found == (page if tells else NoPageText(TextReason.NO_TEXT))
    assert found.worth_another_try if isinstance(found, NoPageText) else tells


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Troops  MOVE\n\nThe text.", "The text."),
        ("Another headline\n\nThe text.", "Another headline\n\nThe text."),
        ("Troops move", "Troops move"),
    ],
)
def test_the_headline_on_top_goes_only_if_the_feed_gives_the_same(body: str, expected: str) -> None:
    assert without_headline(body, "Troops move") == expected


@pytest.mark.parametrize(
    ("full_text", "entry", "reason"),
    [
        ("auto", ENTRY, None),
        ("auto", FeedEntry(link="https://example.org/1", body="x" * 2000), TextReason.FEED_BODY),
        ("always", FeedEntry(link="https://example.org/1", body="x" * 2000), None),
        ("never", ENTRY, TextReason.NOT_WANTED),
        ("auto", FeedEntry(guid="1"), TextReason.NO_LINK),
    ],
)
def test_when_the_page_is_wanted(
    full_text: str, entry: FeedEntry, reason: TextReason | None
) -> None:
    spec = FeedSpec.model_validate({"id": "w", "url": "https://e.org/f", "full_text": full_text})
    refusal = wants_page(spec.full_text, entry)
    assert (refusal.reason if refusal else None) == reason


@pytest.mark.parametrize(
    "end",
    [
        " […]",
        " [...]",
        "…",
        " he said… Continue reading Troops move",
        "\n\nContinue reading",
        "\n\nRead more »",
        "\n\nThe full report. Read the full story at the Wire",
        " [+1234 chars]",
        "\n\nWeiterlesen",
        " 続きを読む",
    ],
)
def test_a_long_body_that_goes_on_on_the_page_is_not_the_whole_text(end: str) -> None:
    entry = FeedEntry(link="https://example.org/1", body="x" * 3_000 + end)
    assert wants_page("auto", entry) is None


@pytest.mark.parametrize(
    "end",
    [
        ".",
        " The rest is silence.",
        "\n\nHe wants people to read more books, and to read on.",
        "\n\nTo continue reading on the tram was his plan; it failed.",
    ],
)
def test_a_long_body_with_an_end_is_the_whole_text(end: str) -> None:
    entry = FeedEntry(link="https://example.org/1", body="x" * 3_000 + end)
    refusal = wants_page("auto", entry)
    assert refusal is not None
    assert refusal.reason is TextReason.FEED_BODY


def test_a_page_read_later_is_a_new_revision_of_the_same_article() -> None:
    before = _article(NoPageText(TextReason.TIMED_OUT))
    after = with_page(before, PageText("The whole text, later.", None, "en"), NOON + timedelta(1))
    assert after.article_id == before.article_id
    assert after.revision != before.revision
    assert after.text is TextOrigin.FULL
    assert after.first_seen_at == before.first_seen_at


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        (TextReason.FORBIDDEN, True),
        (TextReason.TIMED_OUT, True),
        (TextReason.NO_TEXT, True),
        (TextReason.NOT_HTML, False),
        (TextReason.TOO_LARGE, False),
        (TextReason.NO_LINK, False),
        (TextReason.DISALLOWED, False),
    ],
)
def test_which_pages_are_worth_another_try(reason: TextReason, again: bool) -> None:
    assert NoPageText(reason).worth_another_try is again
