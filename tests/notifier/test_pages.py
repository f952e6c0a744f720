"""Signed links on a real endpoint: what everybody may see, and who may act."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import aiohttp
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.actions.pages import Pages
from services.notifier.actions.signed import Act, Grant, Links, grant_of, token_of
from services.notifier.render import offers_for, render_email, render_slack
from services.runtime.health import Health
from services.runtime.http import Routes, serve_endpoint
from services.runtime.metrics import Metrics
from services.store.database import Database, DatabaseUnavailableError
from tests.notifier.alerts import MASS_MENTION, NOW, ferry_alert, hostile_alert
from tests.notifier.linked_pages import Desk, desk, everything, kept, nothing
from tests.notifier.notices import told

ALERT = ferry_alert()
KEY = b"k" * 32
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GRANT = Grant(Act.UNSUBSCRIBE, ("desk", "jörg@desk.example"))


@pytest.fixture
async def at(database: Database) -> AsyncIterator[Desk]:
    await kept(database, ALERT)
    async with desk(database) as opened:
        yield opened


def test_a_token_grants_what_it_was_made_for_and_no_other_act() -> None:
    token = token_of(GRANT, KEY)
    assert grant_of(token, Act.UNSUBSCRIBE, KEY) == GRANT
    assert grant_of(token, Act.SILENCE, KEY) is None
    assert grant_of(token, Act.UNSUBSCRIBE, b"j" * 32) is None


def test_a_token_with_any_character_changed_left_out_or_added_grants_nothing() -> None:
    token = token_of(GRANT, KEY)
    for place in range(len(token)):
        for other in "AaZz09-_=!/ é":
            damaged = token[:place] + other + token[place + 1 :]
            assert damaged == token or grant_of(damaged, Act.UNSUBSCRIBE, KEY) is None
            assert grant_of(token[:place] + other + token[place:], Act.UNSUBSCRIBE, KEY) is None
        assert grant_of(token[:place] + token[place + 1 :], Act.UNSUBSCRIBE, KEY) is None
    for added in ("=", "==", "A", "\n", "A" * 10_000, "\ud800"):
        assert grant_of(token + added, Act.UNSUBSCRIBE, KEY) is None


@pytest.mark.parametrize("act", Act)
async def test_a_damaged_link_is_a_page_that_says_what_to_do(act: Act, at: Desk) -> None:
    for token in ("", "x", "%00", "a/b", "é", token_of(Grant(act, ("a", "b")), KEY)):
        answered = await at.get(f"{at.links.base}/{act.value}/{token}?a=b")
        assert answered.status == 404
        assert "copy the whole link" in answered.words


async def test_a_link_for_one_act_is_none_for_another(at: Desk) -> None:
    token = (at.links.unsubscribe("desk") or "").rpartition("/")[2]
    for act in (Act.ALERT, Act.SILENCE):
        assert (await at.get(f"{at.links.base}/{act.value}/{token}")).status == 404


async def test_a_message_that_is_not_kept_any_more_is_said_to_be_gone(at: Desk) -> None:
    for url in (at.links.alert("gone"), at.links.silence("desk", "gone")):
        assert (await at.get(url)).status == 410
    posted = await at.post(at.links.silence("desk", "gone"), data={"do": "silence"})
    assert posted.status == 410


def every_link_in(at: Desk, address: str) -> list[str]:
    """Each link of one's own installation in the forms in which the message is sent."""
    offers = offers_for(ALERT, at.links, address)
    mail = render_email(ALERT, NOW, offers)
    sent = f"{mail.text}{mail.html}{render_slack(ALERT, NOW, offers)}"
    return sorted(set(re.findall(re.escape(str(at.links.base)) + r"/[\w/-]+", sent)))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
async def test_following_every_link_of_a_message_changes_nothing(
    method: str, at: Desk, database: Database
) -> None:
    before = await everything(database)
    links = every_link_in(at, "ann@desk.example")
    assert len(links) == 3
    for link in links:
        for also in ("", "?do=unsubscribe&List-Unsubscribe=One-Click&do=silence"):
            answered = await at.get(link + also, method)
            assert answered.status == (200 if method in {"GET", "HEAD"} else 405)
    assert await everything(database) == before


async def test_head_is_answered_like_get_without_a_body(at: Desk) -> None:
    for url in every_link_in(at, ""):
        got, head = await at.get(url), await at.get(url, "HEAD")
        assert (head.status, head.body) == (got.status, "")
        assert head.headers["Content-Length"] == got.headers["Content-Length"]


async def test_every_answer_keeps_to_itself(at: Desk) -> None:
    urls = [*every_link_in(at, ""), f"{at.links.base}/alerts/x", str(at.links.alert("gone"))]
    answers = [await at.get(url) for url in urls]
    answers.append(await at.post(at.links.unsubscribe("desk"), False, data={"do": "unsubscribe"}))
    answers.append(await at.get(str(at.links.alert("x")), "DELETE"))
    for answered in answers:
        assert answered.headers["Cache-Control"] == "no-store"
        assert answered.headers["Referrer-Policy"] == "no-referrer"
        assert answered.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answered.headers["X-Content-Type-Options"] == "nosniff"
        if answered.status != 303:
            policy = answered.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "unsafe" not in policy


async def test_a_page_runs_no_script_and_loads_nothing(at: Desk) -> None:
    for url in every_link_in(at, ""):
        body = (await at.get(url)).body
        assert not re.search(
            r"<(script|img|link|iframe|object)|url\(|@import| on\w+=| style=", body
        )
        assert 'name="viewport"' in body


async def test_the_style_of_a_page_is_the_one_that_its_policy_allows(at: Desk) -> None:
    answered = await at.get(at.links.alert(ALERT.delivery_id))
    style = re.search(r"<style>(.*?)</style>", answered.body, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answered.headers["Content-Security-Policy"]


async def test_hostile_text_is_text_on_every_page(database: Database) -> None:
    hostile = hostile_alert().model_copy(update={"delivery_id": "hostile"})
    notice = told().model_copy(update={"title": '"><script>alert(1)</script>'})
    await kept(database, hostile, notice)
    async with desk(database) as at:
        links = (
            at.links.alert("hostile"),
            at.links.silence('"><script>alert(1)</script>', "hostile"),
            at.links.unsubscribe('"><script>alert(1)</script>', "<img src=x onerror=alert(1)>"),
            at.links.alert(notice.delivery_id),
        )
        for url in links:
            answered = await at.get(url)
            assert answered.status == 200
            assert "<script" not in answered.body
            assert "<img" not in answered.body
            assert "javascript:" not in answered.body
            assert "\u202e" not in answered.body
            assert len(answered.body) < 300_000
        assert MASS_MENTION in (await at.get(links[0])).words  # as text


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"data": b"do=unsubscribe&x=" + b"x" * 20_000, "headers": FORM}, 413),
        ({"data": b"do=unsubscribe", "headers": FORM | {"Content-Encoding": "gzip"}}, 415),
        ({"data": b"do=unsubscribe", "headers": {"Content-Type": "text/plain"}}, 400),
        ({"data": b"do=unsubscribe", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"json": {"do": "unsubscribe"}}, 400),
        ({"data": {"do": "everything"}}, 400),
        ({"data": "do=unsubscribe" + "&n=1" * 99, "headers": FORM}, 400),
        ({"data": b"\xff\x00%%%=&&;\r\n", "headers": FORM}, 400),
        ({}, 400),
    ],
    ids=[
        "too long",
        "packed",
        "plain",
        "no boundary",
        "json",
        "another",
        "many fields",
        "rubbish",
        "empty",
    ],
)
async def test_a_body_that_is_no_form_of_ours_changes_nothing(
    how: dict[str, Any], status: int, at: Desk, database: Database
) -> None:
    before = await everything(database)
    answered = await at.post(at.links.unsubscribe("desk"), **how)
    assert answered.status == status
    assert await everything(database) == before


class Away(Database):
    """A database that cannot be reached."""

    def __init__(self) -> None:
        """Connected to nothing."""

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        raise DatabaseUnavailableError("postgresql://secret-host/wire")
        yield

    write = read


async def test_while_the_database_is_away_a_page_asks_to_come_again() -> None:
    routes, metrics = Routes(), Metrics()
    Pages(Away(), lambda: NOW).serve(routes)
    health = Health(metrics)
    async with (
        serve_endpoint("127.0.0.1", 0, metrics, health, nothing, routes) as url,
        aiohttp.ClientSession() as client,
    ):
        at = Desk(client, Links(url, KEY))
        for answered in (
            await at.get(at.links.alert("x")),
            await at.post(at.links.unsubscribe("desk"), data={"do": "unsubscribe"}),
        ):
            assert answered.status == 503
            assert answered.headers["Retry-After"] == "30"
            assert "nothing was changed" in answered.words
            assert "secret-host" not in answered.body
