"""The Apprise channel against a server that takes what real services of Apprise post."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from schemas.channels import AppriseSpec
from schemas.written import SecretRef
from services.notifier.actions.signed import Links
from services.notifier.channels.apprise import AppriseChannel, secrets_in
from services.notifier.outcome import Delivered, Outcome, Reason, TryLater, suspends
from services.notifier.render import PLAIN, Room, render_apprise
from services.runtime.netguard import LOOPBACK
from tests.contracts.channel_contract import ChannelContract
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.free_ports import closed_port
from tests.notifier.http_double import Answer, HttpDouble, http_double
from tests.poller.private_server import proxy_to

SPEC = AppriseSpec(id="chat", type="apprise", url=SecretRef(env="URL"))
USER, PASSWORD, TOPIC = "night-desk-user", "hunter2%2Bcorrect", "secret-topic-7x"
PATIENT, HASTY = 20.0, 0.2


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def server() -> AsyncIterator[HttpDouble]:
    async with http_double() as double:
        yield double


def url_of(port: int, scheme: str = "json") -> str:
    return f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{port}/{TOPIC}"


async def opened(
    url: str, timeout: float = PATIENT, **around: Any
) -> AsyncIterator[AppriseChannel]:
    channel = AppriseChannel(SPEC, {"URL": url}, timeout, **({"allowed": LOOPBACK} | around))
    try:
        yield channel
    finally:
        await channel.close()


@pytest.fixture
async def channel(server: HttpDouble) -> AsyncIterator[AppriseChannel]:
    async for channel in opened(url_of(server.port)):
        yield channel


class TestAppriseChannel(ChannelContract):
    SECRETS = (USER, PASSWORD, "hunter2+correct", TOPIC)

    @pytest.fixture
    def working(self, channel: AppriseChannel) -> AppriseChannel:
        return channel

    @pytest.fixture
    async def away(self) -> AsyncIterator[AppriseChannel]:
        async for channel in opened(url_of(closed_port())):
            yield channel

    @pytest.fixture
    async def hanging(self, server: HttpDouble) -> AsyncIterator[AppriseChannel]:
        server.answers.append(Answer(hangs=True))
        async for channel in opened(url_of(server.port), HASTY):
            yield channel

    @pytest.fixture
    def refusing(self, server: HttpDouble, channel: AppriseChannel) -> AppriseChannel:
        server.answer(401, f"not {USER}:{PASSWORD} at {url_of(server.port)}\r\n\x1b[31m")
        return channel

    @pytest.fixture
    def received(self, server: HttpDouble) -> Callable[[], str]:
        return server.text


async def outcome_of(channel: AppriseChannel) -> Outcome:
    return await channel.send(ferry_alert(), NOW)


async def test_a_service_without_a_format_gets_plain_text(
    server: HttpDouble, channel: AppriseChannel
) -> None:
    assert await outcome_of(channel) == Delivered("accepted")
    posted = server.posted[0].json
    assert posted["title"] == ferry_alert().title
    assert posted["type"] == "failure"  # the rule is urgent
    assert (
        "> The islands had waited all winter for the boats. The first *ferry*" in posted["message"]
    )
    assert "https://gazette.example/2026/ferry?from=feed&page=1" in posted["message"]


async def test_ntfy_gets_its_topic_its_title_and_its_credentials(server: HttpDouble) -> None:
    async for channel in opened(url_of(server.port, "ntfy")):
        assert await outcome_of(channel) == Delivered("accepted")
    posted = server.posted[0]
    assert "Nordholm" in posted.body.decode()
    assert TOPIC in posted.path + posted.body.decode()
    assert posted.headers["Authorization"].startswith("Basic ")


async def test_a_chat_gets_markdown_within_its_room(
    server: HttpDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.discord import NotifyDiscord  # noqa: PLC0415

    monkeypatch.setattr(NotifyDiscord, "notify_url", f"{server.origin}/webhooks")
    async for channel in opened("discord://123456789/aTokenOfDiscord-1"):
        assert isinstance(await outcome_of(channel), Delivered)
    said = json.dumps(server.posted[0].json, ensure_ascii=False)
    assert "**ferry**" in said


async def test_a_message_has_the_links_that_the_installation_offers(server: HttpDouble) -> None:
    links = Links("https://watch.example", b"key")
    async for channel in opened(url_of(server.port), links=links):
        await outcome_of(channel)
    for act in ("alerts", "silence", "unsubscribe"):
        assert f"https://watch.example/{act}/" in server.posted[0].json["message"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.BAD_CREDENTIALS),
        (403, Reason.BAD_CREDENTIALS),
        (404, Reason.BAD_CREDENTIALS),
        (429, Reason.RATE_LIMITED),
        (400, Reason.REFUSED),
        (500, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR),
    ],
)
async def test_what_apprise_says_of_a_failure_decides_its_reason(
    status: int, reason: Reason, server: HttpDouble, channel: AppriseChannel
) -> None:
    server.answer(status, "no")
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is reason
    assert str(status) in outcome.detail


@pytest.mark.parametrize(
    "url", ["", "hunter2-what", "nosuch://hunter2-host", "json://", "tgram://hunter2", "http://[x"]
)
async def test_a_url_that_apprise_cannot_use_holds_the_channel(url: str) -> None:
    async for channel in opened(url):
        outcome = await outcome_of(channel)
        assert suspends(outcome)
        assert "variable URL" in repr(outcome)
        assert "hunter2" not in repr(outcome)


async def test_a_service_in_a_network_that_is_not_public_is_not_called(server: HttpDouble) -> None:
    for host in ("127.0.0.1", "localhost"):
        async for channel in opened(f"json://{host}:{server.port}", allowed=()):
            outcome = await outcome_of(channel)
            assert isinstance(outcome, TryLater)
            assert outcome.reason is Reason.UNREACHABLE
            assert "WIREWATCH_ALLOWED_NETWORKS" in outcome.detail
    assert server.posted == []


async def test_a_redirect_into_a_network_that_is_not_public_is_not_followed(
    server: HttpDouble, channel: AppriseChannel
) -> None:
    server.answer(302, Location=f"http://[::ffff:10.0.0.1]:{server.port}/")
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert "10.0.0.1 is a private address" in outcome.detail


async def test_a_service_is_reached_through_the_proxy_that_the_environment_names(
    server: HttpDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy_to(server.port) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async for channel in opened("json://hooks.example/in", allowed=()):
            assert isinstance(await outcome_of(channel), Delivered)
    assert [posted.path for posted in server.posted] == ["/in"]


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.names.add(record.name.partition(".")[0])


async def test_the_log_of_this_process_hears_nothing_of_apprise(
    server: HttpDouble, channel: AppriseChannel
) -> None:
    server.answer(500)
    root, heard = logging.getLogger(), _Heard()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    try:
        await outcome_of(channel)
    finally:
        root.removeHandler(heard)
        root.setLevel(level)
    assert heard.names & {"apprise", "urllib3", "requests"} == set()


def test_every_part_of_a_url_is_a_secret_but_the_name_of_a_host() -> None:
    secrets = secrets_in("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?footer=no&key=p%2Ba")
    assert {"T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"} <= secrets
    assert "ntfy.example" not in secrets_in("ntfys://ntfy.example/topic-of-mine")
    assert "123456789" in secrets_in("tgram://123456789:abcdefg_hijklmnop/12315544")


def test_a_pager_gets_no_more_than_it_has_room_for() -> None:
    """Else the service refuses all of it, or cuts it where it likes."""
    endless = ferry_alert().model_copy(update={"source": "The Long Example Times " * 8})
    text = render_apprise(endless, NOW, Room(PLAIN, title=50, body=100))
    assert text.title
    assert 0 < len(text.body) <= 100
