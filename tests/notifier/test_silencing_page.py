"""Silencing by a link: what, for how long, by whom and why; and ending it again."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.notifier.message import SummaryKind, SummaryMessage
from services.store import silences
from services.store.database import Database
from services.store.silences import Silence, SilenceKind
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.linked_pages import Desk, desk, everything, kept

ALERT = ferry_alert()
FILLED = {
    "do": "silence",
    "what": f"story:{ALERT.story_id}",
    "length": "8h",
    "author": "Ann",
    "reason": "we have it",
}


@pytest.fixture
async def at(database: Database) -> AsyncIterator[Desk]:
    await kept(database, ALERT)
    async with desk(database) as opened:
        yield opened


def link(at: Desk) -> str | None:
    return at.links.silence("desk", ALERT.delivery_id)


async def begun(database: Database) -> Sequence[Silence]:
    async with database.read() as tx:
        return [counted.silence for counted in await silences.listed(tx)]


async def test_the_page_offers_the_story_its_rules_and_its_source(at: Desk) -> None:
    shown = await at.get(link(at))
    offered = [(i.get("name"), i.get("value")) for i in shown.page.iter("input")]
    assert [value for name, value in offered if name == "what"] == [
        f"story:{ALERT.story_id}",
        "rule:ferries",
        "rule:fares",
        "source:The Harbour Gazette",
    ]
    assert [value for name, value in offered if name == "length"] == ["1h", "8h", "1d", "1w"]
    assert "the subscription desk is sent no alerts of what you choose" in shown.words
    assert "Other subscriptions are not affected" in shown.words


@pytest.mark.parametrize(
    ("what", "kind", "target"),
    [
        (f"story:{ALERT.story_id}", SilenceKind.STORY, ALERT.story_id),
        ("rule:ferries", SilenceKind.RULE, "ferries"),
        ("source:The Harbour Gazette", SilenceKind.SOURCE, "The Harbour Gazette"),
    ],
)
async def test_what_is_chosen_is_silenced_for_this_subscription_alone(
    what: str, kind: SilenceKind, target: str, at: Desk, database: Database
) -> None:
    shown = await at.post(link(at), data=FILLED | {"what": what})
    assert shown.status == 200
    assert "Silenced until 14 Mar 2026, 18:26 CET by Ann : we have it" in shown.words
    (one,) = await begun(database)
    assert one == Silence(
        one.silence_id,
        kind,
        target,
        "desk",
        "Ann",
        "we have it",
        NOW,
        NOW + timedelta(hours=8),
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"author": "  "}, "Give your name"),
        ({"reason": ""}, "Give a reason"),
        ({"length": "100y"}, "Choose for how long"),
        ({"what": "rule:another"}, "Choose what"),
        ({"what": ""}, "Choose what"),
        ({"do": ""}, ""),
    ],
)
async def test_a_form_that_lacks_something_says_so_and_keeps_the_rest(
    changes: dict[str, str], says: str, at: Desk, database: Database
) -> None:
    shown = await at.post(link(at), data=FILLED | changes)
    if not says:
        assert len(await begun(database)) == 1
        return
    assert shown.status == 400
    assert says in shown.words
    assert await begun(database) == []
    kept_values = {i.get("value") for i in shown.page.iter("input") if i.get("type") == "text"}
    assert {FILLED[name] for name in ("author", "reason") if name not in changes} <= kept_values


async def test_the_button_pressed_twice_silences_once(database: Database) -> None:
    await kept(database, ALERT)
    times = iter([NOW, NOW, NOW + timedelta(seconds=30), NOW + timedelta(seconds=31)])
    async with desk(database, lambda: next(times)) as at:
        for _ in range(2):
            await at.post(link(at), data=FILLED)  # and the page is looked at
    assert len(await begun(database)) == 1


async def test_a_silence_can_be_prolonged_and_not_be_shortened_by_another(
    at: Desk, database: Database
) -> None:
    for length in ("8h", "1w", "1h"):
        await at.post(link(at), data=FILLED | {"length": length})
    assert sorted(one.ends_at - NOW for one in await begun(database)) == [
        timedelta(hours=8),
        timedelta(weeks=1),
    ]


async def test_a_silence_can_be_ended_on_the_page(at: Desk, database: Database) -> None:
    await at.post(link(at), data=FILLED)
    (one,) = await begun(database)
    shown = await at.post(link(at), data={"do": "end", "silence": one.silence_id})
    assert "Silenced until" not in shown.words
    assert await begun(database) == [replace(one, ends_at=NOW)]


async def test_a_link_ends_no_silence_of_others(at: Desk, database: Database) -> None:
    ends = NOW + timedelta(days=1)
    everybodys = Silence("s-1", SilenceKind.RULE, "ferries", None, "Bo", "noise", NOW, ends)
    others = replace(everybodys, silence_id="s-2", subscription_id="night")
    another_rule = replace(everybodys, silence_id="s-3", target="x", subscription_id="desk")
    async with database.write() as tx:
        for one in (everybodys, others, another_rule):
            await silences.add(tx, one)
    shown = await at.get(link(at))
    assert "by Bo : noise" in shown.words
    assert "It concerns every subscription; the operator can end it" in shown.words
    assert shown.words.count("Silenced until") == 1
    before = await everything(database)
    for silence_id in ("s-1", "s-2", "s-3", "none", ""):
        await at.post(link(at), data={"do": "end", "silence": silence_id})
    assert await everything(database) == before


async def test_from_several_alerts_each_of_them_can_be_silenced(
    at: Desk, database: Database
) -> None:
    other = ALERT.model_copy(update={"story_id": "s-2", "title": "Another", "source": "Other"})
    summary = SummaryMessage(
        delivery_id="sum",
        story_id="digest",
        subscription_id="desk",
        sequence=1,
        kind=SummaryKind.DIGEST,
        title="2 alerts",
        items=(ALERT, other),
        raised_at=NOW,
        zone="UTC",
    )
    await kept(database, summary)
    shown = await at.post(
        at.links.silence("desk", "sum"), data=FILLED | {"what": "story:s-2", "author": "Bo"}
    )
    assert "The story: Another" in shown.words
    assert [one.target for one in await begun(database)] == ["s-2"]


async def test_what_a_person_writes_is_text(at: Desk) -> None:
    said = "<script>alert(1)</script>\u202e<!channel>"
    shown = await at.post(link(at), data=FILLED | {"author": said, "reason": said})
    assert "<script" not in shown.body
    assert "\u202e" not in shown.body
    wrong = await at.post(link(at), data=FILLED | {"author": f'"{said}', "length": ""})
    assert "<script" not in wrong.body
