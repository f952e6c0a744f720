"""A feed that renames its old entries is quiet; one that was not read for a while is not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.poller.identity import borne_by
from services.poller.news import Since, Sorted, sort_entries
from services.poller.parse import FeedEntry
from services.poller.reidentified import set_reidentified_apart, title_of
from services.store.entry_titles import Past
from services.store.feeds import SeenEntry

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WATCHED = Since(None, NOW - HOUR)
PHRASE = "Automatic location; the figures are those of the first hour and are revised later."
LONG = "A report of some length, long enough to be told from a phrase below every title. " * 3


def reports(count: int, first: int = 0, **details: object) -> list[FeedEntry]:
    """Entries of the last hours, the newest first."""
    return [
        replace(
            FeedEntry(
                guid=f"old-{n}",
                link=f"https://wire.example/old/{n}",
                title=f"Report number {n} from the harbour",
                summary=f"{n}: {LONG}",
                published=NOW - n * HOUR - HOUR / 10,
            ),
            **details,  # type: ignore[arg-type]
        )
        for n in range(first, first + count)
    ]


def renamed(entries: Sequence[FeedEntry], **changes: object) -> list[FeedEntry]:
    return [
        replace(e, guid=f"new:{e.guid}", link=f"{e.link}?id={n}", **changes)  # type: ignore[arg-type]
        for n, e in enumerate(entries)
    ]


class Feed:
    """What is remembered of a feed, kept as the store does."""

    def __init__(self) -> None:
        self.seen: dict[str, SeenEntry] = {}
        self.texts: dict[str, dict[str, SeenEntry]] = {}
        self.titles: dict[str, dict[str, SeenEntry]] = {}

    def read(self, entries: Sequence[FeedEntry], now: datetime = NOW) -> Sorted:
        found = sort_entries("feed", borne_by(entries), self.seen, WATCHED, now)
        found = set_reidentified_apart(found, Past(self.texts, self.titles), now)
        for s in found.everything:
            self.seen.update(dict.fromkeys(s.aliases, s.remembered))
            _file(self.texts, s.remembered.text_hash, s.remembered)
            _file(self.titles, title_of(s), s.remembered)
        return found


def _file(shelf: dict[str, dict[str, SeenEntry]], key: str | None, article: SeenEntry) -> None:
    if key is not None:
        shelf.setdefault(key, {}).setdefault(article.article_id, article)


def ids(found: Sorted) -> Mapping[str, str]:
    """The article of each title."""
    return {s.entry.title: s.remembered.article_id for s in found.everything}


@pytest.fixture
def feed() -> Feed:
    """A feed that has shown its reports, each at its time."""
    watched = Feed()
    for entry in reports(20):
        watched.read([entry], entry.published or NOW)
    return watched


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"summary": "The whole design is new, and so is every summary of the house."},
        {"published": None},
        {"published": NOW},  # every entry bears the day of the move
    ],
)
def test_old_entries_under_new_names_are_no_news_and_stay_the_articles_they_were(
    feed: Feed, changes: Mapping[str, object]
) -> None:
    before = ids(feed.read(reports(20)))
    found = feed.read(renamed(reports(20), **changes))
    assert not found.news
    assert len(found.reidentified) == 20
    assert ids(found) == before
    assert not found.gap
    again = feed.read(renamed(reports(20), **changes))
    assert len(again.known) == 20


def test_what_is_new_beside_renamed_entries_is_news(feed: Feed) -> None:
    fresh = reports(2, first=100, published=NOW)
    found = feed.read([*fresh, *renamed(reports(18))])
    assert [s.entry.guid for s in found.news] == ["old-100", "old-101"]
    assert len(found.reidentified) == 18


def test_an_edit_of_a_renamed_entry_is_a_revision_of_the_old_article(feed: Feed) -> None:
    before = ids(feed.read(reports(20)))
    feed.read(renamed(reports(20)))
    edited = renamed(reports(20))
    edited[3] = replace(edited[3], summary="Corrected: nobody was hurt.")
    (news,) = feed.read(edited).news
    assert news.edited
    assert news.remembered.article_id == before[news.entry.title]


def test_a_window_full_of_news_is_a_gap_and_is_news(feed: Feed) -> None:
    found = feed.read(reports(20, first=200, published=NOW))
    assert len(found.news) == 20
    assert found.gap


@pytest.mark.parametrize(("same", "muted"), [(11, 0), (12, 12)])
def test_six_in_ten_must_have_been_seen(feed: Feed, same: int, muted: int) -> None:
    document = renamed(reports(same)) + reports(20 - same, first=300, published=NOW)
    found = feed.read(document)
    assert (len(found.reidentified), len(found.news)) == (muted, 20 - muted)


@pytest.mark.parametrize(("new", "old"), [(9, 0), (11, 9)])
def test_few_new_names_are_news(feed: Feed, new: int, old: int) -> None:
    document = renamed(reports(new)) + reports(old, first=11)
    assert len(feed.read(document).news) == new


SERIES = [f"Magnitude {4 + n / 10:.1f} off the coast of Fiji" for n in range(12)]


@pytest.mark.parametrize("summary", ["", PHRASE, LONG])
def test_titles_that_come_again_do_not_mute_what_happened_during_an_outage(summary: str) -> None:
    quakes = Feed()
    for day in (3, 2):
        when = NOW - timedelta(days=day)
        quakes.read(_series(f"day {day}", when, summary and f"{summary} {day}"), when)
    found = quakes.read(_series("today", NOW - HOUR, summary and f"{summary} 0"))
    assert len(found.news) == 12
    assert found.gap


@pytest.mark.parametrize("published", [True, False])
def test_titles_that_come_again_with_one_phrase_below_them_are_news(published: bool) -> None:
    quakes = Feed()
    for day in (3, 2, 0):
        when = NOW - timedelta(days=day) - HOUR
        document = _series(f"day {day}", when, PHRASE)
        if not published:
            document = [replace(entry, published=None) for entry in document]
        assert len(quakes.read(document, when).news) == 12


def test_renamed_entries_of_a_series_are_told_apart_by_their_dates() -> None:
    quakes = Feed()
    before: Mapping[str, str] = {}
    for day in (3, 2):
        when = NOW - timedelta(days=day)
        before = ids(quakes.read(_series(f"day {day}", when, f"{LONG} {day}"), when + HOUR / 4))
    again = _series("other names", NOW - timedelta(days=2), "In other words.")
    found = quakes.read(again)
    assert len(found.reidentified) == 12
    assert ids(found) == before


def test_short_titles_are_the_names_of_series() -> None:
    desk = Feed()
    names = [f"Wrap {n}" for n in range(12)]
    old = [replace(_titled(t, f"a{t}", NOW - 2 * HOUR), summary="Shares fell.") for t in names]
    new = [replace(entry, guid=f"b{entry.guid}", summary="Shares rose.") for entry in old]
    desk.read(old, NOW - HOUR)
    assert len(desk.read(new).news) == 12


def test_a_title_of_the_same_undivided_day_may_be_another_article() -> None:
    desk = Feed()
    midnight = NOW.replace(hour=0)
    desk.read(_series("morning", midnight, ""), NOW - 4 * HOUR)
    assert len(desk.read(_series("noon", midnight, "")).news) == 12


def test_a_title_whose_article_is_still_in_the_document_is_another_article(feed: Feed) -> None:
    twins = [replace(e, guid=f"twin-{n}", link=None) for n, e in enumerate(reports(12))]
    assert len(feed.read([*reports(6), *twins]).reidentified) == 0


def _series(name: str, when: datetime, summary: str) -> list[FeedEntry]:
    return [replace(_titled(t, f"{name} {t}", when), summary=summary) for t in SERIES]


def _titled(title: str, guid: str, when: datetime) -> FeedEntry:
    return FeedEntry(guid=guid, title=title, published=when)
