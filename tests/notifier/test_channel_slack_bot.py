"""The Slack bot against a server that speaks Slack's API."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from deploy.catchers.block_kit import problems_of
from schemas.folder import SecretRef, SlackSpec
from services.notifier.channels.port import Before
from services.notifier.channels.slack_bot import SlackBotChannel
from services.notifier.channels.slack_receipt import place_of
from services.notifier.message import AlertMessage, OtherReport
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater, suspends
from services.runtime.netguard import LOOPBACK
from tests.contracts.channel_contract import ChannelContract
from tests.notifier.alerts import NOW, ferry_alert, hostile_alert
from tests.notifier.free_ports import closed_port
from tests.notifier.slack_double import CHANNEL, TOKEN, Answer, SlackDouble, slack_double

PATIENT, HASTY = 20.0, 0.2


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with slack_double() as double:
        double.slack.clock = NOW.timestamp
        yield double


def bot(api_url: str, timeout: float = PATIENT, channel: str = CHANNEL) -> SlackBotChannel:
    spec = SlackSpec(
        id="desk", type="slack", token=SecretRef(env="BOT"), channel=channel, api_url=api_url
    )
    return SlackBotChannel(spec, {"BOT": TOKEN}, timeout, LOOPBACK)


async def closing(channel: SlackBotChannel) -> AsyncIterator[SlackBotChannel]:
    try:
        yield channel
    finally:
        await channel.close()


@pytest.fixture
async def channel(slack: SlackDouble) -> AsyncIterator[SlackBotChannel]:
    async for one in closing(bot(slack.api_url)):
        yield one


class TestSlackBotChannel(ChannelContract):
    SECRETS = (TOKEN, "s3cretOfTheBot")

    @pytest.fixture
    def working(self, channel: SlackBotChannel) -> SlackBotChannel:
        return channel

    @pytest.fixture
    async def away(self) -> AsyncIterator[SlackBotChannel]:
        async for one in closing(bot(f"http://127.0.0.1:{closed_port()}/api/")):
            yield one

    @pytest.fixture
    async def hanging(self, slack: SlackDouble) -> AsyncIterator[SlackBotChannel]:
        slack.slack.answers["chat.postMessage"].append(Answer(hangs=True))
        async for one in closing(bot(slack.api_url, HASTY)):
            yield one

    @pytest.fixture
    def refusing(self, slack: SlackDouble, channel: SlackBotChannel) -> SlackBotChannel:
        slack.refuse("chat.postMessage", "invalid_auth")
        slack.slack.answers["chat.postMessage"][0].error = None
        said = {"ok": False, "error": "invalid_auth", "needed": f"\x1b[31m{TOKEN}\r\n"}
        slack.slack.answers["chat.postMessage"][0].text = json.dumps(said)
        slack.slack.answers["chat.postMessage"][0].headers = {"Content-Type": "application/json"}
        return channel

    @pytest.fixture
    def received(self, slack: SlackDouble) -> Callable[[], str]:
        return lambda: json.dumps([m.payload for m in slack.messages], ensure_ascii=False)


def updated(*sources: str, **changes: Any) -> AlertMessage:
    """The same alert, now that these report it, too."""
    others = tuple(
        OtherReport(source=s, is_copy=True, copied_from="The Harbour Gazette", seen_at=NOW)
        for s in sources
    )
    first = ferry_alert()
    facts = {"others": others, "update": True, "updates": first.delivery_id, "delivery_id": "u1"}
    return first.model_copy(update={**facts, **changes})


def later_alert() -> AlertMessage:
    """What a rule that was met later makes of the story."""
    return ferry_alert().model_copy(update={"delivery_id": "later", "sequence": 2})


async def receipt_of(outcome: Outcome) -> str:
    assert isinstance(outcome, Delivered), outcome
    return outcome.receipt


async def told(channel: SlackBotChannel, message: AlertMessage | None = None) -> str:
    """Sends an alert; its receipt."""
    return await receipt_of(await channel.send(message or ferry_alert(), NOW))


# Posting


async def test_the_message_arrives_whole_and_its_place_is_the_receipt(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    receipt = await told(channel)
    (message,) = slack.messages
    assert receipt == f"{CHANNEL}:{message.ts}"
    assert problems_of(message.payload) == []
    assert message.payload["metadata"] == {
        "event_type": "wirewatch_alert",
        "event_payload": {"delivery_id": "0123456789abcdef", "story_id": "fedcba9876543210"},
    }
    assert message.payload["unfurl_links"] is False


async def test_hostile_content_keeps_slacks_limits(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    await told(channel, hostile_alert())
    assert problems_of(slack.messages[0].payload) == []


async def test_a_channel_may_be_named(slack: SlackDouble) -> None:
    named = bot(slack.api_url, channel="#newsdesk")
    receipt = await told(named)
    await told(named, later_alert())
    await named.close()
    assert receipt.startswith(f"{CHANNEL}:")


async def test_a_rate_limit_is_obeyed_and_not_retried_here(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    slack.slack.limits["chat.postMessage"] = 1
    await told(channel)
    outcome = await channel.send(later_alert(), NOW)
    assert isinstance(outcome, TryLater)
    assert (outcome.reason, outcome.after) == (Reason.RATE_LIMITED, timedelta(seconds=60))
    assert len(slack.slack.called("chat.postMessage")) == 2


@pytest.mark.parametrize(
    "error",
    [
        "invalid_auth",
        "token_revoked",
        "account_inactive",
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "missing_scope",
        "restricted_action",
    ],
)
async def test_a_bot_that_may_not_post_holds_the_channel(
    error: str, slack: SlackDouble, channel: SlackBotChannel
) -> None:
    slack.refuse("chat.postMessage", error)
    outcome = await channel.send(ferry_alert(), NOW)
    assert suspends(outcome)
    assert isinstance(outcome, TryLater)
    assert error in outcome.detail


async def test_what_an_app_lacks_is_named(slack: SlackDouble, channel: SlackBotChannel) -> None:
    slack.slack.scopes = ()
    outcome = await channel.send(ferry_alert(), NOW)
    assert isinstance(outcome, TryLater)
    assert outcome.detail == "Slack answered 200 missing_scope, needed: chat:write"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, "internal_error"),
        (503, "service_unavailable"),
        (200, "fatal_error"),
        (200, "brand_new"),
    ],
)
async def test_an_error_of_the_server_or_an_unknown_one_is_tried_later(
    status: int, error: str, slack: SlackDouble, channel: SlackBotChannel
) -> None:
    slack.refuse("chat.postMessage", error, status)
    outcome = await channel.send(ferry_alert(), NOW)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.SERVER_ERROR


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", "<html>Please accept the conditions of this network</html>"),
        ("text/plain", "ok"),
        ("application/json", "[]"),
        ("application/json", "{"),
        ("application/json", "null"),
    ],
)
async def test_a_portal_on_the_way_is_not_taken_for_slack(
    kind: str, body: str, slack: SlackDouble, channel: SlackBotChannel
) -> None:
    portal = Answer(200, body, headers={"Content-Type": kind})
    slack.slack.answers["chat.postMessage"].append(portal)
    outcome = await channel.send(ferry_alert(), NOW)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.SERVER_ERROR


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_too_long", "metadata_too_large"])
async def test_a_message_slack_cannot_read_is_sent_as_plain_text(
    error: str, slack: SlackDouble, channel: SlackBotChannel
) -> None:
    slack.refuse("chat.postMessage", error)
    await told(channel)
    (message,) = slack.messages
    assert "blocks" not in message.payload
    assert "Nordholm" in message.payload["text"]
    assert ("metadata" in message.payload) == ("metadata" not in error)


async def test_a_message_that_is_refused_in_every_form_is_given_up(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    slack.refuse("chat.postMessage", "invalid_blocks")
    slack.refuse("chat.postMessage", "no_text")
    assert await channel.send(ferry_alert(), NOW) == GaveUp(
        Reason.INVALID_MESSAGE, "Slack answered 200 no_text"
    )


async def test_a_mended_token_works_without_a_new_channel(slack: SlackDouble) -> None:
    spec = SlackSpec(
        id="d", type="slack", token=SecretRef(env="BOT"), channel=CHANNEL, api_url=slack.api_url
    )
    env: dict[str, str] = {}
    channel = SlackBotChannel(spec, env, PATIENT, LOOPBACK)
    assert suspends(await channel.send(ferry_alert(), NOW))
    env["BOT"] = f"{TOKEN}\n"
    await told(channel)
    await channel.close()


# A story's thread


async def test_a_rule_that_is_met_later_is_told_in_the_thread_and_in_the_channel(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    first = await told(channel)
    await receipt_of(await channel.send(later_alert(), NOW, Before(thread=first)))
    root, reply = slack.messages
    assert (reply.thread_ts, reply.broadcast) == (root.ts, True)


async def test_where_the_thread_is_gone_the_channel_is_told_all_the_same(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    first = await told(channel)
    slack.messages[0].deleted = True
    await receipt_of(await channel.send(later_alert(), NOW, Before(thread=first)))
    assert (slack.messages[1].thread_ts, slack.messages[1].broadcast) == (None, False)


@pytest.mark.parametrize("thread", ["C0OTHERROOM:1.5", "ok", "<id@mail.example>"])
async def test_a_story_that_was_begun_elsewhere_goes_on_in_the_channel(
    thread: str, slack: SlackDouble, channel: SlackBotChannel
) -> None:
    await receipt_of(await channel.send(later_alert(), NOW, Before(thread=thread)))
    assert slack.messages[0].thread_ts is None


# Updates


async def test_an_update_changes_the_message_and_tells_nobody(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    first = await told(channel)
    outcome = await channel.send(updated("The Courier"), NOW, Before(thread=first))
    assert await receipt_of(outcome) == first
    (message,) = slack.messages
    assert message.edits == 1
    assert message.payload["metadata"]["event_payload"]["delivery_id"] == "0123456789abcdef"
    assert len(slack.slack.called("chat.postMessage")) == 1


async def test_a_changed_message_still_says_when_it_was_sent(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    first = await told(channel)
    later = NOW + timedelta(hours=3)
    await receipt_of(await channel.send(updated("The Courier"), later, Before(thread=first)))
    assert "sent 4.5 seconds later" in json.dumps(slack.messages[0].payload)


@pytest.mark.parametrize("error", ["edit_window_closed", "cant_update_message"])
async def test_what_cannot_be_changed_gets_one_reply_however_many_updates_follow(
    error: str, slack: SlackDouble, channel: SlackBotChannel
) -> None:
    first = await told(channel)
    for sources in (("The Courier",), ("The Courier", "The Herald")):
        slack.refuse("chat.update", error)
        await receipt_of(await channel.send(updated(*sources), NOW, Before(thread=first)))
    root, reply = slack.messages
    assert (reply.thread_ts, reply.broadcast) == (root.ts, False)
    assert "The Courier (copy) and The Herald (copy)" in reply.payload["text"]


async def test_a_reply_that_cannot_be_changed_now_is_changed_later(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    first = await told(channel)
    slack.refuse("chat.update", "edit_window_closed")
    await receipt_of(await channel.send(updated("The Courier"), NOW, Before(thread=first)))
    slack.refuse("chat.update", "edit_window_closed")
    slack.refuse("chat.update", "ratelimited", 429)
    more = updated("The Courier", "The Herald")
    outcome = await channel.send(more, NOW, Before(thread=first))
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.RATE_LIMITED


async def test_without_the_scope_to_look_a_reply_is_made_all_the_same(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    slack.slack.scopes = ("chat:write",)
    first = await told(channel)
    slack.refuse("chat.update", "edit_window_closed")
    await receipt_of(await channel.send(updated("The Courier"), NOW, Before(thread=first)))
    assert len(slack.messages) == 2


async def test_a_message_that_somebody_deleted_is_not_updated_and_is_no_failure(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    first = await told(channel)
    slack.messages[0].deleted = True
    await receipt_of(await channel.send(updated("The Courier"), NOW, Before(thread=first)))
    assert len(slack.messages) == 1


async def test_an_update_that_meets_a_rate_limit_waits(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    first = await told(channel)
    slack.refuse("chat.update", "ratelimited", 429, Retry_After="7")
    outcome = await channel.send(updated("The Courier"), NOW, Before(thread=first))
    assert isinstance(outcome, TryLater)
    assert (outcome.reason, outcome.after) == (Reason.RATE_LIMITED, timedelta(seconds=7))


# Attempts whose end is not known


async def lost(slack: SlackDouble, channel: SlackBotChannel, message: AlertMessage) -> None:
    """An attempt that arrives, and whose answer is lost."""
    slack.slack.answers["chat.postMessage"].append(Answer(breaks=True, acts=True))
    outcome = await channel.send(message, NOW)
    assert isinstance(outcome, TryLater)
    assert outcome.uncertain


async def test_what_has_arrived_is_found_and_not_sent_again(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    await told(channel, later_alert())
    await lost(slack, channel, ferry_alert())
    outcome = await channel.send(ferry_alert(), NOW, Before(uncertain=True))
    assert await receipt_of(outcome) == f"{CHANNEL}:{slack.messages[1].ts}"
    assert len(slack.messages) == 2


async def test_what_has_not_arrived_is_sent(slack: SlackDouble, channel: SlackBotChannel) -> None:
    await told(channel, later_alert())
    await receipt_of(await channel.send(ferry_alert(), NOW, Before(uncertain=True)))
    assert len(slack.messages) == 2


async def test_a_reply_is_looked_for_in_its_thread(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    first = await told(channel)
    slack.slack.answers["chat.postMessage"].append(Answer(breaks=True, acts=True))
    await channel.send(later_alert(), NOW, Before(thread=first))
    outcome = await channel.send(later_alert(), NOW, Before(uncertain=True, thread=first))
    assert await receipt_of(outcome) == f"{CHANNEL}:{slack.messages[1].ts}"
    assert len(slack.messages) == 2


async def test_the_search_reads_on_and_ends(slack: SlackDouble, channel: SlackBotChannel) -> None:
    slack.slack.page_size = 2
    await lost(slack, channel, ferry_alert())
    for number in range(5):
        await told(channel, ferry_alert().model_copy(update={"delivery_id": f"d{number}"}))
    outcome = await channel.send(ferry_alert(), NOW, Before(uncertain=True))
    assert await receipt_of(outcome) == f"{CHANNEL}:{slack.messages[0].ts}"
    slack.slack.page_size = 1
    await receipt_of(await channel.send(ferry_alert(), NOW, Before(uncertain=True)))
    assert len(slack.slack.called("conversations.history")) == 3 + 5


async def test_nothing_older_than_the_alert_is_looked_at(
    slack: SlackDouble, channel: SlackBotChannel
) -> None:
    await channel.send(ferry_alert(), NOW, Before(uncertain=True))
    (asked,) = slack.slack.called("conversations.history")
    oldest = datetime.fromtimestamp(float(asked["oldest"]), tz=NOW.tzinfo)
    assert timedelta(minutes=5) <= NOW - oldest <= timedelta(minutes=6)


@pytest.mark.parametrize(
    ("status", "error"), [(429, "ratelimited"), (500, "internal_error"), (200, "fatal_error")]
)
async def test_while_it_cannot_look_it_does_not_send_again(
    status: int, error: str, slack: SlackDouble, channel: SlackBotChannel
) -> None:
    slack.refuse("conversations.history", error, status)
    outcome = await channel.send(ferry_alert(), NOW, Before(uncertain=True))
    assert isinstance(outcome, TryLater)
    assert slack.messages == []


@pytest.mark.parametrize(
    "error", ["missing_scope", "not_in_channel", "channel_not_found", "invalid_arguments"]
)
async def test_an_app_that_may_not_look_sends_rather_twice_than_never(
    error: str, slack: SlackDouble, channel: SlackBotChannel
) -> None:
    slack.refuse("conversations.history", error)
    await receipt_of(await channel.send(ferry_alert(), NOW, Before(uncertain=True)))
    assert len(slack.messages) == 1


@pytest.mark.parametrize("receipt", [None, "", "ok", "C1", "C1:", ":1.5", "C1:now", "c1:1.5"])
def test_only_a_receipt_of_a_bot_names_a_place(receipt: str | None) -> None:
    assert place_of(receipt) is None
