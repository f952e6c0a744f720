"""Headlines of other articles, and what a host repeats, are no text of an article."""

from datetime import UTC, datetime

import pytest

from schemas.article import Article, TextOrigin, TextReason, revision_of
from services.poller.guards import guarded, headlines, short_lines
from services.poller.titles import title_key

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TITLE = "Soldiers cross the border before dawn"
OTHER = "Chess prodigy banned from tournament"
TEXT = "Several hundred soldiers crossed the border on Tuesday, two people who saw them said."
BOILERPLATE = "Write to our reporters at desk@courier.example"


def article(*lines: str, title: str = TITLE, **facts: object) -> Article:
    body = "\n\n".join(lines)
    made = Article(
        article_id="a1",
        revision=revision_of(title, body, ""),
        feed_id="courier",
        source="The Courier",
        url="https://www.courier.example/world/1.html?utm_source=feed",
        title=title,
        body=body,
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        first_seen_at=NOON,
        seen_at=NOON,
    )
    return made.model_copy(update=facts)


def keys(*titles: str) -> frozenset[str]:
    return frozenset(key for title in titles if (key := title_key(title)) is not None)


def lines_of(found: Article) -> list[str]:
    return found.body.split("\n\n")


def repeated(*lines: str) -> frozenset[str]:
    found = short_lines(article(*lines))
    assert found is not None
    return found.lines


def test_a_line_that_is_another_entrys_headline_is_dropped_in_any_spelling() -> None:
    before = article(TEXT, f"» {OTHER.upper()}", TEXT + " They did not stop.")
    assert keys(OTHER) <= headlines(before)
    after = guarded(before, keys(OTHER), ())
    assert lines_of(after) == [TEXT, TEXT + " They did not stop."]
    assert after.revision == revision_of(TITLE, after.body, "")


def test_the_articles_own_headline_stays_whoever_else_bears_it() -> None:
    before = article(TEXT, TITLE, TEXT)
    assert not headlines(before)
    assert guarded(before, keys(TITLE), ()) == before


def test_the_headline_that_the_page_gives_the_article_stays() -> None:
    before = article(OTHER, TEXT)
    assert guarded(before, keys(OTHER), ()) == before


@pytest.mark.parametrize("end", [".", ".”", "!", "。", "؟"])
def test_a_sentence_of_the_text_is_no_headline(end: str) -> None:
    said = "Chess prodigy banned from the tournament" + end
    before = article(TEXT, said, TEXT)
    after = guarded(before, keys(said), ())
    assert (said in lines_of(after)) == (end != "؟")


def test_a_long_line_is_no_headline() -> None:
    long = " ".join(f"word{number}" for number in range(31))
    assert not headlines(article(TEXT, long))


def test_a_short_line_that_the_host_repeats_is_dropped() -> None:
    before = article(BOILERPLATE, TEXT, f"• {BOILERPLATE}")
    assert lines_of(guarded(before, (), repeated(BOILERPLATE))) == [TEXT]


def test_a_line_over_twelve_words_is_never_counted() -> None:
    twelve = " ".join(f"word{number}" for number in range(12))
    found = short_lines(article(twelve, twelve + " more", "关" * 60, "关于我们"))
    assert found is not None
    assert len(found.lines) == 2


def test_the_headline_stays_though_the_host_repeats_it() -> None:
    before = article("Morning briefing", TEXT, title="Morning Briefing")
    assert guarded(before, (), repeated("Morning briefing")) == before


def test_an_article_is_not_emptied() -> None:
    before = article(BOILERPLATE)
    assert guarded(before, (), repeated(BOILERPLATE)) == before


def test_links_to_one_page_are_one_page() -> None:
    canonical = {"canonical_url": "https://courier.example/world/1.html"}
    feeds = [
        article(BOILERPLATE, **canonical, feed_id="world"),
        article(BOILERPLATE, **canonical, url="https://courier.example/top/1.html"),
    ]
    first, second = map(short_lines, feeds)
    assert first == second
    assert first is not None
    assert first.host == "courier.example"


@pytest.mark.parametrize(
    "facts",
    [
        {"text": TextOrigin.SUMMARY},
        {"url": None},
        {"url": "urn:x"},
        {"body": ""},
        {"body": "***\n\n___"},
    ],
)
def test_of_what_is_no_page_nothing_is_remembered(facts: dict[str, object]) -> None:
    assert short_lines(article(BOILERPLATE).model_copy(update=facts)) is None


def test_a_page_of_many_short_lines_is_remembered_in_part() -> None:
    found = short_lines(article(*(f"Result number {number}" for number in range(500))))
    assert found is not None
    assert len(found.lines) == 60


def test_nothing_to_drop_changes_nothing() -> None:
    before = article(TEXT, OTHER, BOILERPLATE)
    assert guarded(before, keys("Another headline of four words"), repeated("Else")) is before
