"""Whatever a server does, a poll ends in seconds, in bounded memory, and the next one works.

Memory is what Python holds at most while the reply is read; what a server got rid of says how
much was read of it.
"""

import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession

from services.poller.fetch import FEED_LIMITS, FetchLimits, fetch
from services.poller.replies import Fetched, FetchFailed, FetchReason, FetchResult
from services.poller.session import new_session
from services.runtime.netguard import LOOPBACK
from tests.notifier.certificates import make_certificate, make_expired_certificate
from tests.poller.hostile_server import (
    CHUNKED,
    MEGABYTE,
    OK,
    XML,
    Script,
    brotli_bomb,
    deflate_bomb,
    dripping,
    endless,
    gzip_bomb,
    hostile_server,
    nested_gzip,
    packed,
    resetting,
    saying,
)
from tests.poller.names import Names
from tests.poller.test_fetch import answering, serving
from tests.poller.wire import PollingDesk

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
LIMITS = FetchLimits(max_bytes=2_000_000, total=timedelta(seconds=20))
HURRY = replace(LIMITS, total=timedelta(seconds=1))
MOST_MEMORY = 12_000_000  # six times the limit; a reply of 2 MB takes 4 to 6 MB
# What a server can get rid of beyond the limit: buffers of the system and of the connection.
MOST_READ = 12_000_000
GOOD = OK + XML + b"Content-Length: 6\r\n\r\n<rss/>"


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with new_session("test/1", allowed=LOOPBACK) as opened:
        yield opened


@dataclass
class Met:
    """How a meeting with a server ended, and what it cost."""

    result: FetchResult
    sent: int
    memory: int

    @property
    def reason(self) -> FetchReason | None:
        return self.result.reason if isinstance(self.result, FetchFailed) else None


async def meet(session: ClientSession, script: Script, limits: FetchLimits = LIMITS) -> Met:
    async with hostile_server(script) as server:
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            result = await fetch(session, server.url, NOW, limits)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        met = Met(result, server.sent, peak - before)
    async with hostile_server(saying(GOOD)) as server:
        assert isinstance(await fetch(session, server.url, NOW, limits), Fetched)
    return met


# Made when they are needed: each takes a second.
BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: packed("gzip", gzip_bomb(200)),
    "deflate": lambda: packed("deflate", deflate_bomb(200)),
    "brotli": lambda: packed("br", brotli_bomb(200)),
    "gzip in many parts": lambda: packed("gzip", gzip_bomb(10) * 20),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_unpacked_up_to_the_limit_and_no_further(
    session: ClientSession, name: str
) -> None:
    met = await meet(session, saying(BOMBS[name]()))
    assert met.reason is FetchReason.TOO_LARGE, met.result
    assert met.memory <= MOST_MEMORY


TOO_MUCH: dict[str, Script] = {
    "a length of 50 MB": endless(OK + XML + b"Content-Length: 50000000\r\n\r\n", MEGABYTE),
    "50 MB without a length": saying(OK + XML + b"\r\n", *[MEGABYTE] * 50),
    "white space without end": endless(OK + XML + b"\r\n", MEGABYTE),
    "chunks without end": endless(OK + XML + CHUNKED + b"\r\n", b"f4240\r\n" + MEGABYTE + b"\r\n"),
    "gzip without end": endless(OK + XML + b"Content-Encoding: gzip\r\n\r\n", gzip_bomb(1)),
}


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_a_body_that_is_too_large_is_given_up_at_the_limit(
    session: ClientSession, name: str
) -> None:
    met = await meet(session, TOO_MUCH[name])
    assert met.reason is FetchReason.TOO_LARGE, met.result
    assert met.sent <= MOST_READ
    assert met.memory <= MOST_MEMORY


async def test_what_is_packed_twice_is_not_unpacked_twice(session: ClientSession) -> None:
    """The inner layer is no feed then, and stays small."""
    met = await meet(session, saying(packed("gzip, gzip", nested_gzip(100))))
    assert not isinstance(met.result, Fetched) or len(met.result.body) < LIMITS.max_bytes
    assert met.memory <= MOST_MEMORY


NO_END: dict[str, Script] = {
    "no status line": dripping(b"", b"H"),
    "headers": dripping(OK, b"X: y\r\n"),
    "one header": dripping(OK + b"X-Long: ", b"y"),
    "a body": dripping(OK + XML + b"\r\n", b" "),
    "a body with a length": dripping(OK + XML + b"Content-Length: 999999\r\n\r\n", b" "),
    "chunks": dripping(OK + XML + CHUNKED + b"\r\n", b"1\r\n \r\n"),
    "the size of a chunk": dripping(OK + XML + CHUNKED + b"\r\n", b"0"),
    "an error page": dripping(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", b"\x1f"),
    "provisional answers": dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
}


@pytest.mark.parametrize("name", NO_END)
async def test_a_server_that_drips_is_given_up_in_time(session: ClientSession, name: str) -> None:
    met = await meet(session, NO_END[name], HURRY)
    assert met.reason in {FetchReason.TIMED_OUT, FetchReason.UNREACHABLE}, met.result
    assert met.sent <= 100_000
    assert met.memory <= MOST_MEMORY


NO_HTTP: dict[str, Script] = {
    "nothing": saying(),
    "a reset at once": resetting(),
    "a reset in the headers": resetting(OK + b"X-Half: "),
    "a reset in the body": resetting(OK + XML + b"Content-Length: 99\r\n\r\n<rss>"),
    "an end in the body": saying(OK + XML + b"Content-Length: 99\r\n\r\n<rss>"),
    "an end in a chunk": saying(OK + XML + CHUNKED + b"\r\nff\r\n<rss>"),
    "100,000 headers": saying(OK, *[b"X-Many: yes\r\n"] * 100_000, b"\r\n"),
    "a header of 1 MB": saying(OK, b"X-Long: ", MEGABYTE.replace(b" ", b"x"), b"\r\n\r\n"),
    "headers without end": endless(OK, b"X-Many: yes\r\n" * 1000),
    "a header without end": endless(OK + b"X-Long: ", MEGABYTE.replace(b" ", b"x")),
    "a status line without end": endless(b"HTTP/1.1 200 ", MEGABYTE.replace(b" ", b"x")),
    "a status that is none": saying(b"HTTP/1.1 twohundred OK\r\n\r\n"),
    "a status of 999999": saying(b"HTTP/1.1 999999 OK\r\n\r\n"),
    "another protocol": saying(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "HTTP/0.9": saying(b"<html><body>Hello</body></html>"),
    "a version of the future": saying(b"HTTP/9.9 200 OK\r\nContent-Length: 1\r\n\r\nx"),
    "NUL in a header": saying(OK + b"X-Nul: \x00\r\n\r\n"),
    "a length below zero": saying(OK + b"Content-Length: -1\r\n\r\nx"),
    "two lengths": saying(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    "a length and chunks": saying(
        OK + b"Content-Length: 1\r\n" + CHUNKED + b"\r\n1\r\nx\r\n0\r\n\r\n"
    ),
    "no size of a chunk": saying(OK + CHUNKED + b"\r\nmany\r\nx\r\n0\r\n\r\n"),
    "a huge chunk": saying(OK + CHUNKED + b"\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n"),
    "no gzip": saying(packed("gzip", b"<rss/>")),
    "no deflate": saying(packed("deflate", b"<rss/>")),
    "no brotli": saying(packed("br", b"<rss/>")),
}


@pytest.mark.parametrize("name", NO_HTTP)
async def test_what_is_no_http_is_a_failure_like_any_other(
    session: ClientSession, name: str
) -> None:
    met = await meet(session, NO_HTTP[name], replace(LIMITS, total=timedelta(seconds=5)))
    odd = isinstance(met.result, Fetched) and len(met.result.body) < 10
    assert met.reason in {FetchReason.UNREACHABLE, FetchReason.HTTP_ERROR} or odd, met.result
    assert met.sent <= MOST_READ
    assert met.memory <= MOST_MEMORY


async def test_tiny_chunks_without_end_are_given_up_at_the_limit(session: ClientSession) -> None:
    script = endless(OK + XML + CHUNKED + b"\r\n", b"1\r\n \r\n" * 1_000)
    met = await meet(session, script, replace(LIMITS, max_bytes=100_000))
    assert met.reason is FetchReason.TOO_LARGE, met.result
    assert met.sent <= 2_000_000
    assert met.memory <= MOST_MEMORY


async def test_half_a_gzip_is_no_more_than_its_half(session: ClientSession) -> None:
    met = await meet(session, saying(packed("gzip", gzip_bomb(1)[:500])))
    assert isinstance(met.result, Fetched)
    assert len(met.result.body) < 1_000_000


async def test_more_than_was_announced_is_never_taken_for_a_reply(session: ClientSession) -> None:
    met = await meet(session, saying(OK + XML + b"Content-Length: 6\r\n\r\n<rss/><evil/>"))
    assert met.reason is FetchReason.UNREACHABLE
    assert isinstance(met.result, FetchFailed)
    assert met.result.detail == "no HTTP: Bad status line"


@pytest.mark.parametrize(
    "kind",
    ["image/png", "application/octet-stream", "text/html; charset=" + "x" * 5000, "", "\xff"],
)
async def test_a_wrong_content_type_is_no_reason_to_read_more(
    session: ClientSession, kind: str
) -> None:
    head = OK + b"Content-Type: " + kind.encode("latin-1") + b"\r\n"
    assert isinstance((await meet(session, saying(head + b"\r\n<rss/>"))).result, Fetched)
    met = await meet(session, endless(head + b"\r\n", MEGABYTE))
    assert met.reason is FetchReason.TOO_LARGE


async def test_a_flood_of_cookies_is_forgotten(session: ClientSession) -> None:
    cookies = b"".join(b"Set-Cookie: c%d=%s\r\n" % (n, b"x" * 4000) for n in range(15))
    script = saying(OK + cookies + b"Content-Length: 6\r\n\r\n<rss/>")
    async with hostile_server(script) as server:
        await fetch(session, server.url, NOW, LIMITS)
        await fetch(session, server.url, NOW, LIMITS)
    assert len(session.cookie_jar) == 0


@pytest.mark.parametrize(
    "wait", [b"9" * 1000, b"-5", b"1e9", b"Fri, 31 Dec 9999 23:59:59 GMT", b"soon"]
)
async def test_an_absurd_wish_to_wait_is_no_more_than_a_wish(
    desk: PollingDesk, wait: bytes
) -> None:
    script = saying(b"HTTP/1.1 503 No\r\nRetry-After: " + wait + b"\r\nContent-Length: 0\r\n\r\n")
    async with hostile_server(script) as server:
        desk.feed = desk.feed.model_copy(update={"url": server.url})
        after = await desk.poll()
    assert after.next_due_at is not None
    assert after.next_due_at - desk.clock() <= timedelta(hours=27)


@pytest.mark.parametrize("target", ["/feed", "/feed?n={n}", "http://127.0.0.1:{port}/{n}"])
async def test_redirects_without_end_end_after_five(session: ClientSession, target: str) -> None:
    async def script(line: object) -> None:
        port = server.url.split(":")[2].partition("/")[0]
        to = target.format(n=server.visits, port=port)
        await line.say(  # type: ignore[attr-defined]
            f"HTTP/1.1 302 Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
        )

    async with hostile_server(script) as server:
        result = await fetch(session, server.url, NOW, LIMITS)
        assert isinstance(result, FetchFailed)
        assert (result.reason, result.detail) == (
            FetchReason.BAD_REDIRECT,
            "more than 5 redirects",
        )
        assert server.visits == 6


async def test_a_redirect_with_an_endless_body_is_followed_without_reading_it(
    session: ClientSession,
) -> None:
    async with serving(answering(body=b"<rss/>")) as good:
        head = f"HTTP/1.1 302 Go\r\nLocation: {good}/\r\n\r\n".encode()
        async with hostile_server(endless(head, MEGABYTE)) as server:
            result = await fetch(session, server.url, NOW, LIMITS)
            assert isinstance(result, Fetched)
            assert server.sent <= MOST_READ


@pytest.mark.parametrize("trouble", ["self-signed", "wrong host", "expired", "no TLS"])
async def test_a_certificate_in_trouble_is_a_tls_failure(tmp_path: Path, trouble: str) -> None:
    make = make_expired_certificate if trouble == "expired" else make_certificate
    certificate = make(tmp_path)
    trusted = None if trouble == "self-signed" else certificate.trusting()
    names = Names(localhost=[["127.0.0.1"]], other=[["127.0.0.1"]])
    host = "other.example" if trouble == "wrong host" else "localhost"
    tls = None if trouble == "no TLS" else certificate.serving()
    async with (
        new_session("test/1", allowed=LOOPBACK, resolver=names, tls=trusted) as session,
        serving(answering(body=b"<rss/>"), tls) as url,
    ):
        port = url.rpartition(":")[2]
        result = await fetch(session, f"https://{host}:{port}/", NOW, LIMITS)
        assert isinstance(result, FetchFailed)
        assert result.reason is FetchReason.TLS, result


@pytest.mark.parametrize(
    "name", ["nowhere.example", "a" * 64 + ".example", "xn--\u00fc.example", "-.example"]
)
async def test_a_name_that_leads_nowhere_is_a_failure_like_any_other(name: str) -> None:
    async with new_session("test/1", resolver=Names()) as session:
        result = await fetch(session, f"http://{name}/", NOW, LIMITS)
    assert isinstance(result, FetchFailed)
    assert result.reason is FetchReason.UNREACHABLE


@pytest.mark.parametrize(
    "name", ["a length of 50 MB", "headers without end", "a reset in the body", "HTTP/0.9"]
)
async def test_the_poller_goes_on_after_each(desk: PollingDesk, name: str) -> None:
    good = desk.feed
    async with hostile_server({**TOO_MUCH, **NO_HTTP}[name]) as server:
        desk.feed = good.model_copy(update={"id": "hostile", "url": server.url})
        after = await desk.poll()
        assert after.health.failures == 1
        assert after.next_due_at is not None
    desk.feed = good
    assert (await desk.poll()).health.failures == 0
    assert FEED_LIMITS.max_redirects == 5
