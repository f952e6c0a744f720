"""A site's robots.txt decides which of its pages are read; what it does not say is allowed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from schemas.article import TextReason
from services.poller.articles import NoPageText, PageText
from services.poller.fetch import PAGE_LIMITS
from services.poller.pages import TextWorkers
from services.poller.reading import PageReader
from services.poller.replies import Fetched, FetchFailed, FetchReason, FetchResult, ReplyHeaders
from services.poller.robots import Disallowed, Robots, Rules, Unknown, rules_from, with_few_agents
from services.poller.session import new_session
from services.runtime.metrics import Metrics
from services.runtime.netguard import LOOPBACK

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SENTENCE = "Ships left the harbour at noon and came back empty, the harbour master said."
PAGE = f"<html><body><article>{f'<p>{SENTENCE}</p>' * 9}</article></body></html>"


@dataclass
class Site:
    """A host with a robots.txt and pages; `/moved` leads to `/private/page`."""

    url: str = ""
    robots: str | bytes = ""
    status: int = 200
    asked: list[str] = field(default_factory=list)
    now: datetime = NOON

    def clock(self) -> datetime:
        return self.now

    def asked_for_robots(self) -> int:
        return self.asked.count("/robots.txt")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == "/robots.txt":
            text = self.robots if isinstance(self.robots, bytes) else self.robots.encode()
            return web.Response(body=text, status=self.status)
        if request.path == "/article":
            raise web.HTTPFound("/consent?return=/article")
        if request.path == "/moved":
            raise web.HTTPFound("/private/page")
        return web.Response(text=PAGE, content_type="text/html")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    opened = Site()
    app = web.Application()
    app.router.add_get("/{path:.*}", opened.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    opened.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield opened
    await runner.cleanup()


@pytest.fixture
async def robots(site: Site) -> AsyncIterator[Robots]:
    async with new_session("Wirewatch/1.0", allowed=LOCAL) as session:
        yield Robots(session, LIMITS, site.clock, most_bytes=100_000)


@pytest.fixture
async def reader(site: Site, text_workers: TextWorkers) -> AsyncIterator[PageReader]:
    async with new_session("Wirewatch/1.0", allowed=LOCAL) as session:
        yield PageReader(session, text_workers, LIMITS, Metrics(), site.clock)


LIMITS = replace(PAGE_LIMITS, total=timedelta(seconds=10))
LOCAL = LOOPBACK


@pytest.mark.parametrize(
    "text",
    [
        "User-agent: *\nDisallow: /private/",
        "User-agent: wirewatch\nDisallow: /private/\n\nUser-agent: *\nDisallow:",
        "User-Agent: Other\nUser-Agent: Wirewatch\nDisallow: /*ate/page$",
        "\ufeffuser-agent:*\r\ndisallow:/private\r\n",
        "User-agent: *\nDisallow: /\nAllow: /public/",
    ],
)
async def test_what_is_disallowed_for_us_is_not_read(site: Site, robots: Robots, text: str) -> None:
    site.robots = text
    assert await robots.refusal(f"{site.url}/private/page") == Disallowed()
    assert await robots.refusal(f"{site.url}/public/page") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "User-agent: Other\nDisallow: /",
        "User-agent: *\nDisallow: /\n\nUser-agent: Wirewatch\nAllow: /",
        "<html><body>Not found, but with status 200. Disallow: /</body></html>",
        b"\x00\xff\xfe" * 500,
        "User-agent: *\nCrawl-delay: 3600",
    ],
)
async def test_what_is_not_disallowed_for_us_is_allowed(
    site: Site, robots: Robots, text: str | bytes
) -> None:
    site.robots = text
    assert await robots.refusal(f"{site.url}/private/page?a=b#c") is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_site_without_robots_allows_everything(
    site: Site, robots: Robots, status: int
) -> None:
    site.robots, site.status = "User-agent: *\nDisallow: /", status
    assert await robots.refusal(f"{site.url}/private/page") is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, FetchReason.HTTP_ERROR),
        (503, FetchReason.RATE_LIMITED),
        (429, FetchReason.RATE_LIMITED),
    ],
)
async def test_while_a_site_cannot_say_nothing_of_it_is_read(
    site: Site, robots: Robots, status: int, reason: FetchReason
) -> None:
    site.status = status
    assert await robots.refusal(f"{site.url}/public/page") == Unknown(reason)
    site.status = 200
    site.now += timedelta(minutes=1)
    assert await robots.refusal(f"{site.url}/public/page") is None


async def test_robots_is_asked_for_once_a_day_and_host(site: Site, robots: Robots) -> None:
    pages = [f"{site.url}/public/{n}" for n in range(20)]
    assert await asyncio.gather(*map(robots.refusal, pages)) == [None] * 20
    assert site.asked_for_robots() == 1
    site.now += timedelta(hours=25)
    assert await robots.refusal(pages[0]) is None
    assert site.asked_for_robots() == 2


async def test_what_is_kept_is_bounded_and_what_was_forgotten_is_asked_again(
    site: Site, robots: Robots
) -> None:
    site.robots = "User-agent: *\nDisallow: /private/\n" + "# padding\n" * 2_000
    other = site.url.replace("127.0.0.1", "127.0.0.2")
    assert await robots.refusal(f"{site.url}/private/page") == Disallowed()
    assert await robots.refusal(f"{other}/x") is not None  # nobody listens there
    assert await robots.refusal(f"{site.url}/private/page") == Disallowed()
    assert site.asked_for_robots() == 1
    for padding in range(3_000, 3_002):
        site.robots = "User-agent: *\nDisallow: /private/\n" + "# padding\n" * padding
        site.now += timedelta(hours=25)
        assert await robots.refusal(f"{site.url}/private/page") == Disallowed()
    assert len(robots._known) == 1


async def test_only_the_first_half_megabyte_counts(site: Site, robots: Robots) -> None:
    site.robots = "# long\n" * 100_000 + "User-agent: *\nDisallow: /"
    assert await robots.refusal(f"{site.url}/public/page") is None


async def test_a_page_that_is_disallowed_is_not_asked_for(site: Site, reader: PageReader) -> None:
    site.robots = "User-agent: *\nDisallow: /private/"
    assert await reader.read(f"{site.url}/private/page") == NoPageText(TextReason.DISALLOWED)
    assert "/private/page" not in site.asked
    assert isinstance(await reader.read(f"{site.url}/public/page"), PageText)


async def test_a_redirect_to_a_disallowed_page_is_not_read(site: Site, reader: PageReader) -> None:
    site.robots = "User-agent: *\nDisallow: /private/"
    assert await reader.read(f"{site.url}/moved") == NoPageText(TextReason.DISALLOWED)


async def test_a_page_that_asks_for_consent_is_not_taken_for_the_article(
    site: Site, reader: PageReader
) -> None:
    assert await reader.read(f"{site.url}/article") == NoPageText(TextReason.NO_TEXT)


async def test_where_robots_is_unreachable_the_page_is_worth_another_try(
    site: Site, reader: PageReader
) -> None:
    site.status = 500
    page = await reader.read(f"{site.url}/public/page")
    assert page == NoPageText(TextReason.HTTP_ERROR)
    assert page.worth_another_try
    assert "/public/page" not in site.asked


def test_many_agents_over_many_rules_do_not_multiply() -> None:
    agents = [f"User-agent: bot{n}" for n in range(15_000)]
    text = "\n".join([*agents, "User-Agent: *", *["Disallow: /x"] * 15_000])
    few = with_few_agents(text)
    assert {line for line in few.splitlines() if "x" not in line} == {
        "User-agent: somebody-else",
        "User-agent: *",
    }
    checker = at(0, fetched(text), None).checker
    assert checker is not None
    assert not checker.can_fetch("http://x.example/x", "Wirewatch")
    assert checker.can_fetch("http://x.example/y", "Wirewatch")


def fetched(text: str) -> Fetched:
    return Fetched(200, text.encode(), ReplyHeaders(), "http://x.example/robots.txt")


def at(hours: float, answer: FetchResult, before: Rules | None) -> Rules:
    return rules_from(answer, before, NOON + timedelta(hours=hours))


DOWN = FetchFailed(FetchReason.HTTP_ERROR, "answered 500", 500)


def test_known_rules_stay_in_force_while_the_site_is_down() -> None:
    before = at(0, fetched("User-agent: *\nDisallow: /private/"), None)
    after = at(24, DOWN, at(24, DOWN, before))
    assert after.checker is before.checker is not None
    assert after.unreachable is None
    assert after.until < NOON + timedelta(hours=24, minutes=1)
    again = at(25, fetched(""), after)
    assert again.failing_since is None
    assert again.until == NOON + timedelta(hours=49)


def test_a_site_that_cannot_say_for_a_month_is_read_as_if_it_had_no_rules() -> None:
    first = at(0, DOWN, None)
    assert at(29 * 24, DOWN, first).unreachable is FetchReason.HTTP_ERROR
    given_up = at(30 * 24, DOWN, first)
    assert (given_up.unreachable, given_up.checker) == (None, None)
    assert at(30 * 24 + 1, DOWN, given_up).unreachable is None


@pytest.mark.parametrize("reason", [FetchReason.BAD_REDIRECT, FetchReason.FORBIDDEN])
def test_a_redirect_that_leads_nowhere_is_no_rule(reason: FetchReason) -> None:
    assert at(0, FetchFailed(reason, "…", 302), None).unreachable is None


@pytest.mark.parametrize("reason", [FetchReason.TIMED_OUT, FetchReason.TLS, FetchReason.TOO_LARGE])
def test_what_cannot_be_read_is_unknown(reason: FetchReason) -> None:
    assert at(0, FetchFailed(reason, "…"), None).unreachable is reason
