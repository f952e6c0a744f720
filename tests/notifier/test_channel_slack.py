"""The Slack channel against a server that speaks the incoming webhook."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from schemas.folder import SecretRef, SlackSpec
from services.notifier.channels.pauses import retry_after
from services.notifier.channels.slack import SlackChannel
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater, suspends
from services.runtime.netguard import LOOPBACK
from tests.contracts.channel_contract import ChannelContract
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.free_ports import closed_port
from tests.notifier.slack_double import WEBHOOK_PATH, Answer, SlackDouble, slack_double
from tests.poller.private_server import proxy_to

SPEC = SlackSpec(id="slack", type="slack", webhook_url=SecretRef(env="HOOK"))
PATIENT, HASTY = 20.0, 0.2


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with slack_double() as double:
        yield double


async def opened(url: str, timeout: float = PATIENT) -> AsyncIterator[SlackChannel]:
    channel = SlackChannel(SPEC, {"HOOK": url}, timeout, LOOPBACK)
    try:
        yield channel
    finally:
        await channel.close()


@pytest.fixture
async def channel(slack: SlackDouble) -> AsyncIterator[SlackChannel]:
    async for channel in opened(slack.url):
        yield channel


class TestSlackChannel(ChannelContract):
    SECRETS = (WEBHOOK_PATH, "abcSecretToken3xyz", "B0SECRET2")

    @pytest.fixture
    def working(self, channel: SlackChannel) -> SlackChannel:
        return channel

    @pytest.fixture
    async def away(self) -> AsyncIterator[SlackChannel]:
        async for channel in opened(f"http://127.0.0.1:{closed_port()}{WEBHOOK_PATH}"):
            yield channel

    @pytest.fixture
    async def hanging(self, slack: SlackDouble) -> AsyncIterator[SlackChannel]:
        slack.answers.append(Answer(hangs=True))
        async for channel in opened(slack.url, HASTY):
            yield channel

    @pytest.fixture
    def refusing(self, slack: SlackDouble, channel: SlackChannel) -> SlackChannel:
        slack.answer(403, f"invalid_token at {slack.url}\r\n\x1b[31m or abcSecretToken3xyz")
        return channel

    @pytest.fixture
    def received(self, slack: SlackDouble) -> Callable[[], str]:
        return lambda: json.dumps(slack.payloads, ensure_ascii=False)


async def outcome_after(channel: SlackChannel) -> Outcome:
    return await channel.send(ferry_alert(), NOW)


async def test_the_payload_arrives_whole(slack: SlackDouble, channel: SlackChannel) -> None:
    assert await outcome_after(channel) == Delivered("ok")
    assert slack.payloads[0]["blocks"][0]["type"] == "header"
    assert slack.payloads[0]["metadata"]["event_payload"]["delivery_id"] == "0123456789abcdef"


async def test_a_rate_limit_is_obeyed_and_not_retried_here(
    slack: SlackDouble, channel: SlackChannel
) -> None:
    slack.answer(429, "rate_limited", Retry_After="30")
    outcome = await outcome_after(channel)
    assert isinstance(outcome, TryLater)
    assert (outcome.reason, outcome.after) == (Reason.RATE_LIMITED, timedelta(seconds=30))
    assert len(slack.payloads) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_an_error_of_the_server_is_tried_later_and_not_here(
    status: int, slack: SlackDouble, channel: SlackChannel
) -> None:
    slack.answer(status, "rollup_error")
    outcome = await outcome_after(channel)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.SERVER_ERROR
    assert len(slack.payloads) == 1


async def test_a_lost_answer_is_not_posted_again_here(
    slack: SlackDouble, channel: SlackChannel
) -> None:
    slack.answers.append(Answer(breaks=True))
    outcome = await outcome_after(channel)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.UNREACHABLE
    assert len(slack.payloads) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "no_service"),
        (404, "channel_not_found"),
        (410, "channel_is_archived"),
        (403, "action_prohibited"),
        (403, "invalid_token"),
        (400, "no_team"),
        (400, "user_not_found"),
    ],
)
async def test_a_broken_webhook_holds_the_channel(
    status: int, said: str, slack: SlackDouble, channel: SlackChannel
) -> None:
    slack.answer(status, said)
    outcome = await outcome_after(channel)
    assert suspends(outcome)
    assert isinstance(outcome, TryLater)
    assert outcome.detail == f"Slack answered {status} {said}"


async def test_a_payload_slack_cannot_read_is_sent_as_plain_text(
    slack: SlackDouble, channel: SlackChannel
) -> None:
    slack.answer(400, "invalid_blocks")
    assert isinstance(await outcome_after(channel), Delivered)
    assert "blocks" not in slack.payloads[1]
    assert "Nordholm" in slack.payloads[1]["text"]


async def test_a_message_that_is_refused_in_every_form_is_given_up(
    slack: SlackDouble, channel: SlackChannel
) -> None:
    slack.answer(400, "invalid_payload")
    slack.answer(400, "no_text")
    assert await outcome_after(channel) == GaveUp(
        Reason.INVALID_MESSAGE, "Slack answered 400 no_text"
    )


@pytest.mark.parametrize("status", [200, 400, 414, 451])
async def test_a_portal_on_the_way_is_not_taken_for_slack(
    status: int, slack: SlackDouble, channel: SlackChannel
) -> None:
    slack.answer(status, "<html>Please accept the conditions of this network</html>")
    outcome = await outcome_after(channel)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.SERVER_ERROR


@pytest.mark.parametrize("secret", ["", "not a url", "ftp://x/", "https://", "http://[broken"])
async def test_a_secret_that_is_no_webhook_holds_the_channel(secret: str) -> None:
    channel = SlackChannel(SPEC, {"HOOK": secret}, PATIENT)
    outcome = await outcome_after(channel)
    await channel.close()
    assert suspends(outcome)
    assert not secret or secret not in repr(outcome)


async def test_a_mended_secret_works_without_a_new_channel(slack: SlackDouble) -> None:
    env: dict[str, str] = {}
    channel = SlackChannel(SPEC, env, PATIENT, LOOPBACK)
    assert suspends(await outcome_after(channel))
    env["HOOK"] = slack.url
    assert isinstance(await outcome_after(channel), Delivered)
    await channel.close()


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("30", 30),
        (" 1 ", 1),
        ("0", 0),
        ("99999999999999999999", 3600),
        ("Sat, 14 Mar 2026 09:28:53 GMT", 120),
        ("Sat, 14 Mar 2026 09:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_a_pause_is_read_in_seconds_or_as_a_date(header: str | None, pause: int | None) -> None:
    assert retry_after(header, NOW) == (None if pause is None else timedelta(seconds=pause))


async def test_a_webhook_in_a_network_that_is_not_public_is_not_called(slack: SlackDouble) -> None:
    channel = SlackChannel(SPEC, {"HOOK": slack.url}, PATIENT)
    outcome = await outcome_after(channel)
    await channel.close()
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.UNREACHABLE
    assert "127.0.0.1 is a loopback address" in outcome.detail
    assert "WIREWATCH_ALLOWED_NETWORKS" in outcome.detail
    assert slack.payloads == []


async def test_a_webhook_goes_through_the_proxy_that_the_environment_names(
    slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(slack.url.split(":")[2].partition("/")[0])
    async with proxy_to(port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        channel = SlackChannel(SPEC, {"HOOK": f"http://hooks.example{WEBHOOK_PATH}"}, PATIENT)
        outcome = await outcome_after(channel)
        await channel.close()
    assert isinstance(outcome, Delivered)
    assert len(slack.payloads) == 1
