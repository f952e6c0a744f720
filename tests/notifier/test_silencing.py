"""Which silence keeps which alert from whom."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.notifier.silencing import Subject, silence_over, story_is_silent, subject_of
from services.store.silences import Silence, SilenceKind
from tests.notifier.alerts import NOW, article

SUBJECT = Subject("story-1", "gazette-world", "The Gazette", "www.gazette.example")
HOUR = timedelta(hours=1)


def silence(kind: SilenceKind, target: str, subscription: str | None = None) -> Silence:
    return Silence("s-1", kind, target, subscription, "Ann", "enough", NOW, NOW + HOUR)


def holds(one: Silence, rule: str = "iran", subscription: str = "desk") -> bool:
    return silence_over([one], SUBJECT, rule, subscription, NOW) is one


def test_a_rule_is_silenced_by_its_id() -> None:
    assert holds(silence(SilenceKind.RULE, "iran"))
    assert not holds(silence(SilenceKind.RULE, "ira"))


def test_a_story_is_silenced_whatever_rule_it_meets() -> None:
    assert holds(silence(SilenceKind.STORY, "story-1"), rule="anything")
    assert not holds(silence(SilenceKind.STORY, "story-2"))


@pytest.mark.parametrize(
    "target",
    ["gazette-world", "the gazette", " The Gazette ", "www.gazette.example", "gazette.EXAMPLE"],
)
def test_a_source_is_silenced_by_its_feed_its_name_or_its_host(target: str) -> None:
    assert holds(silence(SilenceKind.SOURCE, target))


@pytest.mark.parametrize("target", ["gazette", "azette.example", "example", "www", "zette.example"])
def test_a_source_that_is_only_alike_is_heard(target: str) -> None:
    assert not holds(silence(SilenceKind.SOURCE, target))


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("www.gazette.example", "gazette.example"),
        ("www.gazette.example", "world.gazette.example"),
        ("bücher.example", "www.xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
    ],
)
def test_a_site_is_silenced_however_its_host_is_written(target: str, host: str) -> None:
    there = replace(SUBJECT, host=host)
    one = silence(SilenceKind.SOURCE, target)
    assert silence_over([one], there, "iran", "desk", NOW) is one


def test_a_source_without_a_link_is_not_every_source() -> None:
    nowhere = replace(SUBJECT, host=None)
    assert silence_over([silence(SilenceKind.SOURCE, "x")], nowhere, "iran", "desk", NOW) is None


def test_a_silence_of_one_subscription_leaves_the_others_alone() -> None:
    one = silence(SilenceKind.RULE, "iran", "desk")
    assert holds(one)
    assert not holds(one, subscription="night")


def test_of_several_silences_the_one_that_ends_last_holds() -> None:
    first = silence(SilenceKind.RULE, "iran")
    last = replace(silence(SilenceKind.STORY, "story-1"), silence_id="s-0", ends_at=NOW + 2 * HOUR)
    assert silence_over([first, last], SUBJECT, "iran", "desk", NOW) is last
    assert silence_over([first, last], SUBJECT, "iran", "desk", NOW + HOUR) is last
    assert silence_over([first, last], SUBJECT, "iran", "desk", NOW + 2 * HOUR) is None


def test_of_a_silent_story_no_updates_are_heard_either() -> None:
    one = silence(SilenceKind.STORY, "story-1", "desk")
    assert story_is_silent([one], "story-1", "desk", NOW)
    assert not story_is_silent([one], "story-1", "night", NOW)
    assert not story_is_silent([one], "story-2", "desk", NOW)
    others = [silence(SilenceKind.RULE, "iran"), silence(SilenceKind.SOURCE, "gazette")]
    assert not story_is_silent(others, "story-1", "desk", NOW)


def test_what_silences_may_be_about_is_taken_from_the_report() -> None:
    assert subject_of(article(), "story-1") == Subject(
        "story-1", "harbour", "The Harbour Gazette", "gazette.example"
    )
