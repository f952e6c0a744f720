"""The page of an alert: the message as it was sent, other reports, what became of it."""

from datetime import datetime, timedelta

from services.notifier.message import SummaryKind, SummaryMessage
from services.store import deliveries, held, stories
from services.store.database import Database
from services.store.held import NewHeld, Why
from services.store.stories import Beginning, ReportKind, StoredReport
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.linked_pages import desk, kept
from tests.notifier.notices import told

ALERT = ferry_alert()
LATER = NOW + timedelta(minutes=3)


def report(
    name: str, story: str, kind: ReportKind, page: str | None, at: datetime = LATER
) -> StoredReport:
    source, title = f"The {name}", f"News of {name}"
    return StoredReport(name, story, kind.value, name, source, title, page, at, None)


async def test_an_alert_is_shown_as_it_was_sent(database: Database) -> None:
    await kept(database, ALERT)
    async with database.write() as tx:
        await deliveries.record_delivered(tx, ALERT.delivery_id, "ok", NOW)
    async with desk(database) as at:
        shown = await at.get(at.links.alert(ALERT.delivery_id))
    for said in (
        ALERT.title,
        "The Harbour Gazette · gazette.example",
        "The first ferry carried <medicine> & mail to Nordholm",
        "Rule ferries",
        "Rule fares",
        "sent 4.5 seconds later",
        "14 Mar 2026, 10:26 CET: sent",
    ):
        assert said in shown.words
    assert [mark.text for mark in shown.page.iter("mark")] == ["ferry", "Nordholm", "Fares"]
    links = [a.get("href") for a in shown.page.iter("a")]
    assert links == [ALERT.url]  # and none that would act


async def test_all_other_reports_are_shown_copies_apart_from_the_events(
    database: Database,
) -> None:
    await kept(database, ALERT)
    async with database.write() as tx:
        for story in (ALERT.story_id, "s-2", "s-3"):
            group = story if story == "s-3" else "g"
            await stories.begin(tx, [Beginning(story, group, NOW)])
        for one in (
            report(
                "Harbour Gazette",
                ALERT.story_id,
                ReportKind.FIRST,
                "gazette.example/canonical",
                ALERT.first_seen_at,
            ),
            report("Copycat", ALERT.story_id, ReportKind.COPY, "copy.example/1"),
            report("Courier", "s-2", ReportKind.FIRST, None),
            report("Stranger", "s-3", ReportKind.FIRST, "stranger.example/1"),
        ):
            await stories.save_reports(tx, [one])
    async with desk(database) as at:
        shown = await at.get(at.links.alert(ALERT.delivery_id))
    same, related = shown.words.split("The same report elsewhere")[1].split("Other reports of")
    assert "News of Copycat The Copycat · seen 14 Mar 2026, 10:29 CET" in same
    assert "News of Courier" in related
    assert "Stranger" not in shown.words
    assert "News of Harbour" not in shown.words
    assert "https://copy.example/1" in [a.get("href") for a in shown.page.iter("a")]


async def test_what_became_of_each_message_is_told_without_what_servers_said(
    database: Database,
) -> None:
    second = ALERT.model_copy(update={"delivery_id": "second", "sequence": 2})
    others = ALERT.model_copy(update={"delivery_id": "x", "subscription_id": "night"})
    await kept(database, ALERT, second, others)
    async with database.write() as tx:
        (leased, *_) = await deliveries.lease(tx, "desk", "me", NOW, LATER, 1)
        await deliveries.record_failed(tx, leased, "refused", "550 no such user bob", LATER)
    async with desk(database) as at:
        shown = await at.get(at.links.alert(ALERT.delivery_id))
    lines = [" ".join(map(str, li.itertext())) for li in shown.page.iter("li")]
    assert sorted(lines) == [
        "14 Mar 2026, 10:26 CET: waits to be sent",
        "14 Mar 2026, 10:29 CET: given up (refused)",
    ]


async def test_an_alert_that_is_held_can_be_seen(database: Database) -> None:
    row = NewHeld(
        "h-1",
        ALERT.story_id,
        "desk",
        1,
        Why.SILENCE,
        ("ferries",),
        ALERT.encode(),
        silence_id="s-1",
    )
    async with database.write() as tx:
        await held.hold(tx, [row], NOW)
    async with desk(database) as at:
        shown = await at.get(at.links.alert("h-1"))
    assert ALERT.title in shown.words
    assert "held (silence)" in shown.words


async def test_several_alerts_and_notices_have_pages_too(database: Database) -> None:
    summary = SummaryMessage(
        delivery_id="sum",
        story_id="digest",
        subscription_id="desk",
        sequence=1,
        kind=SummaryKind.DIGEST,
        title="Daily digest: 8 alerts",
        lines=("Why it comes so",),
        items=(ALERT,),
        left_out=7,
        raised_at=NOW,
        zone="UTC",
    )
    await kept(database, summary, told())
    async with desk(database) as at:
        shown = await at.get(at.links.alert("sum"))
        notice = await at.get(at.links.alert(told().delivery_id))
    for said in ("Daily digest: 8 alerts", "Why it comes so", ALERT.title, "and 7 more"):
        assert said in shown.words
    assert told().title in notice.words


async def test_a_message_of_a_later_version_is_gone_and_breaks_nothing(database: Database) -> None:
    await kept(database, ALERT)
    new = deliveries.NewDelivery("odd", "s", "desk", 1, "desk", b'{"type": "hologram"}')
    async with database.write() as tx:
        await deliveries.enqueue(tx, [new], NOW)
    async with desk(database) as at:
        assert (await at.get(at.links.alert("odd"))).status == 410
        assert (await at.get(at.links.silence("desk", "odd"))).status == 410
