"""Copies are one story, round-ups and reports of the same event are not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from schemas.matches import ArticleField, Hit
from services.notifier.stories.postings import BOILERPLATE, Postings
from services.notifier.stories.shared import is_inside, shared_spans
from services.notifier.stories.shingles import shingles_of
from services.notifier.stories.window import (
    LONGEST_STORY,
    WINDOW,
    Container,
    Copy,
    Fresh,
    StoryWindow,
)
from services.notifier.stories.words import words_of
from tests.notifier.alerts import rule_match
from tests.notifier.reports import held, place, report, text

FERRY, STORM, MINE = text("ferry"), text("storm"), text("mine")


def words(body: str, first: int, last: int) -> str:
    return " ".join(body.split()[first:last])


@pytest.mark.parametrize(
    "edited",
    [
        pytest.param(FERRY, id="unchanged"),
        pytest.param(FERRY.upper().replace(" ", "\n\n", 20), id="set differently"),
        pytest.param(text("lead", 40) + " " + words(FERRY, 40, 200), id="with another lead"),
        pytest.param(words(FERRY, 0, 100), id="cut to a half"),
        pytest.param(words(FERRY, 0, 70), id="cut to a third"),
        pytest.param(words(FERRY, 130, 200), id="its end only"),
        pytest.param(FERRY + " " + text("box", 60), id="with a box below"),
        pytest.param(FERRY + " " + words(text("ferry", 400), 300, 400), id="with more of the same"),
    ],
)
def test_what_is_contained_in_a_story_is_a_copy_of_it(edited: str) -> None:
    window = StoryWindow()
    first, _ = place(window, report("gazette", FERRY))
    place(window, report("herald", STORM))
    assert window.judge(report("courier", edited)) == Copy(first)


def test_different_reports_are_different_stories() -> None:
    window = StoryWindow()
    stories = {place(window, report("gazette", text(f"topic {n}")))[0] for n in range(50)}
    assert len(stories) == 50


def test_a_round_up_is_a_story_of_its_own_that_holds_what_it_repeats() -> None:
    window = StoryWindow()
    ferry, _ = place(window, report("gazette", FERRY))
    storm, _ = place(window, report("herald", STORM))
    whole = report("weekly", "\n\n".join([text("chess"), FERRY, text("opera"), STORM]))
    verdict = window.judge(whole)
    assert isinstance(verdict, Container)
    assert sorted(held(verdict)) == sorted([ferry, storm])


def test_a_round_up_that_is_mostly_an_old_report_still_tells_its_other_news() -> None:
    window = StoryWindow()
    ferry, _ = place(window, report("gazette", text("ferry", 400)))
    verdict = window.judge(report("weekly", text("ferry", 400) + " " + text("opera", 120)))
    assert held(verdict) == [ferry]


def test_no_story_is_joined_through_a_round_up() -> None:
    window = StoryWindow()
    place(window, report("gazette", FERRY))
    place(window, report("weekly", "\n\n".join([FERRY, STORM, MINE])))
    assert window.judge(report("herald", STORM)) == Fresh()
    assert isinstance(window.judge(report("courier", FERRY)), Copy)


def test_a_round_up_copied_whole_is_a_copy_of_the_round_up() -> None:
    window = StoryWindow()
    place(window, report("gazette", FERRY))
    whole = "\n\n".join([FERRY, STORM, MINE])
    story, _ = place(window, report("weekly", whole))
    assert window.judge(report("monthly", whole)) == Copy(story)


def test_a_report_after_the_window_is_a_story_of_its_own() -> None:
    window = StoryWindow()
    place(window, report("gazette", FERRY))
    in_time, late = WINDOW, WINDOW + timedelta(seconds=1)
    assert isinstance(window.judge(report("courier", FERRY, in_time)), Copy)
    assert window.judge(report("courier", FERRY, late)) == Fresh()


def test_copies_keep_a_story_in_the_window_but_not_for_ever() -> None:
    window = StoryWindow()
    place(window, report("gazette", FERRY))
    day = timedelta(days=2)
    for number in (1, 2, 3):
        assert isinstance(place(window, report(f"paper{number}", FERRY, day * number))[1], Copy)
    assert window.judge(report("courier", FERRY, LONGEST_STORY + timedelta(hours=1))) == Fresh()


def series(value: int) -> str:
    """One member of a series: half of its text is the template."""
    return text("template", 100) + " " + text(f"value {value}", 100)


def test_the_members_of_an_outlets_series_are_different_news() -> None:
    window = StoryWindow()
    place(window, report("wire", series(1), title="Money market deficit at 350 million pounds"))
    second = report("wire", series(2), title="Money market deficit at 800 million pounds")
    assert window.judge(second) == Fresh()
    corrected = report("wire", series(1), title="Money market deficit at 350 million pounds")
    assert isinstance(window.judge(corrected), Copy)


def test_a_series_is_told_apart_by_the_numbers_in_its_headlines() -> None:
    window = StoryWindow()
    place(window, report("wire", FERRY, title="Earthquake of 4.2 near the islands at night"))
    again = report("wire", FERRY, title="Earthquake of 5.1 near the islands at night")
    assert window.judge(again) == Fresh()
    place(window, report("league", STORM, title="The home team and its guests part 2 to 1"))
    other = report("league", STORM, title="The home team and its guests part 1 to 2")
    assert window.judge(other) == Fresh()


def test_a_series_taken_over_by_another_outlet_is_told_apart_too() -> None:
    window = StoryWindow()
    place(window, report("wire", series(1), title="Money market deficit at 350 million pounds"))
    second = report("daily", series(2), title="Money market deficit at 800 million pounds")
    assert window.judge(second) == Fresh()


SHORT = "The ferry has stopped, the harbour master said."


def test_a_short_report_is_known_by_its_headline() -> None:
    window = StoryWindow()
    headline = "Ferry line to the northern islands stops"
    story, _ = place(window, report("gazette", SHORT, title=headline))
    other = "A line of other words about it."
    assert window.judge(report("courier", other, title=headline.upper())) == Copy(story)
    assert window.judge(report("courier", SHORT, title="The morning in brief")) == Fresh()
    assert window.judge(report("courier", SHORT, title="Ferry stops")) == Fresh()


def test_an_outlets_own_short_reports_under_one_headline_are_different_news() -> None:
    window = StoryWindow()
    headline = "What is on in the city today and tomorrow"
    place(window, report("gazette", SHORT, title=headline))
    assert window.judge(report("gazette", "Something else.", title=headline)) == Fresh()


def test_a_short_report_with_the_same_address_is_the_same_story() -> None:
    window = StoryWindow()
    page: dict[str, Any] = {"url": "https://gazette.example/2026/ferry", "title": "Ferry"}
    story, _ = place(window, report("gazette", SHORT, **page))
    again = report(
        "gazette", "Other words.", **page | {"url": "http://gazette.example/2026/ferry/"}
    )
    assert window.judge(again) == Copy(story)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            {"url": "https://gazette.example/live", "title": "Ferry line to the islands stops"},
            {"url": "https://gazette.example/live", "title": "Mine shut after a fire at night"},
            id="other headlines",
        ),
        pytest.param(
            {"url": "https://gazette.example/live", "title": "Magnitude 4.2 near the islands"},
            {"url": "https://gazette.example/live", "title": "Magnitude 5.1 near the islands"},
            id="other numbers",
        ),
        pytest.param(
            {"url": "https://gazette.example/live#post-1", "title": ""},
            {"url": "https://gazette.example/live#post-2", "title": ""},
            id="no headlines, other anchors",
        ),
    ],
)
def test_the_short_posts_of_one_live_page_are_different_news(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    window = StoryWindow()
    place(window, report("gazette", SHORT, **first))
    assert window.judge(report("gazette", "Other words.", **second)) == Fresh()


def test_short_posts_without_headlines_are_known_by_what_they_say() -> None:
    window = StoryWindow()
    page: dict[str, Any] = {"url": "https://gazette.example/status", "title": ""}
    story, _ = place(window, report("gazette", SHORT, **page))
    assert window.judge(report("gazette", "The mine is shut after a fire.", **page)) == Fresh()
    assert window.judge(report("gazette", SHORT, **page)) == Copy(story)
    assert window.judge(report("courier", SHORT, title="")) == Copy(story)


def test_each_post_of_a_live_page_is_told_once_whatever_feeds_show_it() -> None:
    window = StoryWindow()
    live: dict[str, Any] = {"url": "https://gazette.example/live"}
    place(window, report("gazette", SHORT, **live, title="Ferry line to the islands stops"))
    headline = "Mine shut after a fire at night"
    mine, _ = place(window, report("gazette", "Other words.", **live, title=headline))
    assert window.judge(report("gazette", "Other words.", **live, title=headline)) == Copy(mine)


def test_a_short_report_is_known_by_a_headline_that_an_older_story_had() -> None:
    window = StoryWindow()
    headline = "Ferry line to the northern islands stops"
    later = WINDOW + timedelta(hours=1)
    place(window, report("gazette", SHORT, title=headline))
    again, _ = place(window, report("herald", SHORT, later, title=headline))
    assert window.judge(report("courier", SHORT, later, title=headline)) == Copy(again)
    window.sweep(report("x", MINE, later).trace.seen_at)
    assert window.judge(report("courier", SHORT, later, title=headline)) == Copy(again)


def test_a_short_report_is_known_by_its_address_under_an_edited_headline() -> None:
    window = StoryWindow()
    page: dict[str, Any] = {"url": "https://gazette.example/2026/ferry"}
    story, _ = place(window, report("gazette", SHORT, **page, title="Ferry line to islands stops"))
    tracked: dict[str, Any] = {"url": "https://gazette.example/2026/ferry#xtor=RSS-3"}
    edited = report("gazette", "Other words.", **tracked, title="Ferry line stops at night")
    assert window.judge(edited) == Copy(story)


def test_a_home_page_is_no_storys_address() -> None:
    window = StoryWindow()
    home: dict[str, Any] = {"url": "https://gazette.example/", "title": "News"}
    place(window, report("gazette", SHORT, **home))
    assert window.judge(report("gazette", "Other words.", **home)) == Fresh()


def test_a_story_that_everybody_copies_never_becomes_boilerplate() -> None:
    window = StoryWindow()
    first, _ = place(window, report("wire", FERRY))
    for number in range(2 * BOILERPLATE):
        assert place(window, report(f"paper{number}", FERRY))[1] == Copy(first)


def test_what_stands_below_every_article_makes_no_copies() -> None:
    window = StoryWindow()
    footer = text("footer", 60)
    for number in range(2 * BOILERPLATE):
        body = text(f"topic {number}", 62) + " " + footer
        place(window, report(f"paper{number}", body))
    assert isinstance(window.judge(report("last", text("topic last", 50) + " " + footer)), Fresh)


@pytest.mark.parametrize(
    ("outlet", "box"), [("gazette", 500), ("courier", 100)], ids=["of one outlet", "of two"]
)
def test_a_short_report_under_a_long_box_is_news_where_its_headline_is_not_in_the_box(
    outlet: str, box: int
) -> None:
    window = StoryWindow()
    below = " " + text("about the author and the newsletter", box)
    fire, flood = text("fire", 50), text("flood", 50)
    told, _ = place(window, report("gazette", fire + below, title=words(fire, 3, 12)))
    other = report(outlet, flood + below, title=words(flood, 3, 12))
    assert held(window.judge(other)) == [told]
    copied = report("courier", fire + below, title=words(fire, 3, 12))
    assert window.judge(copied) == Copy(told)


WALL = text("subscribe to read on", 90)


def test_what_all_pages_of_an_outlet_say_instead_of_their_text_makes_no_copies() -> None:
    window = StoryWindow()
    first, _ = place(window, report("gazette", WALL, title="Ferry line to the islands stops"))
    strike, why = place(window, report("gazette", WALL, title="Teachers announce a strike"))
    assert (strike != first, held(why)) == (True, [first])
    again = report("gazette", WALL, title="Teachers announce strike in all schools")
    assert window.judge(again) == Copy(strike)
    assert window.judge(report("gazette", WALL, title="Islands' ferry line stops")) == Copy(first)


def test_reports_of_one_event_are_related_and_nothing_more() -> None:
    window = StoryWindow()
    for number in range(30):
        place(window, report(f"paper{number}", text(f"topic {number}")))
    ferry, _ = place(window, report("gazette", FERRY))
    shuffled = " ".join(sorted(FERRY.split(), key=lambda word: word[::-1]))
    written_apart = report("courier", shuffled)
    assert window.judge(written_apart) == Fresh()
    assert list(window.related(written_apart.trace)) == [ferry]
    assert not window.related(report("herald", text("topic of another kind")).trace)


def test_what_was_swept_out_is_found_no_more_and_the_rest_still_is() -> None:
    window = StoryWindow()
    place(window, report("gazette", FERRY))
    storm, _ = place(window, report("herald", STORM, timedelta(hours=40)))
    window.sweep(report("x", MINE, timedelta(hours=80)).trace.seen_at)
    assert len(window) == 1
    assert window.judge(report("courier", FERRY)) == Fresh()
    assert window.judge(report("courier", STORM, timedelta(hours=80))) == Copy(storm)


@pytest.mark.parametrize(
    ("proof", "inside"),
    [
        (lambda f, o: f.split()[100], True),
        (lambda f, o: o.split()[50], False),
    ],
)
def test_evidence_is_inside_only_if_all_of_it_is_shared(
    proof: Callable[[str, str], str], inside: bool
) -> None:
    window = StoryWindow()
    place(window, report("gazette", FERRY))
    opera = text("opera", 300)
    whole = report("weekly", f"{opera}\n\n{FERRY}")
    verdict = window.judge(whole)
    assert isinstance(verdict, Container)
    ((_, mask),) = verdict.of
    spans = shared_spans(whole, mask)
    start = whole.text.index(FERRY) + len(FERRY) // 2 if inside else len(opera) // 2
    found = Hit(field=ArticleField.BODY, start=start, end=start + 5)
    other = Hit(field=ArticleField.BODY, start=10, end=15)
    title = Hit(field=ArticleField.TITLE, start=0, end=4)
    assert is_inside(rule_match("r", [[found]]), whole, spans) is inside
    assert not is_inside(rule_match("r", [[found], [other]]), whole, spans)
    assert not is_inside(rule_match("r", [[found, title]]), whole, spans)
    assert not is_inside(rule_match("r", [[]]), whole, spans)


def test_scripts_without_spaces_are_compared_by_character() -> None:
    window = StoryWindow()
    body = "".join(chr(0x4E00 + ord(c) * 37 % 9000) for c in text("ferry", 60))
    first, _ = place(window, report("gazette", body))
    assert window.judge(report("courier", body[60:240])) == Copy(first)


def test_postings_say_the_same_however_they_are_stored() -> None:
    postings = Postings()
    plain: dict[int, set[int]] = {}
    for story in range(400):
        hashes = shingles_of(words_of(text(f"topic {story % 100}", 150))).hashes
        own = hashes[story % 3 :: 2]
        postings.add(story, own)
        for value in own.tolist():
            plain.setdefault(value, set()).add(story)
    asked = shingles_of(words_of(text("topic 7", 150))).hashes
    places, stories = postings.of(asked)
    found = {(int(asked[p]), int(s)) for p, s in zip(places, stories, strict=True)}
    assert found == {(v, s) for v in asked.tolist() for s in plain.get(v, ())}
    living = np.zeros(400, np.bool_)
    living[::2] = True
    postings.forget(living)
    places, stories = postings.of(asked)
    assert {int(s) for s in stories} == {s for _, s in found if s % 2 == 0}


def test_hashes_are_the_same_in_every_process() -> None:
    assert words_of("Ferry").tolist() == [7949881795909877008]
    assert words_of("FERRY").tolist() == words_of("ferry").tolist()
