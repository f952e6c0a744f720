"""Everything fails in every way, with secrets in every place: nobody reads one anywhere.

Looked through are the log at debug level, the metrics, the database's file and every record
on the bus.
"""

import base64
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from aiohttp import web

from schemas.folder import BasicAuth, FeedSpec, SecretRef
from schemas.topics import TOPICS
from services.runtime import redact
from services.runtime.log import configure_logging
from services.runtime.redact import shown, shown_url
from tests.poller.private_server import Answer, PrivateServer, private_server, proxy_to
from tests.poller.wire import PollingDesk

SECRETS = {
    "TOKEN": "tok-Zq81mmX72p",
    "PASSWORD": "pa:ss/w0rd&5k3",
    "COOKIE": "session=cook13v4lue9",
    "KEY": "k3y+with sp4ce",
    "PROXY": "http://me:pr0xy-p4ss@127.0.0.1:1",
}
STANDING = "st4nd1ngParam77"
IN_PATH = "9c2f7be1a04d4cf0b1e2d3c4"
PARTS = (
    *SECRETS.values(),
    "cook13v4lue9",
    "pr0xy-p4ss",
    STANDING,
    IN_PATH,
    base64.b64encode(f"me:{SECRETS['PASSWORD']}".encode()).decode(),
)
SPELLINGS = {spelling for part in PARTS for spelling in (part, quote(part, safe=""))}


def _specs(url: str) -> list[FeedSpec]:
    address = f"{url}/{IN_PATH}/feed?api_key={STANDING}"
    login = BasicAuth(username="me", password=SecretRef(env="PASSWORD"))
    rest: dict[str, Any] = {
        "headers": {"Cookie": SecretRef(env="COOKIE")},
        "query": {"key": SecretRef(env="KEY")},
        "full_text": "always",
    }
    return [
        FeedSpec(id="with-token", url=address, token=SecretRef(env="TOKEN"), **rest),
        FeedSpec(id="with-login", url=address, basic=login, **rest),
    ]


def _echo(request: web.Request) -> str:
    """All that the server was told, as it was told and as it was meant."""
    sent = [f"{k}: {v}" for k, v in request.headers.items()]
    kind, _, login = request.headers.get("Authorization", "").partition(" ")
    meant = [request.path, *request.query.values()]
    if kind == "Basic":
        meant.append(base64.b64decode(login).decode())
    return " ".join((request.raw_path, *sent, *meant)).replace("\n", " ")


def _refusing(status: int) -> Answer:
    def answer(request: web.Request) -> web.StreamResponse:
        said = _echo(request).encode("ascii", "replace").decode()
        return web.Response(status=status, reason=said[:900], text=said)

    return answer


def _redirecting(to: str) -> Answer:
    def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=301, headers={"Location": f"{to}{request.raw_path}"})

    return answer


def _garbage(request: web.Request) -> web.StreamResponse:
    return web.Response(text=_echo(request), content_type="text/html")


def _entities(request: web.Request) -> web.StreamResponse:
    return web.Response(text=f'<!DOCTYPE a [<!ENTITY a "{_echo(request)}">]><rss/>')


def _broken_off(request: web.Request) -> web.StreamResponse:
    return web.Response(text="short", headers={"Content-Length": "99999"})


def _feed(request: web.Request) -> web.StreamResponse:
    said = _echo(request).replace("&", "&amp;").replace("<", "&lt;")
    raw = request.raw_path.replace("&", "&amp;")
    items = "".join(
        f"<item><guid>{link}#{said}</guid><title>{n} {said}</title><link>{link}</link>"
        f"<author>{said}</author><category>{said}</category><description>{said}</description></item>"
        for n, link in enumerate((f"/page?{raw.partition('?')[2]}", raw, f"/x#{said}", "/page"))
    )
    body = f"<rss version='2.0'><channel><title>{said}</title>{items}</channel></rss>"
    headers = {"ETag": f'"{request.headers["Authorization"]}"', "Last-Modified": request.raw_path}
    headers["Link"] = f"<{request.raw_path}>; rel=self, <https://hub.example/>; rel=hub"
    return web.Response(text=body, content_type="text/xml", headers=headers)


def _page(request: web.Request) -> web.StreamResponse:
    said = _echo(request).replace("&", "&amp;").replace("<", "&lt;")
    text = "".join(f"<p>Report {n}: the ships came back empty, said {said}.</p>" for n in range(9))
    head = f"<link rel='canonical' href='{request.raw_path.replace('&', '&amp;')}'>"
    page = f"<html><head>{head}</head><body><article><h1>{said}</h1>{text}</article></body></html>"
    return web.Response(text=page, content_type="text/html")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log as an operator gets it, with all that libraries say."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    stream, handlers = io.StringIO(), logging.getLogger().handlers[:]
    configure_logging("debug", "json", stream)
    logging.getLogger().setLevel(logging.DEBUG)
    yield stream
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


async def _everything(desk: PollingDesk, log: io.StringIO, folder: Path) -> str:
    records = [r for topic in TOPICS for r in await desk.bus.real.tail(topic, 9_999)]
    told = b"\n".join((record.value or b"") + (record.key or "").encode() for record in records)
    files = b"\n".join(p.read_bytes() for p in folder.glob("*.sqlite*"))  # noqa: ASYNC240
    found = (told + files + desk.metrics.exposition()).decode("utf-8", "replace")
    return found + log.getvalue()


async def _poll_all(desk: PollingDesk, server: PrivateServer, where: str) -> None:
    for feed in _specs(where):
        desk.feed = feed
        await desk.poll()
        await desk.poll()


def assert_clean(text: str) -> None:
    for spelling in SPELLINGS:
        place = text.find(spelling)
        assert place < 0, f"{spelling}: …{text[max(0, place - 200) : place + 80]}…"


FAILURES: dict[str, Answer] = {
    "401": _refusing(401),
    "403": _refusing(403),
    "404": _refusing(404),
    "410": _refusing(410),
    "429": _refusing(429),
    "500": _refusing(500),
    "garbage": _garbage,
    "entities": _entities,
    "broken off": _broken_off,
    "a feed": _feed,
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_server_that_repeats_everything_tells_nobody(
    desk: PollingDesk, log: io.StringIO, tmp_path: Path, failure: str
) -> None:
    async with private_server() as server:
        server.answers[f"/{IN_PATH}/feed"] = FAILURES[failure]
        server.answers["/page"] = _page
        await _poll_all(desk, server, server.url)
        assert len(server.asked) >= 4
        for retry in await desk.retries():
            await desk.poller.retry_page(desk.feed, retry)
        everything = await _everything(desk, log, tmp_path)
        assert "with-login" in everything
        assert_clean(_without_configured_addresses(everything, server.url))


def _without_configured_addresses(text: str, url: str) -> str:
    """The database has to know a feed's own address, as it stands in feeds.yaml."""
    return text.replace(f"{url}/{IN_PATH}/feed?api_key={STANDING}", "")


@pytest.mark.parametrize("to", ["elsewhere", "https", "loop", "private"])
async def test_redirects_tell_nobody(
    desk: PollingDesk, log: io.StringIO, tmp_path: Path, to: str
) -> None:
    async with private_server() as server, private_server() as elsewhere:
        targets = {"elsewhere": elsewhere.url, "loop": server.url, "private": "http://10.0.0.1"}
        target = targets.get(to, server.url.replace("http:", "https:"))
        server.answers[f"/{IN_PATH}/feed"] = _redirecting(target)
        await _poll_all(desk, server, server.url)
        assert elsewhere.asked == []
        everything = await _everything(desk, log, tmp_path)
        assert "poll failed" in everything
        assert_clean(_without_configured_addresses(everything, server.url))


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1", "https://127.0.0.1:1", "http://nowhere.invalid", "http://10.0.0.1"],
)
async def test_servers_that_cannot_be_reached_tell_nobody(
    desk: PollingDesk, log: io.StringIO, tmp_path: Path, url: str
) -> None:
    async with private_server() as server:
        await _poll_all(desk, server, url)
    everything = await _everything(desk, log, tmp_path)
    assert "poll failed" in everything
    assert_clean(_without_configured_addresses(everything, url))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 407 " + SECRETS["TOKEN"].encode() + b"\r\n\r\n",
        b"HTTP/1.1 502 " + SECRETS["PROXY"].encode() + b"\r\nContent-Length: 0\r\n\r\n",
        SECRETS["PROXY"].encode() + b"\r\n\r\n",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_proxies_that_fail_tell_nobody(
    desk: PollingDesk,
    log: io.StringIO,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    answer: bytes | None,
) -> None:
    url = f"{scheme}://news.example"
    async with proxy_to(1) as proxy:
        proxy.refuses = answer
        if answer is not None:
            monkeypatch.setenv("PROXY", proxy.url.replace("//", "//me:pr0xy-p4ss@"))
        for feed in _specs(url):
            desk.feed = feed.model_copy(update={"proxy": SecretRef(env="PROXY")})
            await desk.poll()
    everything = await _everything(desk, log, tmp_path)
    assert "poll failed" in everything
    assert_clean(_without_configured_addresses(everything, url))


async def test_a_bug_in_a_poll_tells_nobody(
    desk: PollingDesk, log: io.StringIO, tmp_path: Path
) -> None:
    async with private_server() as server:
        server.answers[f"/{IN_PATH}/feed"] = _refusing(500)
        await _poll_all(desk, server, server.url)
        desk.feed = _specs(server.url)[0].model_copy(update={"proxy": SecretRef(env="PROXY")})
        await desk.poll()
    try:
        raise RuntimeError(f"cannot read {server.url}/?key=abc with {' '.join(PARTS)!r}")
    except RuntimeError:
        structlog.get_logger().exception("a poll failed unexpectedly")
        logging.getLogger("aiohttp.client").exception("odd: %s", SECRETS)
    assert log.getvalue().count("[secret]") > 10
    assert "key=abc" not in log.getvalue()
    assert_clean(_without_configured_addresses(log.getvalue(), server.url))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://a.example/rss", "https://a.example/rss"),
        ("https://a.example/rss?page=2&lang=en", "https://a.example/rss?page=2&lang=en"),
        ("https://a.example/?key=abc&page=2", "https://a.example/?key=[secret]&page=2"),
        (
            "https://a.example/?x-api-key=a&feed_token=b",
            "https://a.example/?x-api-key=[secret]&feed_token=[secret]",
        ),
        ("https://a.example/?AUTH=a&monkey=b", "https://a.example/?AUTH=[secret]&monkey=b"),
        ("https://me:pass@a.example/rss", "https://[secret]@a.example/rss"),
        (
            "https://a.example/u/9c2f7be1a04d4cf0b1e2d3c4/rss.xml",
            "https://a.example/u/[secret]/rss.xml",
        ),
        (
            "https://a.example/0b5bd0b4-14c5-4a4e-9df4-1a2b3c4d5e6f.xml",
            "https://a.example/[secret].xml",
        ),
        (
            "https://a.example/2026/03/05/ten-dead-in-2-floods-of-2026",
            "https://a.example/2026/03/05/ten-dead-in-2-floods-of-2026",
        ),
        (
            "https://a.example/article/1234567890123456789012",
            "https://a.example/article/1234567890123456789012",
        ),
        ("http://[broken/?key=abc", "http://[broken/?key=[secret]"),
    ],
)
def test_an_address_is_shown_without_what_looks_like_a_secret(url: str, told: str) -> None:
    assert shown_url(url) == told


def test_a_known_secret_is_blotted_out_in_every_spelling() -> None:
    redact.never_show('a"b\\c d/é1')
    for spelling in ('a"b\\c d/é1', "a%22b%5Cc%20d%2F%C3%A91", 'a\\"b\\\\c d/\\u00e91'):
        assert shown(f"<{spelling}>") == "<[secret]>"
    redact.never_show("short")
    assert shown("short") == "short"
