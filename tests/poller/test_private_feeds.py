"""A private feed's credentials go to its own server, for as long as they are good, and nowhere
else."""

import base64
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from schemas.article import Article
from schemas.folder import BasicAuth, FeedSpec, SecretRef
from services.poller.credentials import Access, access_of
from services.poller.fetch import FEED_LIMITS, fetch
from services.poller.replies import Fetched
from services.poller.session import new_session
from services.runtime.clock import utc_now
from services.runtime.netguard import LOOPBACK
from tests.notifier.certificates import make_certificate
from tests.poller.private_server import PrivateServer, private_server, proxy_to
from tests.poller.test_fetch import serving
from tests.poller.wire import BODY, PollingDesk

TOKEN = "tok-9f8e7d6c5b4a"
KEY = "key&=1 a2b3c4d5"
PASSWORD = "pass:wörd-7q8w9e"
REFS: dict[str, dict[str, Any]] = {
    "token": {"token": SecretRef(env="TOKEN")},
    "basic": {"basic": BasicAuth(username="me", password=SecretRef(env="PASSWORD"))},
    "header": {"headers": {"X-Api-Key": SecretRef(env="TOKEN"), "Accept-Language": "de"}},
    "query": {"query": {"key": SecretRef(env="KEY")}},
}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TOKEN": TOKEN, "KEY": KEY, "PASSWORD": PASSWORD}.items():
        monkeypatch.setenv(name, value)


def rss(*links: str, text: str = "A short report.") -> str:
    items = "".join(
        f"<item><guid>{n}</guid><title>News {n}</title><link>{link}</link>"
        f"<description>{text}</description></item>"
        for n, link in enumerate(links)
    ).replace("&", "&amp;")
    return f"<rss version='2.0'><channel><title>Private</title>{items}</channel></rss>"


def document(text: str, **headers: str) -> Any:
    return lambda _: web.Response(text=text, content_type="text/xml", headers=headers)


def page(_: web.Request) -> web.Response:
    text = "".join(f"<p>{line}</p>" for line in BODY)
    return web.Response(
        text=f"<html><body><article>{text}</article></body>", content_type="text/html"
    )


def redirect(to: str) -> Any:
    return lambda _: web.Response(status=302, headers={"Location": to})


_numbers = count()


def spec(url: str, **carried: Any) -> FeedSpec:
    """A feed of its own: what was remembered of others does not count."""
    return FeedSpec(id=f"private-{next(_numbers)}", url=url, **carried)


async def read(
    desk: PollingDesk, server: PrivateServer, feed: FeedSpec, text: str
) -> list[Article]:
    """What is published of a document that follows an empty one."""
    desk.feed = feed
    path = feed.url.removeprefix(server.url).partition("?")[0]
    server.answers[path] = document(rss())
    await desk.poll()
    server.answers[path] = document(text)
    desk.ahead += timedelta(minutes=20)
    await desk.poll()
    return list(await desk.published())


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        ("token", "Authorization", f"Bearer {TOKEN}"),
        ("basic", "Authorization", "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()),
        ("header", "X-Api-Key", TOKEN),
    ],
)
async def test_credentials_go_to_the_feed_and_to_pages_of_its_server(
    desk: PollingDesk, kind: str, header: str, value: str
) -> None:
    async with private_server() as server, private_server() as elsewhere:
        server.answers["/page"] = elsewhere.answers["/page"] = page
        text = rss(f"{server.url}/page", f"{elsewhere.url}/page")
        articles = await read(desk, server, spec(f"{server.url}/feed", **REFS[kind]), text)
        assert len(articles) == 2
        assert server.saw(header) == [value] * 3
        assert elsewhere.saw(header) == [None]
        assert len(server.robots) == len(elsewhere.robots) == 1
        assert header not in server.robots[0]


async def test_credentials_go_to_a_host_written_in_capitals(desk: PollingDesk) -> None:
    async with private_server() as server:
        server.answers["/feed"] = document(rss())
        url = server.url.replace("http://127.0.0.1", "HTTP://LocalHost")
        desk.feed = spec(f"{url}/feed", **REFS["token"])
        await desk.poll()
        assert server.saw("Authorization") == [f"Bearer {TOKEN}"]


async def test_words_beside_a_secret_are_words_of_the_news(
    desk: PollingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = f"session={TOKEN}; country=Germany; edition=europe"
    monkeypatch.setenv("COOKIE", cookie)
    async with private_server() as server:
        server.answers["/page"] = page
        feed = spec(f"{server.url}/feed", headers={"Cookie": SecretRef(env="COOKIE")})
        text = f"In Germany, {TOKEN}. So says europe."
        (article,) = await read(desk, server, feed, rss(f"{server.url}/page", text=text))
    assert article.summary == "In Germany, [secret]. So says europe."


async def test_keys_are_added_to_the_feeds_address_and_to_no_page(desk: PollingDesk) -> None:
    async with private_server() as server:
        server.answers["/page"] = page
        feed = spec(f"{server.url}/feed?n=1%2F2#top", **REFS["query"])
        await read(desk, server, feed, rss(f"{server.url}/page"))
        keyed = "/feed?n=1%2F2&key=key%26%3D1%20a2b3c4d5"
        assert [asked.path for asked in server.asked] == [keyed, keyed, "/page"]


@pytest.mark.parametrize("kind", REFS)
async def test_no_redirect_carries_credentials_to_another_server(
    desk: PollingDesk, kind: str
) -> None:
    async with private_server() as server, private_server() as elsewhere:
        server.answers["/feed"] = redirect(f"{elsewhere.url}/feed")
        server.answers["/here"] = redirect("/there")
        elsewhere.answers["/feed"] = server.answers["/there"] = document(rss())
        desk.feed = spec(f"{server.url}/feed", **REFS[kind])
        await desk.poll()
        assert server.asked
        (asked,) = elsewhere.asked
        assert asked.path == "/feed"
        assert {"Authorization", "X-Api-Key"}.isdisjoint(asked.headers)
        server.asked.clear()
        desk.feed = spec(f"{server.url}/here", **REFS[kind])
        await desk.poll()
        first, second = server.asked
        assert first.headers == second.headers
        assert ("key=" in first.path) is ("key=" in second.path) is (kind == "query")


async def test_a_redirect_that_would_tell_the_key_to_another_server_is_not_followed(
    desk: PollingDesk,
) -> None:
    async with private_server() as server, private_server() as elsewhere:
        server.answers["/feed"] = lambda request: web.Response(
            status=302, headers={"Location": f"{elsewhere.url}{request.raw_path}"}
        )
        desk.feed = spec(f"{server.url}/feed", **REFS["query"])
        after = await desk.poll()
        assert elsewhere.asked == []
        assert after.last_error == (
            "bad_redirect: a redirect that would tell the feed's secret to another server"
        )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "the variable TOKEN is not set or empty; set it to the secret"),
        ("", "the variable TOKEN is not set or empty; set it to the secret"),
        ("two\nlines9", "the variable TOKEN holds a line break or another character"),
    ],
)
async def test_a_secret_that_cannot_be_sent_is_a_failure_that_names_its_place(
    desk: PollingDesk, monkeypatch: pytest.MonkeyPatch, value: str | None, told: str
) -> None:
    if value is None:
        monkeypatch.delenv("TOKEN")
    else:
        monkeypatch.setenv("TOKEN", value)
    async with private_server() as server:
        server.answers["/feed"] = document(rss())
        desk.feed = spec(f"{server.url}/feed", **REFS["token"])
        failed = await desk.poll()
        assert server.asked == []
        assert (failed.last_error or "").startswith(f"bad_credentials: {told}")
        assert failed.next_due_at is not None
        monkeypatch.setenv("TOKEN", TOKEN)
        mended = await desk.poll(failed)
        assert mended.last_error is None
    polls = desk.metrics.polls.labels("bad_credentials")
    assert polls._value.get() == 1


async def test_a_secret_file_is_read_at_every_poll(desk: PollingDesk, tmp_path: Path) -> None:
    file = tmp_path / "token"
    async with private_server() as server:
        server.answers["/feed"] = document(rss())
        desk.feed = spec(f"{server.url}/feed", token=SecretRef(file=str(file)))
        failed = await desk.poll()
        assert str(file) in (failed.last_error or "")
        for value in ("first-secret", "second-secret"):
            file.write_text(value + "\n")
            await desk.poll()
        assert server.saw("Authorization") == ["Bearer first-secret", "Bearer second-secret"]


async def test_a_page_that_is_tried_again_gets_the_credentials(desk: PollingDesk) -> None:
    async with private_server() as server:
        server.answers["/page"] = lambda _: web.Response(status=500)
        feed = spec(f"{server.url}/feed", **REFS["token"])
        await read(desk, server, feed, rss(f"{server.url}/page"))
        server.answers["/page"] = page
        (retry,) = await desk.retries()
        await desk.poller.retry_page(desk.feed, retry)
        assert server.saw("Authorization") == [f"Bearer {TOKEN}"] * 4


@pytest.mark.parametrize("kind", [*REFS, "path", "parameter"])
async def test_what_a_feed_repeats_of_its_secrets_is_not_published(
    desk: PollingDesk, kind: str
) -> None:
    standing = {"path": "0a1b2c3d4e5f60718293a4b5", "parameter": "AbC123dEf456"}
    secret = standing.get(kind) or {"basic": PASSWORD, "query": KEY}.get(kind, TOKEN)
    quoted = secret.replace("&", "%26").replace("=", "%3D").replace(" ", "%20")
    path = {"path": f"/{secret}/feed", "parameter": f"/feed?api_key={secret}"}.get(kind, "/feed")
    async with private_server() as server:
        server.answers["/page"] = page
        links = (f"{server.url}/page?id=1&token={quoted}", f"{server.url}/{quoted}/page")
        text = rss(*links, text=f"It said {secret}.".replace("&", "&amp;"))
        feed = spec(f"{server.url}{path}", **REFS.get(kind, {}))
        articles = {a.title: a for a in await read(desk, server, feed, text)}
    assert articles["News 0"].url == f"{server.url}/page?id=1"
    assert articles["News 0"].text_reason.value == "page"
    assert articles["News 1"].url is None
    assert articles["News 1"].summary == "It said [secret]."
    assert secret not in str(articles)
    assert quoted not in str(articles)


async def test_the_word_of_an_address_is_no_secret(desk: PollingDesk) -> None:
    async with private_server() as server:
        server.answers["/politics"] = page
        feed = spec(f"{server.url}/politics/feed?key=politics&token=2024")
        (article,) = await read(
            desk, server, feed, rss(f"{server.url}/politics", text="On politics")
        )
    assert article.url == f"{server.url}/politics"
    assert article.summary == "On politics"


@pytest.mark.parametrize("named", ["plainly", "by reference"])
async def test_a_feed_and_its_pages_go_through_its_proxy(
    desk: PollingDesk, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    async with private_server() as server, proxy_to(int(server.url.rpartition(":")[2])) as proxy:
        server.answers["/page"] = page
        address = proxy.url
        if named == "by reference":
            address = address.replace("//", "//me:proxy-pass-1%2F2@")
            monkeypatch.setenv("PROXY", address)
        carried: dict[str, Any] = {
            "proxy": proxy.url if named == "plainly" else SecretRef(env="PROXY")
        }
        feed = spec("http://news.example/feed", **carried)
        server.answers["/feed"] = document(rss())
        desk.feed = feed
        await desk.poll()
        server.answers["/feed"] = document(rss("http://news.example/page"))
        await desk.poll()
        (article,) = await desk.published()
    assert article.text_reason.value == "page"
    assert server.saw("Host") == ["news.example"] * 3
    assert [headers["Host"] for headers in server.robots] == ["news.example"]
    login = base64.b64encode(b"me:proxy-pass-1/2").decode()
    assert proxy.heads
    for head in proxy.heads:
        assert (f"Proxy-Authorization: Basic {login}" in head) is (named == "by reference")
    assert server.saw("Authorization") == [None] * 3


async def test_a_proxy_may_be_private_and_what_it_is_sent_to_may_not(desk: PollingDesk) -> None:
    # 127.0.0.1 is allowed here, as tests need it; the others are not.
    async with private_server() as server, proxy_to(int(server.url.rpartition(":")[2])) as proxy:
        hosts = ("10.0.0.1", "169.254.169.254", "0x0a.1", "[fd00::1]", "[::ffff:10.0.0.1]")
        for host in hosts:
            desk.feed = spec(f"http://{host}/feed", proxy=proxy.url)
            after = await desk.poll()
            assert (after.last_error or "").startswith("refused_address"), host
        server.answers["/feed"] = redirect("http://192.168.0.1/")
        desk.feed = spec("http://news.example/feed", proxy=proxy.url)
        after = await desk.poll()
        assert (after.last_error or "").startswith("refused_address: 192.168.0.1 is a private")
        assert len(proxy.heads) == 1


async def test_a_proxy_on_a_private_address_is_opened_for_its_feed_alone(
    desk: PollingDesk,
) -> None:
    async with (
        private_server() as server,
        proxy_to(int(server.url.rpartition(":")[2]), "127.0.0.1") as proxy,
    ):
        desk.feed = spec("http://news.example/feed", proxy=proxy.url)
        server.answers["/feed"] = document(rss())
        assert (await desk.poll()).last_error is None


async def test_a_proxy_on_the_way_to_https_sees_its_own_login_and_no_other(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.extend(request.headers.values())
        return web.Response(text=request.headers["Authorization"])

    feed = spec("https://localhost/feed", proxy=SecretRef(env="PROXY"), **REFS["token"])
    async with (
        serving(answer, certificate.serving()) as url,
        proxy_to(int(url.rpartition(":")[2])) as proxy,
        # Nothing private is allowed: the proxy is opened because it is one.
        new_session("test/1", tls=certificate.trusting()) as session,
    ):
        env = {"PROXY": proxy.url.replace("//", "//me:proxy-pass-1@"), "TOKEN": TOKEN}
        access = access_of(feed, env)
        assert isinstance(access, Access)
        limits = replace(FEED_LIMITS, allowed=LOOPBACK)
        result = await fetch(session, feed.url, utc_now(), limits, access=access)
    assert isinstance(result, Fetched)
    assert result.body == f"Bearer {TOKEN}".encode()
    login = base64.b64encode(b"me:proxy-pass-1").decode()
    (head,) = proxy.heads
    assert head.startswith("CONNECT localhost:443 HTTP/1.1")
    assert f"Proxy-Authorization: Basic {login}" in head
    assert TOKEN not in head
    assert login not in str(seen)


async def test_what_a_feed_accepts_may_be_said_in_any_case(desk: PollingDesk) -> None:
    async with private_server() as server:
        server.answers["/feed"] = document(rss())
        desk.feed = spec(f"{server.url}/feed", headers={"accept": "text/xml", "user-agent": "me"})
        await desk.poll()
        (asked,) = server.asked
    sent = {name.lower(): value for name, value in asked.headers.items()}
    assert (sent["accept"], sent["user-agent"]) == ("text/xml", "me")


@pytest.mark.parametrize(
    ("url", "answer", "reason"),
    [
        ("https://news.example/feed", b"HTTP/1.1 407 No\r\n\r\n", "bad_credentials"),
        ("https://news.example/feed", b"HTTP/1.1 502 Bad\r\n\r\n", "unreachable"),
        ("https://news.example/feed", b"garbage\r\n\r\n", "unreachable"),
        ("http://news.example/feed", b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "forbidden"),
    ],
)
async def test_a_proxy_that_refuses_is_named_as_the_trouble(
    desk: PollingDesk, monkeypatch: pytest.MonkeyPatch, url: str, answer: bytes, reason: str
) -> None:
    async with proxy_to(1) as proxy:
        proxy.refuses = answer
        monkeypatch.setenv("PROXY", proxy.url.replace("//", "//me:proxy-pass-1@"))
        desk.feed = spec(url, proxy=SecretRef(env="PROXY"))
        after = await desk.poll()
    assert (after.last_error or "").startswith(reason), after.last_error
    assert "proxy-pass" not in (after.last_error or "")


async def test_secrets_are_in_no_text_of_what_carries_them() -> None:
    feed = spec("https://a.example/feed", **REFS["basic"], query={"key": SecretRef(env="KEY")})
    shown = repr(access_of(feed, {"PASSWORD": PASSWORD, "KEY": KEY}))
    assert PASSWORD not in shown
    assert KEY not in shown
