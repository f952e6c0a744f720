"""What happens to what was told when others report the story, too: from the judge to Slack."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from schemas.folder import ChannelSpec, SecretRef, SlackSpec
from schemas.matches import RuleMatch
from services.bus.port import Record
from services.notifier.channels import Surroundings, open_channel
from services.notifier.channels.port import Channel
from services.notifier.judge import Judge
from services.notifier.message import AlertMessage
from services.notifier.outcome import GaveUp, Reason
from services.notifier.sender import OpenedChannel, Sender
from services.notifier.updating import FOLLOW_UP_AFTER
from services.runtime.metrics import Metrics
from services.runtime.netguard import LOOPBACK
from services.runtime.wakeup import Wakeup
from services.store import deliveries, silences, unsubscribed, written
from services.store.database import (
    Database,
    DatabaseUnavailableError,
    open_database,
    sqlite_url,
)
from services.store.delivery_tables import deliveries as rows
from services.store.delivery_tables import held
from services.store.silences import Silence, SilenceKind
from services.store.written import Kind
from tests.notifier.alerts import NOW
from tests.notifier.judging import met, record
from tests.notifier.reports import text
from tests.notifier.sending import POLICY, ScriptedChannel, SetClock
from tests.notifier.slack_double import CHANNEL, TOKEN, Answer, Message, SlackDouble, slack_double
from tests.servers.faults import FaultyDatabase

FERRY = text("ferry")
BOT = {"type": "slack", "token": {"env": "BOT"}, "channel": CHANNEL}
MAIL = {
    "type": "email",
    "host": "mail.example",
    "sender": "a@b.example",
    "recipients": ["c@d.example"],
}


@dataclass
class Newsroom:
    """A judge and senders on one database; Slack is the double, what else there is a script."""

    database: Database
    slack: SlackDouble
    clock: SetClock = field(default_factory=SetClock)
    scripted: ScriptedChannel = field(default_factory=ScriptedChannel)
    offset: int = 0
    _judge: Judge | None = None
    _opened: list[Channel] = field(default_factory=list)

    async def subscribe(self, channel: Mapping[str, Any] = BOT, **subscription: Any) -> None:
        """The subscription `ann` to everything, through the channel `desk`."""
        subscription = {"id": "ann", "channel": "desk", "rules": "all", **subscription}
        async with self.database.write() as tx:
            generation = await written.begin_change(tx)
            await written.put(tx, Kind.SUBSCRIPTIONS, {"ann": subscription}, "apply", NOW)
            await written.put(tx, Kind.CHANNELS, {"desk": {"id": "desk", **channel}}, "apply", NOW)
            await written.set_counter(tx, written.GENERATION, generation + 1)

    async def reports(self, outlet: str, *found: RuleMatch, **changes: Any) -> Record:
        """An outlet reports; what the judge was given."""
        given = told(self.offset, outlet, *found, **changes)
        await self.judge(given)
        return given

    async def judge(self, given: Record) -> None:
        if self._judge is None:
            self._judge = Judge(self.database, Metrics(), self.clock, Wakeup())
        await self._judge.handle(given)
        self.offset += 1

    def sender(self, database: Database | None = None) -> Sender:
        opened = OpenedChannel("desk", "slack", self._channel())
        return Sender(opened, database or self.database, POLICY, Metrics(), self.clock)

    async def send(self, sender: Sender | None = None) -> None:
        """Everything that is due is sent."""
        await (sender or self.sender()).send_due(asyncio.Event())

    def _channel(self) -> Channel:
        if not self.slack.url:
            return self.scripted
        spec: ChannelSpec = SlackSpec(
            id="desk",
            type="slack",
            token=SecretRef(env="BOT"),
            channel=CHANNEL,
            api_url=self.slack.api_url,
        )
        around = Surroundings(timeout=20, allowed=LOOPBACK)
        self._opened.append(open_channel(spec, {"BOT": TOKEN}, around))
        return self._opened[-1]

    async def close(self) -> None:
        for channel in self._opened:
            await channel.close()

    async def queued(self) -> Sequence[tuple[str, str]]:
        """The kind and the state of every delivery, by sequence."""
        async with self.database.read() as tx:
            found = await tx.execute(select(rows.c.kind, rows.c.state).order_by(rows.c.sequence))
            return [(row.kind, row.state) for row in found]

    async def messages(self) -> Sequence[AlertMessage]:
        async with self.database.read() as tx:
            found = await tx.scalars(select(rows.c.message).order_by(rows.c.sequence))
            return [AlertMessage.decode(one) for one in found]


def told(offset: int, outlet: str, *found: RuleMatch, **changes: Any) -> Record:
    facts = {
        "article_id": f"a-{outlet}",
        "feed_id": outlet,
        "source": outlet.title(),
        "title": f"What {outlet} has to say about all of it",
        "url": f"https://{outlet}.example/{offset}",
        "body": FERRY,
    }
    return record(offset, *(found or (met("iran"),)), **facts | changes)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "wirewatch.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def room(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Newsroom]:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with slack_double() as slack:
        slack.slack.clock = NOW.timestamp
        newsroom = Newsroom(database, slack)
        yield newsroom
        await newsroom.close()


@pytest.fixture
def quiet_room(database: Database) -> Newsroom:
    """One whose channel is scripted."""
    return Newsroom(database, SlackDouble())


def said(message: Message) -> str:
    return str(message.payload)


# Slack


async def test_a_copy_is_added_to_the_message_and_tells_nobody(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    await room.send()
    await room.reports("courier")
    await room.send()
    (message,) = room.slack.messages
    assert message.edits == 1
    assert "Also reported by Courier (copy) · 2 outlets, 1 of them a copy of Gazette" in said(
        message
    )
    assert await room.queued() == [("alert", "delivered"), ("update", "delivered")]


async def test_many_copies_in_quick_succession_are_one_change(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    await room.send()
    for number in range(5):
        await room.reports(f"paper{number}")
    await room.send()
    (message,) = room.slack.messages
    assert message.edits == 1
    assert "6 outlets, 5 of them copies of Gazette" in said(message)


async def test_what_has_not_been_sent_yet_says_it_at_once(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    await room.reports("courier")
    await room.send()
    (message,) = room.slack.messages
    assert message.edits == 0
    assert "Courier (copy)" in said(message)


async def test_a_replay_of_what_was_judged_changes_nothing(room: Newsroom) -> None:
    await room.subscribe()
    given = [await room.reports(outlet) for outlet in ("gazette", "courier", "herald")]
    await room.send()
    before = await room.queued(), room.slack.messages[0].edits
    for one in given:
        await room.judge(Record("matches", 0, room.offset, "a", one.value, {}, NOW))
    await room.send()
    assert (await room.queued(), room.slack.messages[0].edits) == before


async def test_an_outlet_that_reports_again_changes_nothing(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    await room.reports("courier")
    await room.send()
    await room.reports("courier", revision="r-2", body=FERRY + " And more of it.")
    await room.reports("gazette", revision="r-2", body=FERRY + " And more of it.")
    await room.send()
    assert await room.queued() == [("alert", "delivered")]


async def test_two_rules_at_different_times_make_one_thread(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    await room.send()
    await room.reports("courier", met("iran"), met("oil"))
    await room.send()
    first, second = room.slack.messages
    assert (second.thread_ts, second.broadcast) == (first.ts, True)
    assert first.edits == 1
    assert "Rule oil" in said(second)
    assert "Also reported by Gazette · 2 outlets, 1 of them a copy of Gazette" in said(second)


async def test_what_is_learnt_while_an_attempt_is_under_way_follows_it(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    async with room.database.write() as tx:
        (row,) = await deliveries.lease(tx, "desk", "other", NOW, NOW + timedelta(minutes=1), 10)
    await room.reports("courier")
    await room.send()
    assert room.slack.messages == [], "the update waits for what it updates"
    async with room.database.write() as tx:
        await deliveries.record_delivered(tx, row.delivery_id, f"{CHANNEL}:1.5", NOW)
    room.slack.messages.append(Message(CHANNEL, "1.5", {}))
    await room.send()
    assert "Courier (copy)" in said(room.slack.messages[0])


@pytest.mark.parametrize("how", ["failed", "discarded"])
async def test_an_update_of_what_never_went_out_is_dropped_with_a_record(
    how: str, quiet_room: Newsroom
) -> None:
    room = quiet_room
    await room.subscribe()
    await room.reports("gazette")
    async with room.database.write() as tx:
        (row,) = await deliveries.lease(tx, "desk", "other", NOW, NOW + timedelta(minutes=1), 10)
    await room.reports("courier")
    async with room.database.write() as tx:
        if how == "failed":
            await deliveries.record_failed(tx, row, "refused", "no", NOW)
        else:
            await deliveries.record_dropped(tx, row, "no", NOW)
    await room.send()
    assert await room.queued() == [("alert", how), ("update", "discarded")]
    assert room.scripted.sent == []


async def test_what_was_given_up_says_it_when_it_is_sent_after_all(quiet_room: Newsroom) -> None:
    room = quiet_room
    await room.subscribe()
    room.scripted.answers.append(GaveUp(Reason.REFUSED, "no"))
    await room.reports("gazette")
    await room.send()
    await room.reports("courier")
    (message,) = await room.messages()
    assert [other.source for other in message.others] == ["Courier"]


async def test_a_crash_between_slacks_yes_and_its_record_sends_nothing_twice(
    room: Newsroom,
) -> None:
    await room.subscribe()
    await room.reports("gazette")
    with pytest.raises(DatabaseUnavailableError):
        await room.send(room.sender(FaultyDatabase(room.database, 2)))
    room.clock.pass_by(hours=1)
    await room.reports("courier")
    await room.send()
    (message,) = room.slack.messages
    assert "Courier (copy)" in said(message)
    assert await room.queued() == [("alert", "delivered"), ("update", "delivered")]


async def test_an_answer_that_was_lost_sends_nothing_twice(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    room.slack.slack.answers["chat.postMessage"].append(Answer(breaks=True, acts=True))
    await room.send()
    room.clock.pass_by(minutes=1)
    await room.send()
    assert len(room.slack.messages) == 1
    assert await room.queued() == [("alert", "delivered")]


async def test_a_judge_that_was_overtaken_queues_nothing(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    await room.send()
    slow = Judge(room.database, Metrics(), room.clock, Wakeup())
    copy = told(1, "courier")
    await slow.handle(copy)
    with pytest.raises(Exception, match="expected the last record"):
        await room.judge(copy)
    await room.send()
    assert room.slack.messages[0].edits == 1
    assert await room.queued() == [("alert", "delivered"), ("update", "delivered")]


async def test_alerts_go_before_updates(quiet_room: Newsroom) -> None:
    room = quiet_room
    await room.subscribe()
    await room.reports("gazette")
    await room.send()
    await room.reports("courier")
    await room.reports("weekly", body=text("storm"))
    await room.send()
    async with room.database.read() as tx:
        found = await tx.execute(select(rows.c.delivery_id, rows.c.kind))
    kinds: dict[str, str] = {row.delivery_id: row.kind for row in found}
    assert [kinds[one] for one in room.scripted.sent] == ["alert", "alert", "update"]


# Subscriptions and channels


async def test_a_silenced_story_is_not_updated_while_it_is_silent(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    await room.send()
    story = (await room.messages())[0].story_id
    ends = NOW + timedelta(hours=1)
    silence = Silence("s-1", SilenceKind.STORY, story, "ann", "Ann", "we have it", NOW, ends)
    async with room.database.write() as tx:
        await silences.add(tx, silence)
    await room.reports("courier")
    await room.send()
    assert room.slack.messages[0].edits == 0
    async with room.database.write() as tx:
        await silences.expire(tx, "s-1", NOW)
    await room.reports("herald")
    await room.send()
    (message,) = room.slack.messages
    assert "3 outlets, 2 of them copies of Gazette" in said(message)


async def test_who_has_unsubscribed_gets_no_updates(room: Newsroom) -> None:
    await room.subscribe()
    await room.reports("gazette")
    await room.send()
    async with room.database.write() as tx:
        await unsubscribed.leave(tx, "ann", unsubscribed.EVERYBODY, unsubscribed.How.PAGE, NOW)
    await room.reports("courier")
    assert await room.queued() == [("alert", "delivered")]


async def test_who_wants_no_updates_gets_none(room: Newsroom) -> None:
    await room.subscribe(updates="none")
    await room.reports("gazette")
    await room.send()
    await room.reports("courier")
    assert await room.queued() == [("alert", "delivered")]


@pytest.mark.parametrize("channel", [MAIL, {"type": "slack", "webhook_url": {"env": "HOOK"}}])
async def test_where_a_message_cannot_be_changed_nothing_more_is_sent(
    channel: Mapping[str, Any], quiet_room: Newsroom
) -> None:
    await quiet_room.subscribe(channel)
    await quiet_room.reports("gazette")
    await quiet_room.send()
    await quiet_room.reports("courier")
    assert await quiet_room.queued() == [("alert", "delivered")]


async def test_who_asks_for_a_follow_up_gets_one_and_no_second(quiet_room: Newsroom) -> None:
    room = quiet_room
    await room.subscribe(MAIL, updates="follow-up")
    await room.reports("gazette")
    await room.send()
    await room.reports("courier")
    await room.send()
    assert len(room.scripted.sent) == 1, "it gathers what comes within minutes"
    await room.reports("herald")
    room.clock.pass_by(seconds=FOLLOW_UP_AFTER.total_seconds())
    await room.send()
    await room.reports("monitor")
    assert await room.queued() == [("alert", "delivered"), ("update", "delivered")]
    follow_up = (await room.messages())[1]
    assert [other.source for other in follow_up.others] == ["Courier", "Herald"]
    assert follow_up.update


async def test_what_is_held_says_it_when_it_is_told(quiet_room: Newsroom) -> None:
    await quiet_room.subscribe(MAIL, mode={"digest": "daily 08:00"})
    await quiet_room.reports("gazette")
    await quiet_room.reports("courier")
    async with quiet_room.database.read() as tx:
        stored = await tx.scalar(select(held.c.message))
    assert [other.source for other in AlertMessage.decode(stored).others] == ["Courier"]
    assert await quiet_room.queued() == []


async def test_a_follow_up_lets_people_sleep(quiet_room: Newsroom) -> None:
    quiet = {"from": "09:28", "to": "12:00"}  # a minute after the alert
    await quiet_room.subscribe(MAIL, updates="follow-up", quiet=quiet)
    await quiet_room.reports("gazette")
    await quiet_room.send()
    await quiet_room.reports("courier")
    async with quiet_room.database.read() as tx:
        due = await deliveries.next_due(tx, "desk")
    assert due == NOW.replace(hour=12, minute=0, second=0)


async def test_who_silenced_a_story_hears_no_more_of_it(quiet_room: Newsroom) -> None:
    room = quiet_room
    await room.subscribe()
    await room.reports("gazette")
    await room.send()
    (message,) = await room.messages()
    until = NOW + timedelta(hours=1)
    silence = Silence("s", SilenceKind.STORY, message.story_id, "ann", "ann", "seen", NOW, until)
    async with room.database.write() as tx:
        await silences.add(tx, silence)
    await room.reports("courier")
    assert await room.queued() == [("alert", "delivered")]


async def test_a_stored_channel_that_cannot_be_read_keeps_no_alert_back(
    quiet_room: Newsroom,
) -> None:
    room = quiet_room
    await room.subscribe({"type": "pigeon"})
    await room.reports("gazette")
    await room.reports("courier", met("oil"))
    assert await room.queued() == [("alert", "pending"), ("alert", "pending")]
