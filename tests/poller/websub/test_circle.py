"""From a feed that names a hub to an article that the hub pushed, and on through the years."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.bus.port import Bus
from services.poller.pages import TextWorkers
from services.store import websub
from services.store.database import Database
from services.store.websub import HubState, Subscription
from tests.poller.websub.desk import PushDesk, push_desk
from tests.poller.wire import Wire
from tests.servers.faults import CrashedError
from tests.servers.hub_double import HubDouble

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


async def test_what_a_hub_pushes_is_published_without_a_poll(desk: PushDesk) -> None:
    async with desk.at_work():
        await desk.hub.until_subscribed()
        await desk.until_active()
        desk.wire.publish("ferry")
        assert await desk.hub.push(desk.wire.document("ferry")) == 202
        await desk.until_published("ferry")
        await desk.until_counted("pushes_total", outcome="new")
    assert len(desk.wire.polls()) == 1
    assert await desk.titles() == ["News of ferry"]
    after = await desk.subscription()
    assert after is not None
    assert (after.poll_at, after.streak) == (None, 1)  # no poll has to make up for it


async def test_the_request_to_a_hub_says_what_websub_wants(desk: PushDesk) -> None:
    async with desk.at_work():
        await desk.hub.until_subscribed()
    (asked,) = desk.hub.asked
    assert (asked.path, asked.mode) == ("/hub", "subscribe")
    assert asked.form["hub.topic"] == f"{desk.wire.url}/feeds/wire"
    assert asked.form["hub.lease_seconds"] == "864000"
    assert asked.callback.startswith(f"{desk.url}/websub/")
    assert len(asked.callback.rpartition("/")[2]) == 43  # 256 bits
    assert 32 <= len(asked.form["hub.secret"]) < 200


async def test_a_hub_that_stands_in_the_document_is_asked_for_the_self_link(
    desk: PushDesk,
) -> None:
    atom = "xmlns:atom='http://www.w3.org/2005/Atom'"
    desk.wire.links = ""
    desk.wire.head = (
        f"<atom:link {atom} rel='hub' href='{desk.hub.url}/inside'/>"
        f"<atom:link {atom} rel='hub' href='{desk.hub.url}/other'/>"
        f"<atom:link {atom} rel='self' href='{desk.wire.url}/feeds/topic?a=1&amp;b=2'/>"
    )
    async with desk.at_work():
        await desk.hub.until_subscribed()
    found = await desk.subscription()
    assert found is not None
    assert found.hubs == (f"{desk.hub.url}/inside", f"{desk.hub.url}/other")
    assert desk.hub.subscriber.path == "/inside"
    assert desk.hub.subscriber.form["hub.topic"] == f"{desk.wire.url}/feeds/topic?a=1&b=2"


async def test_a_hub_may_ask_back_before_it_answers(desk: PushDesk) -> None:
    desk.hub.verifies_first = True
    async with desk.at_work():
        await desk.until_active()
    assert desk.hub.modes() == ["subscribe"]


async def test_a_feed_without_a_hub_is_polled_and_nobody_is_asked(desk: PushDesk) -> None:
    desk.wire.links = ""
    async with desk.at_work():
        await desk.until_polled(1)
    assert await desk.everything() == []
    assert desk.hub.asked == []


@pytest.mark.parametrize(
    "private",
    [
        {"headers": {"X-Edition": "uk"}},
        {"token": {"env": "TOKEN"}},
        {"url": "{wire}/feeds/wire?token=onlyletters"},
    ],
)
async def test_no_hub_hears_of_a_private_feed(
    desk: PushDesk, private: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t")
    details = {k: v.format(wire=desk.wire.url) if k == "url" else v for k, v in private.items()}
    await desk.configure("wire", **details)
    async with desk.at_work():
        await desk.until_polled(1)
    assert await desk.everything() == []


async def test_a_subscription_is_renewed_before_it_ends_under_the_same_callback(
    desk: PushDesk,
) -> None:
    async with desk.at_work():
        first = await desk.until_active()
        desk.ahead = timedelta(days=7)
        assert desk.hub.modes() == ["subscribe"]
        desk.ahead = timedelta(days=8, minutes=1)
        await desk.hub.until_asked(2)
        await desk.hub.until_subscribed()

        async def renewed() -> bool:
            now = await desk.subscription()
            return now is not None and now.lease_until != first.lease_until

        await desk.until(renewed, "the renewal")
    renewal = await desk.until_active()
    assert renewal.lease_until is not None
    assert renewal.lease_until > desk.clock() + timedelta(days=9)
    assert {a.callback for a in desk.hub.asked} == {desk.hub.subscriber.callback}


async def test_a_restart_goes_on_with_the_subscription_it_has(
    desk: PushDesk, bus: Bus, database: Database, text_workers: TextWorkers
) -> None:
    async with desk.at_work():
        before = await desk.until_active()
    async with push_desk(desk.wire, desk.hub, bus, database, text_workers) as again:
        async with again.at_work():
            moved = await again.until_active()
            await again.hub.until_asked(2)  # the endpoint has another port: the hub is told
            await again.hub.until_subscribed(2)
            again.wire.publish("ferry")
            to = again.hub.asked[-1]
            assert await again.hub.push(again.wire.document("ferry"), to) == 202
            await again.until_published("ferry")
        assert (moved.callback, moved.secret) == (before.callback, before.secret)


async def test_several_pollers_ask_a_hub_once(
    desk: PushDesk, bus: Bus, database: Database, text_workers: TextWorkers
) -> None:
    desk.hub.verifies = False
    async with push_desk(desk.wire, desk.hub, bus, database, text_workers) as other:
        other.book.base = desk.book.base
        async with desk.at_work(), other.at_work():
            await desk.until_state(HubState.REQUESTED)
            await desk.until_polled(2)  # each has polled it
            await desk.hub.until_asked(1)
        async with desk.at_work("websub"), other.at_work("websub"):
            desk.ahead = other.ahead = timedelta(minutes=6)
            await desk.hub.until_asked(2)
    assert desk.hub.modes() == ["subscribe", "subscribe"]
    assert len({a.callback for a in desk.hub.asked}) == 1


async def test_a_push_may_arrive_at_any_poller(
    desk: PushDesk, bus: Bus, database: Database, text_workers: TextWorkers
) -> None:
    async with desk.at_work():
        await desk.until_active()
    async with push_desk(desk.wire, desk.hub, bus, database, text_workers) as other:
        desk.wire.publish("ferry")
        to = desk.hub.subscriber
        elsewhere = to.at(to.callback.replace(desk.url, other.url))
        assert await desk.hub.push(desk.wire.document("ferry"), elsewhere) == 202
        await other.until_published("ferry")


@pytest.mark.parametrize("crash", range(1, 4))
@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_process_that_dies_between_any_two_steps_is_subscribed_in_the_end(
    desk: PushDesk,
    bus: Bus,
    database: Database,
    text_workers: TextWorkers,
    crash: int,
    after_commit: bool,
) -> None:
    """Dies at each writing transaction in turn, before it or after."""
    desk.database.error = CrashedError()
    desk.database.fail(*range(crash, 99), after_commit=after_commit)
    async with desk.at_work():
        await desk.until_writes(crash)
    async with push_desk(desk.wire, desk.hub, bus, database, text_workers) as again:
        again.ahead = timedelta(hours=3)  # whatever waits is due
        async with again.at_work():
            await again.until_polled(1)
            active = await again.until_active()
    assert {a.callback.rpartition("/")[2] for a in desk.hub.asked} == {active.callback}


async def test_a_removed_feed_is_ended_at_its_hub_and_pushes_of_it_are_gone(
    desk: PushDesk,
) -> None:
    async with desk.at_work():
        await desk.until_active()
        to = desk.hub.subscriber
        await desk.configure("-")
        await desk.until_state(HubState.LEFT)
        await desk.hub.until_subscribed(0)
        assert await desk.hub.push("<rss/>", to) == 410
    assert desk.hub.modes() == ["subscribe", "unsubscribe"]
    assert desk.hub.asked[1].callback == desk.hub.asked[0].callback
    assert "hub.secret" not in desk.hub.asked[1].form


async def test_what_a_hub_was_told_to_stop_is_forgotten_after_the_longest_lease(
    desk: PushDesk,
) -> None:
    async with desk.at_work():
        await desk.until_active()
        to = desk.hub.subscriber
        await desk.configure("-")
        await desk.until_state(HubState.LEFT)
        desk.ahead = 32 * DAY
        await desk.until_state()
        assert await desk.hub.push("<rss/>", to) == 404


async def test_a_feed_that_moves_to_another_hub_is_subscribed_there(desk: PushDesk) -> None:
    async with desk.at_work():
        await desk.until_active()
        desk.wire.links = f'<{desk.hub.url}/other>; rel="hub"'
        desk.wire.publish("ferry")
        desk.ahead = timedelta(hours=3)
        await desk.until_state(HubState.LEFT, HubState.ACTIVE)
        await desk.hub.until_subscribed(1)
        assert await desk.hub.push(desk.wire.document("ferry"), desk.hub.asked[0]) == 410
    assert desk.hub.subscriber.path == "/other"
    asked = [(a.path, a.mode) for a in desk.hub.asked]
    assert sorted(asked) == [
        ("/hub", "subscribe"),
        ("/hub", "unsubscribe"),
        ("/other", "subscribe"),
    ]
    assert desk.hub.asked[0].callback != desk.hub.subscriber.callback
    assert desk.hub.asked[0].form["hub.secret"] != desk.hub.subscriber.form["hub.secret"]


async def test_a_feed_that_shows_no_hub_any_more_is_ended_at_the_one_it_had(
    desk: PushDesk,
) -> None:
    async with desk.at_work():
        await desk.until_active()
        desk.wire.links = ""
        desk.wire.publish("ferry")
        desk.ahead = timedelta(hours=3)
        await desk.until_state(HubState.LEFT)


def _is_waiting(subscription: Subscription | None) -> bool:
    return subscription is not None and subscription.state is HubState.WANTED


async def test_a_hub_that_limits_requests_is_left_alone_as_long_as_it_wants(
    desk: PushDesk, wire: Wire, hub: HubDouble
) -> None:
    hub.refuse(429, {"Retry-After": "7200"})
    async with desk.at_work():
        await desk.hub.until_asked(1)

        async def waits() -> bool:
            found = await desk.subscription()
            return _is_waiting(found) and found is not None and found.detail is not None

        await desk.until(waits, "the wait")
        found = await desk.subscription()
        assert found is not None
        assert found.next_at > desk.clock() + timedelta(minutes=115)
        desk.ahead = timedelta(minutes=121)
        await desk.until_active()
    assert desk.counted("requests_total", outcome="asked_to_wait") == 1


async def test_a_hub_that_limits_requests_is_left_alone_for_all_its_feeds(
    desk: PushDesk, hub: HubDouble
) -> None:
    await desk.configure("one", "two")
    async with desk.at_work("poller"):
        await desk.until_polled(2)
        await desk.until_state(HubState.WANTED, HubState.WANTED)
    first, second = await desk.everything()
    async with desk.real.write() as tx:  # the second is due when the first was asked
        await websub.change(tx, second, replace(second, next_at=desk.clock() + 5 * MINUTE))
    hub.refuse(429, {"Retry-After": "7200"})
    async with desk.at_work("websub"):
        await desk.hub.until_asked(1)

        async def both_wait() -> bool:
            later = desk.clock() + timedelta(minutes=115)
            return all(s.next_at > later for s in await desk.everything())

        await desk.until(both_wait, "both feeds to wait")
    assert first.hub == second.hub


async def test_where_one_hub_refuses_the_next_is_asked(desk: PushDesk) -> None:
    desk.wire.links = f'<{desk.hub.url}/one>; rel="hub", <{desk.hub.url}/two>; rel="hub"'
    desk.hub.refuse(500)
    async with desk.at_work():
        await desk.hub.until_asked(1)
        desk.ahead = timedelta(minutes=2)
        await desk.until_active()
    assert [a.path for a in desk.hub.asked] == ["/one", "/two"]


async def test_a_hub_that_moved_is_followed_and_only_with_the_whole_request(
    desk: PushDesk,
) -> None:
    desk.hub.refuse(307, {"Location": "/new"})
    async with desk.at_work():
        await desk.until_active()
    assert [a.path for a in desk.hub.asked] == ["/hub", "/new"]
    assert desk.hub.asked[0].form == desk.hub.asked[1].form


@pytest.mark.parametrize(
    ("status", "location"), [(302, "/new"), (307, "ftp://x.example/"), (308, ""), (307, "/again")]
)
async def test_a_hub_that_leads_astray_is_not_followed(
    desk: PushDesk, status: int, location: str
) -> None:
    for _ in range(9):
        desk.hub.refuse(status, {"Location": location})
    async with desk.at_work():
        await desk.until_counted("requests_total", outcome="refused")
        await desk.until_state(HubState.WANTED)
    assert len(desk.hub.asked) <= 4


@pytest.mark.parametrize(
    "hub_url", ["http://10.0.0.1/hub", "http://[::ffff:169.254.169.254]/", "http://0x0a000001/"]
)
async def test_a_hub_in_a_private_network_is_not_asked(desk: PushDesk, hub_url: str) -> None:
    desk.wire.links = f"<{hub_url}>; rel=hub"
    async with desk.at_work():
        await desk.until_counted("requests_total", outcome="refused")
        await desk.until_state(HubState.WANTED)


async def test_a_hub_that_leads_into_a_private_network_is_not_followed(desk: PushDesk) -> None:
    desk.hub.refuse(307, {"Location": "http://10.0.0.1/"})
    async with desk.at_work():
        await desk.until_counted("requests_total", outcome="refused")
        await desk.until_state(HubState.WANTED)
    found = await desk.subscription()
    assert found is not None
    assert "10.0.0.1 is a private address" in (found.detail or "")


async def test_a_hub_that_grants_a_second_is_not_asked_every_second(desk: PushDesk) -> None:
    desk.hub.lease_seconds = 1
    async with desk.at_work():
        found = await desk.until_active()
        assert found.next_at > desk.clock() + timedelta(minutes=3)


async def test_a_hub_that_denies_is_noted_with_its_reason(desk: PushDesk) -> None:
    async with desk.at_work():
        await desk.until_active()
        heard = await desk.hub.deny(desk.hub.subscriber, reason="no <b>more</b>\u202e feeds")
        assert heard.status == 200
        found = await desk.subscription()
    assert found is not None
    assert found.state is HubState.DENIED
    assert found.detail == "the hub denied it: no more feeds"
    assert desk.counted("questions_total", answer="denial") == 1


async def test_a_hub_that_repeats_callback_and_secret_tells_nobody(
    desk: PushDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.hub.repeats = True
    async with desk.at_work():
        await desk.until_counted("requests_total", outcome="refused")
        await desk.until_state(HubState.WANTED)
        refused = await desk.subscription()
        assert refused is not None
        assert "[secret]" in (refused.detail or "")
        desk.ahead = timedelta(minutes=2)
        active = await desk.until_active()
        await desk.hub.deny(desk.hub.subscriber, reason=f"no {active.callback}, {active.secret}")
        denied = await desk.subscription()
    assert denied is not None
    assert denied.detail == "the hub denied it: no [secret], [secret]"
    said = f"{capsys.readouterr()} {refused.detail} {denied}"
    assert active.callback not in said
    assert active.secret not in said


async def test_a_denial_of_another_topic_is_none(desk: PushDesk) -> None:
    async with desk.at_work():
        await desk.until_active()
        assert (await desk.hub.deny(desk.hub.subscriber, topic="https://x.example/")).status == 404
        await desk.until_active()
