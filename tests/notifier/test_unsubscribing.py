"""Leaving a subscription: by the page and by one click, kept whatever is applied."""

from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest
from structlog.testing import capture_logs

from schemas.notice import Notice, NoticeKind
from services.notifier.actions.form import fields_of
from services.store import notices, unsubscribed
from services.store.database import Database
from services.store.unsubscribed import Unsubscribed
from tests.notifier.alerts import NOW
from tests.notifier.judging import subscribe
from tests.notifier.linked_pages import Desk, desk

ANN = "Ann@desk.example"


@pytest.fixture
async def at(database: Database) -> AsyncIterator[Desk]:
    await subscribe(database, desk="all")
    async with desk(database) as opened:
        yield opened


async def left(database: Database) -> Sequence[Unsubscribed]:
    async with database.read() as tx:
        return await unsubscribed.listed(tx)


async def test_the_page_says_who_leaves_what_and_waits_for_the_button(
    at: Desk, database: Database
) -> None:
    shown = await at.get(at.links.unsubscribe("desk", ANN))
    assert f"{ANN} would be sent no more messages of the subscription desk" in shown.words
    assert await left(database) == []


async def test_the_page_of_a_whole_subscription_says_that_it_concerns_everybody(at: Desk) -> None:
    shown = await at.get(at.links.unsubscribe("desk"))
    assert "Nobody would be sent messages of the subscription desk any more" in shown.words


async def test_the_button_unsubscribes_confirms_and_is_logged(at: Desk, database: Database) -> None:
    url = at.links.unsubscribe("desk", ANN)
    with capture_logs() as logs:
        confirmed = await at.post(url, data={"do": "unsubscribe"})
    assert confirmed.status == 200
    assert f"{ANN} is sent no more messages of the subscription desk" in confirmed.words
    assert await left(database) == [Unsubscribed("desk", ANN.lower(), NOW, "page")]
    assert {
        "event": "unsubscribed",
        "subscription": "desk",
        "address": ANN,
        "how": "page",
        "log_level": "info",
    } in logs


async def test_the_operator_is_told_once_that_nobody_is_left(at: Desk, database: Database) -> None:
    await at.post(at.links.unsubscribe("desk", ANN), data={"do": "unsubscribe"})
    for _ in range(2):
        await at.post(at.links.unsubscribe("desk"), data={"List-Unsubscribe": "One-Click"})
    async with database.read() as tx:
        (stored,) = await notices.recent(tx, 9)
    notice = Notice.decode(stored.notice)
    assert (notice.kind, notice.subscription) == (NoticeKind.UNSUBSCRIBED, "desk")


async def test_a_page_that_is_loaded_again_asks_for_nothing_again(at: Desk) -> None:
    posted = await at.post(at.links.unsubscribe("desk", ANN), False, data={"do": "unsubscribe"})
    assert (posted.status, posted.body) == (303, "")
    assert posted.headers["Location"] == (at.links.unsubscribe("desk", ANN) or "").split("/")[-1]


async def test_the_same_page_brings_one_back(at: Desk, database: Database) -> None:
    url = at.links.unsubscribe("desk", ANN)
    left_page = await at.post(url, data={"do": "unsubscribe"})
    assert "Subscribe again" in left_page.words
    back = await at.post(url, data={"do": "return"})
    assert "Unsubscribe from desk?" in back.words
    assert await left(database) == []


async def test_one_click_as_a_form_unsubscribes_without_a_redirect(
    at: Desk, database: Database
) -> None:
    """The example of RFC 8058, section 8.1, as mail programs send it."""
    answered = await at.post(
        at.links.unsubscribe("desk", ANN),
        False,
        data=b"List-Unsubscribe=One-Click",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answered.status == 200
    assert [row.how for row in await left(database)] == ["one-click"]


async def test_one_click_as_multipart_unsubscribes(at: Desk, database: Database) -> None:
    """RFC 8058, section 3.2: the body may come as multipart/form-data."""
    with aiohttp.MultipartWriter("form-data", "----FormBoundaryjWmhtjORrn") as form:
        part = form.append("One-Click", {})
        part.set_content_disposition("form-data", name="List-Unsubscribe")
    answered = await at.post(at.links.unsubscribe("desk", ANN), False, data=form)
    assert answered.status == 200
    assert [row.address for row in await left(database)] == [ANN.lower()]


async def test_one_click_again_changes_nothing(at: Desk, database: Database) -> None:
    url = at.links.unsubscribe("desk", ANN)
    for _ in range(2):
        answered = await at.post(url, data={"List-Unsubscribe": "One-Click"})
        assert answered.status == 200
    assert len(await left(database)) == 1


async def test_a_configuration_that_is_applied_again_brings_nobody_back(
    at: Desk, database: Database
) -> None:
    await at.post(at.links.unsubscribe("desk", ANN), data={"do": "unsubscribe"})
    await subscribe(database, desk={"ids": ["other"]})
    assert len(await left(database)) == 1


async def test_one_leaves_a_subscription_also_where_all_of_it_is_left_or_gone(
    at: Desk, database: Database
) -> None:
    await at.post(at.links.unsubscribe("desk"), data={"do": "unsubscribe"})
    shown = await at.get(at.links.unsubscribe("desk", ANN))
    assert "somebody has unsubscribed all of it" in shown.words
    await at.post(at.links.unsubscribe("desk", ANN), data={"do": "unsubscribe"})
    gone = await at.post(at.links.unsubscribe("former", ANN), data={"do": "unsubscribe"})
    assert "not in the configuration any more" in gone.words
    assert [(row.subscription_id, row.address) for row in await left(database)] == [
        ("desk", ""),
        ("desk", ANN.lower()),
        ("former", ANN.lower()),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\nContent-Disposition: form-data; name*)*\r\n\r\nv\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: ], %;\xe9-t(\t:t*)*\r\n\r\nv\r\n--b--\r\n",
        b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 150,
    ],
)
def test_a_body_that_nobody_can_read_has_no_fields(body: bytes) -> None:
    assert fields_of("multipart/form-data; boundary=b", body) in ({}, {"": "v"})
