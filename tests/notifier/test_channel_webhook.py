"""The webhook channel against a receiver that verifies with an independent library."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from schemas.channels import WebhookSpec
from schemas.webhook import WebhookAlert, WebhookNotice, WebhookSummary
from schemas.written import SecretRef
from services.notifier.actions.signed import Links
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.message import AlertMessage, OtherReport, SummaryKind, SummaryMessage
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater, suspends
from services.runtime.netguard import LOOPBACK
from tests.contracts.channel_contract import ChannelContract
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.free_ports import closed_port
from tests.notifier.http_double import Answer, HttpDouble, http_double
from tests.notifier.notices import told
from tests.poller.private_server import proxy_to

SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtMDEyMzQ1Njc4OQ=="
OTHER = "whsec_" + "YW5vdGhlci1zZWNyZXQtYW5vdGhlci1zZWNyZXQ="
PATH = "/hooks/t0k3n-in-the-path?key=k3y-in-the-query"
SPEC = WebhookSpec(
    id="hook", type="webhook", url=SecretRef(env="URL"), secret=SecretRef(env="SECRET")
)
PATIENT, HASTY = 20.0, 0.2


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def receiver() -> AsyncIterator[HttpDouble]:
    async with http_double() as double:
        yield double


async def opened(
    url: str, timeout: float = PATIENT, secret: str = SECRET, **around: Any
) -> AsyncIterator[WebhookChannel]:
    env = {"URL": url, "SECRET": secret}
    channel = WebhookChannel(SPEC, env, timeout, **({"allowed": LOOPBACK} | around))
    try:
        yield channel
    finally:
        await channel.close()


@pytest.fixture
async def channel(receiver: HttpDouble) -> AsyncIterator[WebhookChannel]:
    async for channel in opened(receiver.origin + PATH):
        yield channel


class TestWebhookChannel(ChannelContract):
    SECRETS = (
        SECRET,
        SECRET.removeprefix("whsec_"),
        b64decode(SECRET.removeprefix("whsec_")).decode(),
        "t0k3n-in-the-path",
        "k3y-in-the-query",
    )

    @pytest.fixture
    def working(self, channel: WebhookChannel) -> WebhookChannel:
        return channel

    @pytest.fixture
    async def away(self) -> AsyncIterator[WebhookChannel]:
        async for channel in opened(f"http://127.0.0.1:{closed_port()}{PATH}"):
            yield channel

    @pytest.fixture
    async def hanging(self, receiver: HttpDouble) -> AsyncIterator[WebhookChannel]:
        receiver.answers.append(Answer(hangs=True))
        async for channel in opened(receiver.origin + PATH, HASTY):
            yield channel

    @pytest.fixture
    def refusing(self, receiver: HttpDouble, channel: WebhookChannel) -> WebhookChannel:
        receiver.answer(403, f"not {SECRET} at {receiver.origin}{PATH}\r\n\x1b[31m")
        return channel

    @pytest.fixture
    def received(self, receiver: HttpDouble) -> Callable[[], str]:
        return receiver.text


async def outcome_of(channel: WebhookChannel) -> Outcome:
    return await channel.send(ferry_alert(), NOW)


async def test_an_independent_library_verifies_what_arrives(
    receiver: HttpDouble, channel: WebhookChannel
) -> None:
    assert isinstance(await channel.send(ferry_alert(), datetime.now(UTC)), Delivered)
    posted = receiver.posted[0]
    event = Webhook(SECRET).verify(posted.body, posted.headers)
    assert (event["type"], event["version"]) == ("alert", 1)
    assert posted.headers["webhook-id"] == ferry_alert().delivery_id
    assert posted.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp", "secret"])
async def test_whatever_is_changed_on_the_way_is_noticed(
    changed: str, receiver: HttpDouble, channel: WebhookChannel
) -> None:
    await channel.send(ferry_alert(), datetime.now(UTC))
    posted = receiver.posted[0]
    headers, body = dict(posted.headers), posted.body
    if changed == "webhook-id":
        headers[changed] += "x"
    if changed == "webhook-timestamp":
        headers[changed] = str(int(headers[changed]) - 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER if changed == "secret" else SECRET).verify(
            body + b" " if changed == "body" else body, headers
        )


async def test_while_a_secret_is_replaced_both_verify(receiver: HttpDouble) -> None:
    async for channel in opened(receiver.origin, secret=f"{OTHER} {SECRET}"):
        await channel.send(ferry_alert(), datetime.now(UTC))
    posted = receiver.posted[0]
    for secret in (OTHER, SECRET):
        assert Webhook(secret).verify(posted.body, posted.headers)["type"] == "alert"


async def test_a_repeat_has_the_same_id_and_the_time_of_its_attempt(
    receiver: HttpDouble, channel: WebhookChannel
) -> None:
    for minute in range(2):
        await channel.send(ferry_alert(), NOW + timedelta(minutes=minute))
    ids = {posted.headers["webhook-id"] for posted in receiver.posted}
    stamps = [int(posted.headers["webhook-timestamp"]) for posted in receiver.posted]
    assert len(ids) == 1
    assert stamps == [int(NOW.timestamp()), int(NOW.timestamp()) + 60]


async def test_every_kind_of_message_is_an_event_of_its_model(
    receiver: HttpDouble, channel: WebhookChannel
) -> None:
    for message in (ferry_alert(), updated(1), summary(), told()):
        assert isinstance(await channel.send(message, NOW), Delivered)
    bodies = [posted.body for posted in receiver.posted]
    assert [json.loads(body)["type"] for body in bodies] == [
        "alert",
        "story.updated",
        "summary",
        "notice",
    ]
    assert WebhookAlert.decode(bodies[0]).data.title == ferry_alert().title
    assert [other.source for other in WebhookAlert.decode(bodies[1]).data.others] == ["Wire 1"]
    assert len(WebhookSummary.decode(bodies[2]).data.alerts) == 2
    assert "cannot be read" in WebhookNotice.decode(bodies[3]).data.title


async def test_an_update_happened_when_the_latest_other_report_was_seen(
    receiver: HttpDouble, channel: WebhookChannel
) -> None:
    told_of, update = ferry_alert(), updated(1)
    later = update.others[0].model_copy(
        update={"seen_at": told_of.matched_at + timedelta(minutes=2)}
    )
    for message in (told_of, update.model_copy(update={"others": (later,)})):
        await channel.send(message, NOW + timedelta(minutes=3))
    stamps = [WebhookAlert.decode(posted.body).timestamp for posted in receiver.posted]
    assert stamps == [told_of.matched_at, told_of.matched_at + timedelta(minutes=2)]


async def test_each_update_of_a_story_has_an_id_of_its_own(
    receiver: HttpDouble, channel: WebhookChannel
) -> None:
    for message in (ferry_alert(), updated(1), updated(2), updated(2)):
        await channel.send(message, NOW)
    first, one, two, again = (posted.headers["webhook-id"] for posted in receiver.posted)
    assert len({first, one, two}) == 3
    assert again == two


async def test_an_event_has_the_links_that_the_installation_offers(receiver: HttpDouble) -> None:
    links = Links("https://watch.example", b"key")
    async for channel in opened(receiver.origin, links=links):
        await channel.send(ferry_alert(), NOW)
    offered = WebhookAlert.decode(receiver.posted[0].body).data.links
    assert str(offered.alert).startswith("https://watch.example/alerts/")
    assert str(offered.silence).startswith("https://watch.example/silence/")
    assert str(offered.unsubscribe).startswith("https://watch.example/unsubscribe/")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_a_yes(status: int, receiver: HttpDouble, channel: WebhookChannel) -> None:
    receiver.answer(status)
    assert await outcome_of(channel) == Delivered(str(status))


@pytest.mark.parametrize(
    ("status", "reason"), [(429, Reason.RATE_LIMITED), (503, Reason.SERVER_ERROR)]
)
async def test_a_pause_that_the_receiver_asks_for_is_kept(
    status: int, reason: Reason, receiver: HttpDouble, channel: WebhookChannel
) -> None:
    receiver.answer(status, "slow down", Retry_After="30")
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert (outcome.reason, outcome.after) == (reason, timedelta(seconds=30))
    assert len(receiver.posted) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 405, 410])
async def test_a_receiver_that_does_not_want_us_holds_the_channel(
    status: int, receiver: HttpDouble, channel: WebhookChannel
) -> None:
    receiver.answer(status, "go away")
    outcome = await outcome_of(channel)
    assert suspends(outcome)
    assert isinstance(outcome, TryLater)
    assert outcome.detail == f"the receiver answered {status} go away"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_holds_the_channel(
    status: int, receiver: HttpDouble, channel: WebhookChannel
) -> None:
    receiver.answer(status, Location=f"{receiver.origin}/elsewhere")
    outcome = await outcome_of(channel)
    assert suspends(outcome)
    assert len(receiver.posted) == 1
    assert isinstance(outcome, TryLater)
    assert "write the final address" in outcome.detail


@pytest.mark.parametrize("status", [400, 402, 409, 422])
async def test_a_refusal_is_tried_again_for_a_receiver_may_be_mended(
    status: int, receiver: HttpDouble, channel: WebhookChannel
) -> None:
    receiver.answer(status, "no such field")
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.REFUSED


async def test_an_event_that_is_too_large_is_given_up(
    receiver: HttpDouble, channel: WebhookChannel
) -> None:
    receiver.answer(413, "too large")
    told_so = "the receiver answered 413 too large"
    assert await outcome_of(channel) == GaveUp(Reason.INVALID_MESSAGE, told_so)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 504, 599])
async def test_an_error_of_the_receiver_is_tried_later(
    status: int, receiver: HttpDouble, channel: WebhookChannel
) -> None:
    receiver.answer(status)
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.SERVER_ERROR


async def test_a_lost_answer_is_not_posted_again_here(
    receiver: HttpDouble, channel: WebhookChannel
) -> None:
    receiver.answers.append(Answer(breaks=True))
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.UNREACHABLE
    assert len(receiver.posted) == 1


async def test_an_answer_without_end_is_not_read_to_its_end(
    receiver: HttpDouble, channel: WebhookChannel
) -> None:
    receiver.answer(500, "x" * 20_000_000)
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert len(outcome.detail) <= 300


@pytest.mark.parametrize(
    "secret",
    [
        "c2VjcmV0LXNlY3JldC1zZWNyZXQtMDEyMzQ1Njc4OQ==",
        "whsec_",
        "whsec_not base64!",
        "whsec_c2hvcnQ=",
        "whsec_" + "QUFB" * 40,
        f"{SECRET} hunter2",
    ],
)
async def test_a_secret_of_another_form_holds_the_channel_and_says_the_way_out(
    secret: str, receiver: HttpDouble
) -> None:
    async for channel in opened(receiver.origin, secret=secret):
        outcome = await outcome_of(channel)
        assert suspends(outcome)
        assert isinstance(outcome, TryLater)
        assert "the variable SECRET is no signing secret; write whsec_ and base64" in outcome.detail
        assert secret == "whsec_" or secret not in repr(outcome)
    assert receiver.posted == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "ftp://x/",
        "https://u:p@hook.example",
        "http://[x",
        "https://hook.example:99999/",
        "https://hook.example:t0k3n/",
    ],
)
async def test_an_address_that_is_none_holds_the_channel(url: str) -> None:
    async for channel in opened(url):
        outcome = await outcome_of(channel)
        assert suspends(outcome)
        assert not url or url not in repr(outcome)


async def test_an_address_may_stand_in_the_folder(receiver: HttpDouble) -> None:
    spec = SPEC.model_copy(update={"url": receiver.origin})
    channel = WebhookChannel(spec, {"SECRET": SECRET}, PATIENT, LOOPBACK)
    assert isinstance(await outcome_of(channel), Delivered)
    await channel.close()


async def test_a_receiver_in_a_network_that_is_not_public_is_not_called(
    receiver: HttpDouble,
) -> None:
    async for channel in opened(receiver.origin, allowed=()):
        outcome = await outcome_of(channel)
        assert isinstance(outcome, TryLater)
        assert outcome.reason is Reason.UNREACHABLE
        assert "WIREWATCH_ALLOWED_NETWORKS" in outcome.detail
    assert receiver.posted == []


async def test_an_event_goes_through_the_proxy_that_the_environment_names(
    receiver: HttpDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy_to(receiver.port) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        async for channel in opened("http://hooks.example/in", allowed=()):
            assert isinstance(await outcome_of(channel), Delivered)
        async for channel in opened("http://127.0.0.1/in", allowed=()):
            outcome = await outcome_of(channel)
            assert isinstance(outcome, TryLater)
            assert "127.0.0.1 is a loopback address" in outcome.detail
    assert [posted.path for posted in receiver.posted] == ["/in"]


def updated(outlets: int) -> AlertMessage:
    """The ferry alert, when so many others have reported the story, too."""
    others = tuple(
        OtherReport(source=f"Wire {number}", is_copy=True, seen_at=NOW)
        for number in range(1, outlets + 1)
    )
    return ferry_alert().model_copy(update={"update": True, "others": others})


def summary() -> SummaryMessage:
    """A digest of two alerts."""
    return SummaryMessage(
        delivery_id="digest-1",
        story_id="digest",
        subscription_id="desk",
        sequence=1,
        kind=SummaryKind.DIGEST,
        title="Daily digest: 2 alerts",
        lines=("Since yesterday",),
        items=(ferry_alert(), ferry_alert(title="The ferry stays in Nordholm")),
        raised_at=NOW,
        zone="Europe/Oslo",
    )


@pytest.mark.parametrize("length", ["Content-Length: 10", "Transfer-Encoding: chunked"])
async def test_a_yes_is_a_yes_whatever_becomes_of_its_body(length: str) -> None:
    """Else the receiver would be told the same again and again."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async for channel in opened(f"http://127.0.0.1:{port}{PATH}"):
            assert await outcome_of(channel) == Delivered("200")


@pytest.mark.parametrize(
    "after",
    [
        "Mon, 01 Jan 99999999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2030 00:00:00 +99999999999999",
    ],
)
async def test_a_pause_that_is_no_time_is_none(
    after: str, receiver: HttpDouble, channel: WebhookChannel
) -> None:
    receiver.answer(429, "slow down", Retry_After=after)
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert (outcome.reason, outcome.after) == (Reason.RATE_LIMITED, None)
