"""Feeds and pages are fetched from public addresses and from what the operator allowed.

In these tests 127.0.0.1 stands for an address that may be opened, everything else on this
machine for one that may not.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from yarl import URL

from services.poller.addresses import NotFetchable, web_address
from services.poller.fetch import FEED_LIMITS, FetchLimits, fetch
from services.poller.replies import Fetched, FetchFailed, FetchReason
from services.poller.session import new_session
from services.poller.websub.hub import ask
from services.poller.websub.plan import Refused
from services.runtime.netguard import networks
from services.store.websub import HubState, Subscription
from tests.poller.names import Names

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
ALLOWED = networks("127.0.0.1/32")
LIMITS = FetchLimits(max_bytes=100_000, connect=timedelta(seconds=5), total=timedelta(seconds=10))


@dataclass
class Server:
    """It answers at 127.0.0.1 and 127.0.0.2; `/to?…` redirects, all else is a document."""

    ports: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.ports[0]

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers["Host"])
        if request.path == "/to":
            status = 302 if request.method == "GET" else 307
            return web.Response(status=status, headers={"Location": request.query["url"]})
        return web.Response(text="a document")


@asynccontextmanager
async def running_server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        for _ in range(2):
            await web.TCPSite(runner, "0.0.0.0", 0).start()
        server.ports = [address[1] for address in runner.addresses]
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running_server() as running:
        yield running


async def fetched(url: str, names: Names | None = None) -> Fetched | FetchFailed:
    async with new_session("test/1", allowed=ALLOWED, resolver=names) as session:
        result = await fetch(session, url, NOW, LIMITS)
    assert isinstance(result, Fetched | FetchFailed)
    return result


def assert_refused(result: Fetched | FetchFailed) -> None:
    assert isinstance(result, FetchFailed)
    assert result.reason is FetchReason.REFUSED_ADDRESS, result
    number = "a host that is a number" in result.detail
    assert number or "WIREWATCH_ALLOWED_NETWORKS" in result.detail


FORMS_OF_127_0_0_2 = (
    "127.0.0.2",
    "127.2",
    "127.0.2",
    "0177.0.0.2",
    "0x7f.0.0.2",
    "0x7f000002",
    "2130706434",
    "017700000002",
    "127.0.0.2.",
    "①②⑦.⓪.⓪.②",
    "127。0。0。2",
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
)
ELSEWHERE = (
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::127.0.0.2]",
    "[64:ff9b::7f00:2]",
    "[64:ff9b:1::7f00:2]",
    "[2002:7f00:2::]",
    "[2001:0:7f00:2::]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
)


@pytest.mark.parametrize("host", [*FORMS_OF_127_0_0_2, *ELSEWHERE])
async def test_a_private_address_is_not_fetched_however_it_is_written(
    server: Server, host: str
) -> None:
    assert_refused(await fetched(f"http://{host}:{server.port}/"))
    assert server.asked == []


@pytest.mark.parametrize("host", [*FORMS_OF_127_0_0_2, *ELSEWHERE])
async def test_a_redirect_to_a_private_address_is_not_followed(server: Server, host: str) -> None:
    here = f"127.0.0.1:{server.port}"
    assert_refused(await fetched(f"http://{here}/to?url=http://{host}:{server.port}/"))
    assert server.asked == [here]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.2",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "fe80::1",
        "::ffff:7f00:2",
        "64:ff9b::a00:1",
    ],
)
async def test_a_name_that_leads_to_a_private_address_is_not_fetched(
    server: Server, address: str
) -> None:
    names = Names(intranet=[[address]])
    assert_refused(await fetched(f"http://intranet.example:{server.port}/", names))
    redirect = f"http://127.0.0.1:{server.port}/to?url=http://intranet.example:{server.port}/"
    assert_refused(await fetched(redirect, names))
    assert server.asked == [f"127.0.0.1:{server.port}"]


async def test_localhost_is_a_name_like_any_other(server: Server) -> None:
    names = Names(localhost=[["::1", "127.0.0.2"]])
    assert_refused(await fetched(f"http://LOCALHOST.:{server.port}/", names))
    assert_refused(await fetched(f"http://localhost:{server.port}/", names))


async def test_of_a_name_with_several_addresses_only_the_public_one_is_opened(
    server: Server,
) -> None:
    for addresses in (["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["::1", "127.0.0.1"]):
        result = await fetched(f"http://both.example:{server.port}/", Names(both=[addresses]))
        assert isinstance(result, Fetched), addresses


async def test_a_name_with_private_addresses_alone_is_refused_for_what_it_is(
    server: Server,
) -> None:
    names = Names(inside=[["127.0.0.2", "10.0.0.1", "::1", "fe80::1"]])
    assert_refused(await fetched(f"http://inside.example:{server.port}/", names))
    assert server.asked == []


async def test_a_name_that_becomes_private_between_two_requests_is_not_opened(
    server: Server,
) -> None:
    # Another port, so that the address is not taken from the cache of names.
    names = Names(rebinding=[["127.0.0.1"], ["127.0.0.2"]])
    first, second = (f"http://rebinding.example:{port}/" for port in server.ports)
    assert_refused(await fetched(f"{first}to?url={second}", names))
    assert server.asked == [urlsplit(first).netloc]


async def test_without_an_allowance_nothing_on_this_machine_is_fetched(server: Server) -> None:
    async with new_session("test/1") as session:
        result = await fetch(session, f"http://127.0.0.1:{server.port}/", NOW, FEED_LIMITS)
    assert result == FetchFailed(
        FetchReason.REFUSED_ADDRESS,
        "127.0.0.1 is a loopback address; if that is meant, add its network to "
        "WIREWATCH_ALLOWED_NETWORKS",
    )
    assert server.asked == []


async def test_a_hub_in_a_network_that_is_not_public_is_not_asked(server: Server) -> None:
    here, private = (f"http://127.0.0.{n}:{server.port}" for n in (1, 2))
    async with new_session("test/1", allowed=ALLOWED) as session:
        for hub in (f"{private}/", f"{here}/to?url={private}/"):
            answer = await ask(session, _subscription(hub), NOW)
            assert isinstance(answer, Refused)
            assert "127.0.0.2 is a loopback address" in answer.detail
            assert "WIREWATCH_ALLOWED_NETWORKS" in answer.detail
    assert server.asked == [f"127.0.0.1:{server.port}"]


def _subscription(hub: str) -> Subscription:
    return Subscription(
        "callback",
        "feed",
        "https://a.example/feed",
        hub,
        (hub,),
        "https://us.example",
        "secret",
        HubState.WANTED,
        0,
        NOW,
    )


def test_a_host_with_an_escape_in_it_is_not_left_to_a_proxy_to_read() -> None:
    assert isinstance(web_address("http://127%2e0.0.1/"), NotFetchable)
    assert isinstance(web_address("http://example.org/a%2eb"), URL)
    assert isinstance(web_address("http://[fe80::1%25eth0]/"), URL)
