"""Whatever a server does, a fetch ends in time and with a value that names it."""

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from services.poller.extract import NoText, NoTextReason, extract_page
from services.poller.fetch import FEED_LIMITS, PAGE_LIMITS, FetchLimits, fetch
from services.poller.parse import ParseFailed, ParseReason, parse_feed
from services.poller.replies import (
    Fetched,
    FetchFailed,
    FetchReason,
    FetchResult,
    NotModified,
    Validators,
    parse_retry_after,
)
from services.poller.session import new_session
from services.runtime.netguard import LOOPBACK

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
AGENT = "wirewatch-test/1 (+https://wirewatch.example/bot)"
LIMITS = FetchLimits(max_bytes=100_000, connect=timedelta(seconds=5), total=timedelta(seconds=10))
IMPATIENT = replace(LIMITS, total=timedelta(milliseconds=200))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with new_session(AGENT, allowed=LOOPBACK) as opened:
        yield opened


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that answers every request with `handler`; yields its base URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        port = runner.addresses[0][1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def answering(
    status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None
) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers or {})

    return handler


def failure(result: FetchResult) -> FetchFailed:
    assert isinstance(result, FetchFailed), result
    return result


async def test_a_document_comes_with_the_headers_that_matter(
    session: aiohttp.ClientSession,
) -> None:
    sent = {
        "ETag": 'W/"a b;c"',
        "Last-Modified": "Thu,  5 Mar 2026 11:59:58 GMT",
        "Content-Type": "application/rss+xml; charset=utf-8",
        "Cache-Control": "max-age=60",
    }
    async with serving(answering(body=b"<rss/>", headers=sent)) as url:
        result = await fetch(session, f"{url}/feed?b=2&a=%2F#top", NOW, LIMITS)
    assert isinstance(result, Fetched)
    assert (result.status, result.body) == (200, b"<rss/>")
    assert result.headers.etag == 'W/"a b;c"'
    assert result.headers.content_type == "application/rss+xml; charset=utf-8"
    assert result.headers.cache_control == "max-age=60"
    assert result.final_url == f"{url}/feed?b=2&a=%2F"
    assert result.permanent_redirect_to is None


async def test_validators_go_back_byte_for_byte_and_304_is_not_modified(
    session: aiohttp.ClientSession,
) -> None:
    raw: list[dict[bytes, bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        raw.append(dict(request.raw_headers))
        return web.Response(status=304, headers={"Cache-Control": "max-age=9", "Age": "2"})

    odd = Validators(etag="unquoted--gzip; é", last_modified="thu, 5 mar 2026 1:02:03 +0000")
    async with serving(handler) as url:
        result = await fetch(session, url, NOW, LIMITS, odd)
    assert isinstance(result, NotModified)
    assert (result.headers.cache_control, result.headers.age) == ("max-age=9", "2")
    assert raw[0][b"If-None-Match"] == "unquoted--gzip; é".encode()
    assert raw[0][b"If-Modified-Since"] == b"thu, 5 mar 2026 1:02:03 +0000"
    assert raw[0][b"User-Agent"] == AGENT.encode()


async def test_a_304_nobody_asked_for_is_an_error(session: aiohttp.ClientSession) -> None:
    async with serving(answering(304)) as url:
        assert failure(await fetch(session, url, NOW, LIMITS)).reason is FetchReason.HTTP_ERROR


async def test_every_link_header_is_kept_as_it_stands(session: aiohttp.ClientSession) -> None:
    async def answer(_: web.Request) -> web.Response:
        reply = web.Response(text="x")
        reply.headers.add("Link", '<a>; rel="hub", <b>; rel=self')
        reply.headers.add("link", "<c>")
        return reply

    async with serving(answer) as url:
        result = await fetch(session, url, NOW, LIMITS)
    assert isinstance(result, Fetched)
    assert result.headers.links == ('<a>; rel="hub", <b>; rel=self', "<c>")


@pytest.mark.parametrize("etag", [b'"\xe9"', b'"a\x01b"', b'"a\x7fb"', b'"\x1b[31m"'])
async def test_an_etag_that_cannot_be_sent_back_counts_as_absent(
    session: aiohttp.ClientSession, etag: bytes
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: 1\r\n\r\nx" % etag)
        await writer.drain()
        writer.close()

    async with talking(talk) as url:
        result = await fetch(session, url, NOW, LIMITS)
    assert isinstance(result, Fetched)
    assert result.headers.etag is None
    # It can be asked with what it gave: anything else would raise at every poll from now on.
    async with talking(talk) as url:
        again = await fetch(session, url, NOW, LIMITS, result.headers.validators)
    assert isinstance(again, Fetched)


async def test_what_a_server_calls_its_refusal_moves_no_terminal(
    session: aiohttp.ClientSession,
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 \x1b[2JGone\x07\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with talking(talk) as url:
        result = await fetch(session, url, NOW, LIMITS)
    assert isinstance(result, FetchFailed)
    assert result.detail.isprintable()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, FetchReason.FORBIDDEN),
        (402, FetchReason.FORBIDDEN),
        (403, FetchReason.FORBIDDEN),
        (451, FetchReason.FORBIDDEN),
        (404, FetchReason.NOT_FOUND),
        (410, FetchReason.GONE),
        (429, FetchReason.RATE_LIMITED),
        (503, FetchReason.RATE_LIMITED),
        (500, FetchReason.HTTP_ERROR),
        (204, FetchReason.HTTP_ERROR),
        (300, FetchReason.HTTP_ERROR),
    ],
)
async def test_every_status_has_its_reason(
    session: aiohttp.ClientSession, status: int, reason: FetchReason
) -> None:
    async with serving(answering(status)) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert (result.reason, result.status) == (reason, status)


async def test_a_bot_challenge_is_reported_as_what_it_is(session: aiohttp.ClientSession) -> None:
    async with serving(answering(503, headers={"cf-mitigated": "challenge"})) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.FORBIDDEN
    assert "challenge" in result.detail


async def test_a_busy_host_says_how_long_to_wait(session: aiohttp.ClientSession) -> None:
    async with serving(answering(429, headers={"Retry-After": "120"})) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.retry_after == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta()),
        ("Thu, 05 Mar 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Thursday, 05-Mar-26 12:10:00 GMT", timedelta(minutes=10)),
        ("Thu Mar  5 12:10:00 2026", timedelta(minutes=10)),
        ("Thu, 05 Mar 2026 11:00:00 GMT", timedelta()),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
        ("9" * 400, timedelta(days=3650)),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, wait: timedelta | None) -> None:
    assert parse_retry_after(value, NOW) == wait


async def test_a_server_that_is_down_is_unreachable(session: aiohttp.ClientSession) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.UNREACHABLE


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host.example/x",
        "file:///etc/passwd",
        "http:///nohost",
        "not a url",
        "http://[::1",
        "http://user:secret@host.example/",
        "http://user@host.example/",
        "http://" + "a" * 300 + ".example/",
        "",
    ],
)
async def test_what_is_no_plain_web_address_is_not_fetched(
    session: aiohttp.ClientSession, url: str
) -> None:
    result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.UNREACHABLE
    assert "secret" not in result.detail


async def test_a_server_that_drips_runs_into_the_total_deadline(
    session: aiohttp.ClientSession,
) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport is not None:
            await response.write(b"<")
            await asyncio.sleep(0.02)
        return response

    async with serving(drip) as url:
        result = failure(await fetch(session, url, NOW, IMPATIENT))
    assert result.reason is FetchReason.TIMED_OUT


async def test_a_server_that_says_nothing_runs_into_the_total_deadline(
    session: aiohttp.ClientSession,
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with talking(silent) as url:
        result = failure(await fetch(session, url, NOW, IMPATIENT))
    assert result.reason is FetchReason.TIMED_OUT


async def test_redirects_share_one_deadline(session: aiohttp.ClientSession) -> None:
    async def slow_redirect(request: web.Request) -> web.Response:
        await asyncio.sleep(0.12)
        return web.Response(status=302, headers={"Location": "/again"})

    async with serving(slow_redirect) as url:
        result = failure(await fetch(session, url, NOW, IMPATIENT))
    assert result.reason is FetchReason.TIMED_OUT


async def test_waiting_for_the_hosts_connections_costs_no_time() -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        return web.Response(body=b"ok")

    # One reply takes a quarter of the time, all of them more than there is.
    limits = replace(LIMITS, total=timedelta(seconds=2))
    async with new_session(AGENT, allowed=LOOPBACK, per_host=1) as session, serving(slow) as url:
        calls = [fetch(session, f"{url}/{n}", NOW, limits) for n in range(5)]
        results = await asyncio.gather(*calls)
    assert [type(result) for result in results] == [Fetched] * 5


async def test_one_host_gets_two_connections_at_most(session: aiohttp.ClientSession) -> None:
    at_once, most = 0, 0

    async def count(_: web.Request) -> web.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return web.Response()

    async with serving(count) as url:
        await asyncio.gather(*(fetch(session, f"{url}/{n}", NOW, LIMITS) for n in range(8)))
    assert most == 2


async def test_a_huge_reply_is_not_read_to_its_end(session: aiohttp.ClientSession) -> None:
    written = 0

    async def huge(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while written < 50_000_000:
            await response.write(b"x" * 50_000)
            written += 50_000
        return response

    async with serving(huge) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.TOO_LARGE
    assert written < 50_000_000


async def test_a_reply_that_announces_too_much_is_not_read(session: aiohttp.ClientSession) -> None:
    async with serving(answering(body=b"x" * 100_001)) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.TOO_LARGE


async def test_a_reply_of_exactly_the_limit_is_read(session: aiohttp.ClientSession) -> None:
    async with serving(answering(body=b"x" * 100_000)) as url:
        assert isinstance(await fetch(session, url, NOW, LIMITS), Fetched)


async def test_the_limit_counts_decompressed_bytes(session: aiohttp.ClientSession) -> None:
    bomb = gzip.compress(b"\x00" * 50_000_000)
    assert len(bomb) < LIMITS.max_bytes
    async with serving(answering(body=bomb, headers={"Content-Encoding": "gzip"})) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.TOO_LARGE


async def test_a_compressed_document_is_unpacked(session: aiohttp.ClientSession) -> None:
    packed = gzip.compress(b"<rss/>")
    async with serving(answering(body=packed, headers={"Content-Encoding": "gzip"})) as url:
        result = await fetch(session, url, NOW, LIMITS)
    assert isinstance(result, Fetched)
    assert result.body == b"<rss/>"


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
    ids=["cut short", "not gzip", "not http", "nothing"],
)
async def test_a_broken_reply_is_unreachable(session: aiohttp.ClientSession, reply: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    async with talking(talk) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.UNREACHABLE


async def test_redirects_are_followed_and_the_permanent_ones_told(
    session: aiohttp.ClientSession,
) -> None:
    hops = {"/a": (301, "/b"), "/b": (308, "c?x=1"), "/c": (302, "/d"), "/d": (301, "/e")}

    async def handler(request: web.Request) -> web.Response:
        if request.path not in hops:
            return web.Response(text="here")
        status, location = hops[request.path]
        return web.Response(status=status, headers={"Location": location})

    async with serving(handler) as url:
        result = await fetch(session, f"{url}/a", NOW, LIMITS)
    assert isinstance(result, Fetched)
    assert result.final_url == f"{url}/e"
    assert result.permanent_redirect_to == f"{url}/c?x=1"


async def test_a_redirect_loop_ends_after_five_hops(session: aiohttp.ClientSession) -> None:
    requests = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        return web.Response(status=302, headers={"Location": "/again"})

    async with serving(handler) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.BAD_REDIRECT
    assert requests == 6


@pytest.mark.parametrize(
    "location", ["ftp://host.example/", "file:///etc/passwd", "http://a:b@127.0.0.1/", "//[", ""]
)
async def test_redirects_lead_to_plain_web_addresses_only(
    session: aiohttp.ClientSession, location: str
) -> None:
    async with serving(answering(302, headers={"Location": location})) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.BAD_REDIRECT


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, so there is no certificate to serve https with")
    folder = tmp_path_factory.mktemp("tls")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*made, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_https_is_never_left_for_http(certificate: ssl.SSLContext) -> None:
    async with (
        serving(answering(body=b"plain")) as plain,
        serving(answering(301, headers={"Location": plain}), certificate) as url,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as trusting,
    ):
        result = failure(await fetch(trusting, url, NOW, LIMITS))
    assert (result.reason, result.detail) == (
        FetchReason.BAD_REDIRECT,
        "a redirect from https to http",
    )


async def test_a_certificate_nobody_vouches_for_is_a_tls_failure(
    session: aiohttp.ClientSession, certificate: ssl.SSLContext
) -> None:
    async with serving(answering(), certificate) as url:
        result = failure(await fetch(session, url, NOW, LIMITS))
    assert result.reason is FetchReason.TLS


async def test_cookies_and_proxies_of_the_environment_are_ignored(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "id=1; Path=/"})

    async with serving(handler) as url:
        for _ in range(2):
            assert isinstance(await fetch(session, url, NOW, FEED_LIMITS), Fetched)
    assert cookies == [None, None]


async def test_a_log_in_page_where_a_feed_was_is_no_feed(session: aiohttp.ClientSession) -> None:
    page = b"<!doctype html><html><body><h1>Log in</h1><p>Please.</p></body></html>"
    async with serving(answering(body=page, headers={"Content-Type": "text/html"})) as url:
        result = await fetch(session, url, NOW, FEED_LIMITS)
    assert isinstance(result, Fetched)
    parsed = parse_feed(result.body, result.headers.content_type, result.final_url)
    assert isinstance(parsed, ParseFailed)
    assert parsed.reason is ParseReason.NOT_A_FEED


async def test_a_document_where_a_page_was_is_not_html(session: aiohttp.ClientSession) -> None:
    pdf = {"Content-Type": "application/pdf"}
    async with serving(answering(body=b"%PDF-1.7 <p>", headers=pdf)) as url:
        result = await fetch(session, url, NOW, PAGE_LIMITS)
    assert isinstance(result, Fetched)
    found = extract_page(result.body, result.headers.content_type, result.final_url)
    assert isinstance(found, NoText)
    assert found.reason is NoTextReason.NOT_HTML


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """A bare TCP server; yields the URL it would have."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def test_the_limits_are_those_of_the_design() -> None:
    assert FEED_LIMITS.max_bytes == 10_000_000
    assert (FEED_LIMITS.connect, FEED_LIMITS.total) == (
        timedelta(seconds=10),
        timedelta(seconds=30),
    )
