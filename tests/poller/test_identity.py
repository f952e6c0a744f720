"""An article polled twice is one article; two articles are never taken for one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.identity import (
    SHARED,
    Edited,
    Known,
    New,
    Verdict,
    aliases_of,
    article_id,
    borne_by,
    canonical_link,
    classify,
    named,
    published_at,
)
from services.poller.parse import FeedEntry
from services.store.feeds import SeenEntry

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
A = FeedEntry(
    guid="https://wire.example/?p=1",
    link="https://wire.example/2026/ports.html",
    title="Ports reopen",
    summary="All of them.",
    published=NOW,
)
B = replace(A, guid="https://wire.example/?p=2", link="https://wire.example/b", title="Rain")


def poll(entries: Sequence[FeedEntry], seen: dict[str, SeenEntry]) -> list[Verdict]:
    """Classifies the entries of one document and remembers them, as the poller does."""
    names = named(borne_by(entries), seen)
    verdicts = classify("feed", names, seen)
    for each, verdict in zip(names, verdicts, strict=True):
        row = SeenEntry(verdict.article_id, each.text, NOW)
        seen.update(dict.fromkeys(each.counting, row))
        seen.update(dict.fromkeys(each.shared, SeenEntry(SHARED, "", NOW)))
    return verdicts


def kinds(entries: Sequence[FeedEntry], seen: dict[str, SeenEntry]) -> list[type[Verdict]]:
    return [type(verdict) for verdict in poll(entries, seen)]


def test_an_article_polled_twice_is_known() -> None:
    seen: dict[str, SeenEntry] = {}
    (first, _), (second, _) = poll([A, B], seen), poll([A, B], seen)
    assert isinstance(first, New)
    assert second == Known(first.article_id)


@pytest.mark.parametrize(
    "moved",
    [
        replace(A, guid="http://www.wire.example/?p=1", link=None),  # another host
        replace(A, guid="urn:other"),  # the link is known
        replace(A, guid=None),
        replace(A, link=None),
        replace(A, link="https://wire.example/new.html"),
        replace(A, published=NOW + timedelta(days=3)),
        replace(A, link="HTTPS://Wire.Example:443/2026/ports.html?utm_source=rss#top", guid="x"),
    ],
)
def test_one_known_alias_is_enough(moved: FeedEntry) -> None:
    seen: dict[str, SeenEntry] = {}
    (first,) = poll([A], seen)
    assert poll([moved], seen) == [Known(first.article_id)]


def test_another_text_under_a_known_identity_is_an_edit() -> None:
    seen: dict[str, SeenEntry] = {}
    (first,) = poll([A], seen)
    edited = replace(A, title="Ports reopen after storm")
    assert poll([edited], seen) == [Edited(first.article_id)]
    assert poll([edited], seen) == [Known(first.article_id)]
    assert kinds([replace(edited, title="Ports  reopen\nafter storm")], seen) == [Known]


def test_another_entry_is_new_whatever_it_shares_in_words() -> None:
    seen: dict[str, SeenEntry] = {}
    poll([A], seen)
    assert kinds([replace(B, title=A.title, summary=A.summary)], seen) == [New]


def test_links_that_all_point_home_tell_nothing() -> None:
    home = "https://wire.example/"
    entries = [FeedEntry(link=home, title=f"Item {n}", published=NOW) for n in range(3)]
    seen: dict[str, SeenEntry] = {}
    assert kinds(entries, seen) == [New] * 3
    assert kinds(entries, seen) == [Known] * 3
    assert kinds([*entries, FeedEntry(link=home, title="Item 3", published=NOW)], seen) == [
        *[Known] * 3,
        New,
    ]


def test_market_wrap_twice_a_day_is_two_articles() -> None:
    morning = FeedEntry(title="Market wrap", summary="Shares rose.", published=NOW)
    evening = replace(morning, summary="Shares fell.", published=NOW + timedelta(hours=6))
    seen: dict[str, SeenEntry] = {}
    assert kinds([morning], seen) == [New]
    assert kinds([evening, morning], seen) == [New, Known]
    assert kinds([evening], seen) == [Known]


def test_a_shared_guid_that_is_unshared_later_brings_nothing_back() -> None:
    twins = [replace(A, link=None), replace(B, guid=A.guid, link=None)]
    seen: dict[str, SeenEntry] = {}
    assert kinds(twins, seen) == [New, New]
    assert kinds(twins[:1], seen) == [Known]
    assert kinds(twins[1:], seen) == [Known]


def test_the_same_entry_twice_in_a_document_is_one_article_then_and_later() -> None:
    seen: dict[str, SeenEntry] = {}
    assert kinds([A, A], seen) == [New]
    assert kinds([A], seen) == [Known]
    assert kinds([A, B, A], seen) == [Known, New]


def test_an_address_that_was_shared_once_tells_nothing_later() -> None:
    home = "https://wire.example/"
    first, second, third, fourth = (
        FeedEntry(link=home, title=f"Item {n}", published=NOW) for n in range(4)
    )
    seen: dict[str, SeenEntry] = {}
    poll([first, second], seen)
    assert kinds([third], seen) == [New]
    assert kinds([fourth], seen) == [New], "not an edit of the third"
    assert kinds([third], seen) == [Known]


def test_an_entry_whose_guid_comes_to_be_shared_is_still_known() -> None:
    seen: dict[str, SeenEntry] = {}
    (first,) = poll([A], seen)
    twin = replace(B, guid=A.guid, link=A.link)
    known, new = poll([A, twin], seen)
    assert known == Known(first.article_id)
    assert isinstance(new, New)
    assert poll([twin], seen) == [Known(new.article_id)]
    assert poll([A], seen) == [Known(first.article_id)]


def test_two_entries_of_one_document_are_never_one_article() -> None:
    seen: dict[str, SeenEntry] = {}
    (first,) = poll([A], seen)
    moved = replace(A, link="https://wire.example/elsewhere", summary="Edited.")
    heir = FeedEntry(guid="urn:heir", link=A.link, title="Another story", published=NOW)
    assert kinds([heir, moved], seen) == [New, Edited]
    assert poll([heir, moved], seen)[1] == Known(first.article_id)
    assert kinds([heir], seen) == [Known]


def test_a_feed_of_many_sites_has_many_articles_of_one_path() -> None:
    seen: dict[str, SeenEntry] = {}
    one = FeedEntry(guid="https://one.example/?p=12", title="One", published=NOW)
    two = FeedEntry(guid="https://two.example/?p=12", title="Two", published=NOW)
    other = FeedEntry(guid="https://two.example/?p=7", title="Other", published=NOW)
    assert kinds([one, other], seen) == [New, New]
    assert kinds([two, one], seen) == [New, Known]
    third = FeedEntry(guid="https://three.example/?p=7", title="Third", published=NOW)
    assert kinds([third, one], seen) == [New, Known]


def test_without_guid_and_link_a_title_without_a_date_is_not_enough() -> None:
    wrap = FeedEntry(title="Market wrap", summary="Shares rose.")
    seen: dict[str, SeenEntry] = {}
    assert kinds([wrap], seen) == [New]
    assert kinds([wrap], seen) == [Known]
    assert kinds([replace(wrap, summary="Shares fell.")], seen) == [New]
    assert kinds([FeedEntry(summary="A", published=NOW)], seen) == [New]
    assert kinds([FeedEntry(summary="B", published=NOW)], seen) == [New]


def test_title_and_day_count_only_without_guid_and_link() -> None:
    bare = FeedEntry(title="Storm warning", published=NOW)
    seen: dict[str, SeenEntry] = {}
    assert kinds([bare], seen) == [New]
    assert kinds([replace(bare, title="Storm  WARNING", summary="More.")], seen) == [Edited]
    assert kinds([replace(bare, published=NOW + timedelta(days=1))], seen) == [New]
    assert kinds([replace(bare, guid="7")], seen) == [New]


def test_two_feeds_never_share_an_article() -> None:
    assert article_id("a", "guid:1") != article_id("b", "guid:1")
    assert article_id("a", "guid:1") == article_id("a", "guid:1")
    assert len(article_id("a", "guid:1")) == 32


entries = st.builds(
    FeedEntry,
    guid=st.sampled_from([None, "1", "2", "https://a.example/1", "http://b.example/1"]),
    link=st.sampled_from([None, "https://a.example/", "https://a.example/1", "mailto:x"]),
    title=st.sampled_from(["", "Market wrap", "Rain"]),
    summary=st.sampled_from(["", "x", "y"]),
    published=st.sampled_from([None, NOW]),
)


@given(st.lists(entries, max_size=8))
def test_every_entry_keeps_an_alias_and_a_second_poll_finds_nothing_new(
    document: list[FeedEntry],
) -> None:
    assert all(aliases_of(document))
    seen: dict[str, SeenEntry] = {}
    first = [verdict.article_id for verdict in poll(document, seen)]
    second = poll(document, seen)
    assert len(set(first)) == len(first)
    assert second == [Known(article) for article in first]


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://WWW.Example.COM:443/A/b#c", "https://www.example.com/A/b"),
        ("http://example.com:80", "http://example.com/"),
        ("http://example.com:8080/x", "http://example.com:8080/x"),
        (
            "https://e.example/a?z=1&utm_source=x&UTM_Medium=y&fbclid=1&gclid=2&mc_cid=3&b=&a=2",
            "https://e.example/a?a=2&b=&z=1",
        ),
        ("https://e.example/a?q=caf%C3%A9+noir", "https://e.example/a?q=caf%C3%A9+noir"),
        ("https://e.example/?p=1&utm=kept", "https://e.example/?p=1&utm=kept"),
        ("https://e.example/a?srsltid=1&mkt_tok=2&igsh=3&pk_campaign=4", "https://e.example/a"),
        ("http://[2001:DB8::1]:80/x", "http://[2001:db8::1]/x"),
        ("mailto:a@b.example", None),
        ("http://[broken", None),
        ("https://e.example:99999/", None),
        ("/relative", None),
    ],
)
def test_a_link_has_one_spelling(url: str, canonical: str | None) -> None:
    assert canonical_link(url) == canonical
    if canonical is not None:
        assert canonical_link(canonical) == canonical


def test_the_feeds_date_is_never_in_the_future() -> None:
    assert published_at(replace(A, published=NOW + timedelta(days=1)), NOW) == NOW
    assert published_at(replace(A, published=None, updated=NOW - timedelta(1)), NOW) == (
        NOW - timedelta(1)
    )
    assert published_at(replace(A, published=None), NOW) is None
