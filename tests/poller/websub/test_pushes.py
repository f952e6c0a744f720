"""What comes to a callback: pushes that count, and everything else somebody may send."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from services.bus.port import Bus
from services.poller.pages import TextWorkers
from services.runtime.settings import Settings
from services.store.database import Database
from services.store.websub import HubState
from tests.poller.websub.desk import HOUR, RARELY, PushDesk, push_desk
from tests.poller.wire import Wire
from tests.servers.faults import CrashedError
from tests.servers.hub_double import Heard, HubDouble, signed

SMALL = Settings(feed_max_bytes=20_000)


@pytest.fixture
async def desk(
    wire: Wire, hub: HubDouble, bus: Bus, database: Database, text_workers: TextWorkers
) -> AsyncIterator[PushDesk]:
    """A desk at work, subscribed and polled once."""
    async with push_desk(wire, hub, bus, database, text_workers, settings=SMALL) as opened:
        await opened.configure()
        async with opened.at_work():
            await opened.until_active()
            await hub.until_subscribed()
            yield opened


async def nothing_was_published(desk: PushDesk) -> bool:
    """Whether a push sent later is the first that is published."""
    desk.wire.publish("marker")
    assert await desk.hub.push(desk.wire.document("marker")) == 202
    await desk.until_published("marker")
    return await desk.titles() == ["News of marker"]


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_every_method_of_signing_is_understood(desk: PushDesk, method: str) -> None:
    desk.wire.publish("ferry")
    assert await desk.hub.push(desk.wire.document("ferry"), method=method) == 202
    await desk.until_published("ferry")


@pytest.mark.parametrize(
    ("signature", "outcome"),
    [
        (None, "unsigned"),
        ("", "unsigned"),
        ("sha256=" + "0" * 64, "forged"),
        ("md5=" + hashlib.md5(b"").hexdigest(), "forged"),
        (signed(b"something else", "no secret"), "forged"),
    ],
)
async def test_a_push_without_the_secret_is_taken_note_of_and_not_taken(
    desk: PushDesk, signature: str | None, outcome: str
) -> None:
    desk.wire.publish("forged")
    headers = {"X-Hub-Signature": signature}
    assert await desk.hub.push(desk.wire.document("forged"), headers=headers) == 202
    assert desk.counted("pushes_total", outcome=outcome) == 1
    assert await nothing_was_published(desk)


async def test_a_genuine_signature_of_another_document_is_of_no_use(desk: PushDesk) -> None:
    desk.wire.publish("forged")
    body = desk.wire.document("forged")
    stolen = signed(b"<rss/>", desk.hub.subscriber.form["hub.secret"])
    assert await desk.hub.push(body, headers={"X-Hub-Signature": stolen}) == 202
    assert desk.counted("pushes_total", outcome="forged") == 1
    assert await nothing_was_published(desk)


async def test_a_push_that_comes_twice_is_published_once(desk: PushDesk) -> None:
    desk.wire.publish("ferry")
    body = desk.wire.document("ferry")
    assert [await desk.hub.push(body), await desk.hub.push(body)] == [202, 202]
    await desk.until_counted("pushes_total", outcome="known")
    assert await desk.titles() == ["News of ferry"]


async def test_many_pushes_at_once_are_taken_and_nothing_is_left_to_polls(
    desk: PushDesk,
) -> None:
    slugs = [f"s{n}" for n in range(6)]
    for slug in slugs:
        desk.wire.publish(slug)

    async def push(slug: str) -> None:
        while (await desk.hub.push(desk.wire.document(slug))) == 503:
            pass  # a hub that comes with too many at once comes again

    await asyncio.gather(*(push(slug) for slug in slugs))
    await desk.until_published(*slugs)

    async def settled() -> bool:
        found = await desk.subscription()
        return found is not None and found.poll_at is None and found.streak >= len(slugs)

    await desk.until(settled, "the end of all pushes")


async def test_a_push_with_what_is_no_feed_makes_the_feed_be_polled(desk: PushDesk) -> None:
    desk.wire.publish("ferry")
    desk.ahead = 2 * HOUR
    assert await desk.hub.push("<html>", headers={"Content-Type": "text/html"}) == 202
    await desk.until_counted("pushes_total", outcome="unreadable")
    await desk.until_published("ferry")


async def test_a_push_that_only_says_that_there_is_news_makes_the_feed_be_polled(
    desk: PushDesk,
) -> None:
    desk.wire.publish("ferry")
    assert await desk.hub.push(b"") == 202
    await desk.until_counted("pushes_total", outcome="ping")
    assert await desk.titles() == []  # the feed was polled just now: not again so soon

    async def promised() -> bool:
        """As of now: not of the moment after the clock was moved."""
        found = await desk.subscription()
        return found is not None and found.poll_at is not None and found.poll_at <= desk.clock()

    await desk.until(promised, "the promise of a poll")
    desk.ahead = HOUR
    await desk.until_published("ferry")

    async def kept() -> bool:
        found = await desk.subscription()
        return found is not None and found.poll_at is None

    await desk.until(kept, "the promise to be kept")
    assert desk.counted("missed_total") == 0


async def test_a_push_while_the_bus_is_away_is_made_up_for_by_a_poll(desk: PushDesk) -> None:
    desk.wire.publish("ferry")
    desk.bus.room = 0
    assert await desk.hub.push(desk.wire.document("ferry")) == 202
    await desk.until_counted("pushes_total", outcome="polled")
    desk.bus.room = None
    desk.ahead = HOUR
    await desk.until_published("ferry")


async def test_a_push_while_the_database_is_away_is_to_come_again(desk: PushDesk) -> None:
    desk.wire.publish("ferry")
    desk.database.away = True
    assert await desk.hub.push(desk.wire.document("ferry")) == 503
    desk.database.away = False
    assert await desk.hub.push(desk.wire.document("ferry")) == 202
    await desk.until_published("ferry")


async def test_a_push_that_cannot_be_promised_is_to_come_again(desk: PushDesk) -> None:
    desk.wire.publish("ferry")
    desk.database.fail_writes = True
    assert await desk.hub.push(desk.wire.document("ferry")) == 503
    desk.database.fail_writes = False
    assert await nothing_was_published(desk)


@pytest.mark.parametrize("dies", ["before the bus has it", "before it is remembered", "after"])
async def test_a_process_that_dies_while_it_takes_a_push_polls_after_its_restart(
    desk: PushDesk, bus: Bus, database: Database, text_workers: TextWorkers, dies: str
) -> None:
    desk.wire.publish("ferry")
    desk.wire.held = asyncio.Event()  # the page: the promise is made when it is asked for
    assert await desk.hub.push(desk.wire.document("ferry")) == 202
    desk.bus.error = desk.database.error = CrashedError()
    desk.bus.room = 0 if dies.endswith("bus has it") else None
    desk.database.fail(*range(1, 999), after_commit=dies == "after")
    desk.wire.held.set()
    await desk.until_counted("pushes_total", outcome="bug")
    soon = replace(RARELY.schedule, min_interval=timedelta(milliseconds=1))
    policy = replace(RARELY, schedule=soon)
    async with (
        push_desk(desk.wire, desk.hub, bus, database, text_workers, policy) as again,
        again.at_work(),  # neither the feed nor the promise is due
    ):
        await again.until_published("ferry")
        await again.until_polled(1 if dies == "after" else 2)
    assert set(await desk.titles()) == {"News of ferry"}


async def test_a_push_over_the_limit_is_turned_away_as_soon_as_it_is(desk: PushDesk) -> None:
    for body in (b"x" * 20_001, _dripping(b"x" * 1_000, 1_000)):
        to = desk.hub.subscriber.callback
        async with desk.hub.client.post(to, data=body) as reply:
            assert reply.status == 413
    assert desk.counted("pushes_total", outcome="too_large") == 2
    assert await nothing_was_published(desk)


async def _dripping(piece: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield piece


async def test_a_packed_push_is_turned_away_before_it_is_unpacked(desk: PushDesk) -> None:
    headers = {"Content-Encoding": "gzip"}
    assert await desk.hub.push(b"\x1f\x8b", headers=headers) == 415


async def test_a_push_that_breaks_off_is_no_push(desk: PushDesk) -> None:
    place = urlsplit(desk.hub.subscriber.callback)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(
        f"POST {place.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n<rss>".encode()
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    del reader
    await desk.until_counted("pushes_total", outcome="broken_off")
    assert await nothing_was_published(desk)


async def test_a_hub_that_sends_slowly_keeps_only_itself_waiting(desk: PushDesk) -> None:
    place = urlsplit(desk.hub.subscriber.callback)
    head = f"POST {place.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n<"
    slow = []

    async def busy() -> bool:
        slow.append((await asyncio.open_connection(place.hostname, place.port))[1])
        slow[-1].write(head.encode())
        await slow[-1].drain()
        return await desk.hub.push(b"<rss/>") == 503

    await desk.until(busy, "the callback to be busy")
    assert len(slow) < 9  # two are read at a time, and there is room for those of others
    heard = await desk.hub.get(f"{desk.url}/healthz", {})
    assert heard.status == 200
    for writer in slow:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "path", ["", "x", "a" * 43, "a" * 44, "../metrics", "%00" * 43, "é" * 43, "a" * 43 + "/b"]
)
async def test_a_callback_that_never_was_is_unknown(desk: PushDesk, path: str) -> None:
    callback = f"{desk.url}/websub/{path}"
    asked = {"hub.mode": "subscribe", "hub.topic": "t", "hub.challenge": "c"}
    heard = await desk.hub.get(callback, asked)
    if "metrics" not in path:  # the client has made /metrics of it
        assert (heard.status, heard.body) == (404, "")
        assert await desk.hub.push(b"<rss/>", desk.hub.subscriber.at(callback)) == 404


async def test_other_methods_are_not_allowed(desk: PushDesk) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        async with desk.hub.client.request(method, desk.hub.subscriber.callback) as reply:
            assert reply.status == 405


# Questions


async def question(desk: PushDesk, **changes: str) -> Heard:
    return await desk.hub.verify(desk.hub.asked[-1], **changes)


async def test_a_confirmation_is_no_page_that_a_browser_would_run(
    desk: PushDesk, hub: HubDouble
) -> None:
    hub.verifies = False
    desk.ahead = timedelta(days=9)
    await hub.until_asked(2)
    await desk.until_state(HubState.RENEWING)
    heard = await question(desk, challenge="<script>alert(1)</script>")
    assert (heard.status, heard.body) == (200, "<script>alert(1)</script>")
    assert heard.headers["Content-Type"].startswith("text/plain")
    assert heard.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "https://elsewhere.example/"},
        {"mode": "unsubscribe"},
        {"mode": ""},
        {"challenge": ""},
        {"challenge": "c" * 1_001},
        {"challenge": "a\r\nSet-Cookie: x"},
        {"challenge": "\x00"},
    ],
)
async def test_what_was_not_asked_for_is_not_confirmed(
    desk: PushDesk, hub: HubDouble, changes: dict[str, str]
) -> None:
    hub.verifies = False
    desk.ahead = timedelta(days=9)
    await hub.until_asked(2)
    await desk.until_state(HubState.RENEWING)
    heard = await question(desk, **changes)
    assert (heard.status, heard.body) == (404, "")
    assert desk.counted("questions_total", answer="not_meant") == 1
    await desk.until_state(HubState.RENEWING)


async def test_a_question_that_was_answered_is_not_answered_again(desk: PushDesk) -> None:
    heard = await question(desk)
    assert heard.status == 404


@pytest.mark.parametrize(("said", "days"), [("", 1), ("nonsense", 1), ("1", 0), ("9" * 9, 30)])
async def test_a_hub_may_say_what_it_likes_of_the_lease(
    desk: PushDesk, hub: HubDouble, said: str, days: int
) -> None:
    hub.verifies = False
    desk.ahead = timedelta(days=9)
    await hub.until_asked(2)
    await desk.until_state(HubState.RENEWING)
    assert (await question(desk, lease_seconds=said)).status == 200
    active = await desk.until_active()
    assert active.lease_until is not None
    assert timedelta(days=days) <= active.lease_until - desk.clock() + timedelta(minutes=1)
    assert active.lease_until - desk.clock() <= timedelta(days=days, minutes=5)


async def test_a_question_while_the_database_is_away_is_to_be_asked_again(
    desk: PushDesk, hub: HubDouble
) -> None:
    hub.verifies = False
    desk.ahead = timedelta(days=9)
    await hub.until_asked(2)
    await desk.until_state(HubState.RENEWING)
    desk.database.away = True
    assert (await question(desk)).status == 503
    desk.database.away = False
    assert (await question(desk)).status == 200
    await desk.until_active()
