"""A subscription's life, step by step: what is asked when, and what each answer changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.poller.websub import plan
from services.poller.websub.links import Shown
from services.poller.websub.plan import Accepted, AskedToWait, Keep, Names, Refused, Stop
from services.store.websub import HubState, Subscription

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TOPIC, HUB, OTHER = "https://n.example/feed", "https://hub.example/", "https://two.example/"
SHOWN = Shown(TOPIC, (HUB,))


def new(shown: Shown = SHOWN, former: int = 0) -> Subscription:
    return plan.started("wire", shown, Names("path", "secret", "https://me.example"), former, NOW)


def asked(shown: Shown = SHOWN) -> Subscription:
    return plan.claimed(new(shown), NOW, 0)


def active(lease: timedelta = 10 * DAY) -> Subscription:
    return plan.verified(asked(), lease, NOW, 0)


def test_a_new_subscription_is_due_at_once_and_asked_for_once() -> None:
    subscription = new()
    assert plan.is_due(subscription, NOW)
    assert subscription.state is HubState.WANTED
    assert asked().state is HubState.REQUESTED
    assert not plan.is_due(asked(), NOW + 4 * MINUTE)


def test_a_hub_that_does_not_verify_is_asked_again_ever_more_rarely_and_for_ever() -> None:
    subscription, moment, waits = new(), NOW, []
    for _ in range(20):
        subscription = plan.claimed(subscription, moment, 0)
        subscription = plan.answered(subscription, Accepted(), moment, 0)
        waits.append(subscription.next_at - moment)
        moment = subscription.next_at
    assert waits[:5] == [5 * MINUTE, 5 * MINUTE, 5 * MINUTE, 8 * MINUTE, 16 * MINUTE]
    assert waits[-1] == DAY
    assert subscription.state is HubState.REQUESTED


def test_a_hub_that_refuses_is_asked_again_ever_more_rarely_and_for_ever() -> None:
    subscription, moment, waits = new(), NOW, []
    for _ in range(15):
        subscription = plan.claimed(subscription, moment, 0)
        subscription = plan.answered(subscription, Refused("answered 500"), moment, 0)
        waits.append(subscription.next_at - moment)
        moment = subscription.next_at
    assert waits[:4] == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE]
    assert waits[-1] == DAY
    assert (subscription.state, subscription.detail) == (HubState.WANTED, "answered 500")


@pytest.mark.parametrize(
    ("asked_for", "waits"), [(None, MINUTE), (HOUR, HOUR), (9 * DAY, DAY), (-HOUR, MINUTE)]
)
def test_a_hub_that_asks_for_a_pause_gets_it_within_reason(
    asked_for: timedelta | None, waits: timedelta
) -> None:
    after = plan.answered(asked(), AskedToWait(asked_for), NOW, 0)
    assert (after.state, after.next_at) == (HubState.WANTED, NOW + waits)


def test_of_several_hubs_the_next_is_asked_when_one_refuses_or_stays_silent() -> None:
    both = Shown(TOPIC, (HUB, OTHER))
    refused = plan.answered(asked(both), Refused("gone"), NOW, 0)
    assert refused.hub == OTHER
    assert plan.claimed(asked(both), NOW + HOUR, 0).hub == OTHER
    again = plan.answered(plan.claimed(refused, NOW, 0), Refused("gone"), NOW, 0)
    assert (again.hub, again.next_at) == (HUB, NOW + MINUTE)  # one round is one attempt


@pytest.mark.parametrize(
    ("said", "granted"),
    [
        (None, DAY),
        (timedelta(seconds=1), 5 * MINUTE),
        (timedelta(0), 5 * MINUTE),
        (10 * DAY, 10 * DAY),
        (999 * DAY, 30 * DAY),
    ],
)
def test_a_lease_is_renewed_at_four_fifths_of_what_was_granted_within_bounds(
    said: timedelta | None, granted: timedelta
) -> None:
    after = plan.verified(asked(), said, NOW, 0)
    assert after.state is HubState.ACTIVE
    assert after.lease_until == NOW + granted
    assert after.next_at == NOW + granted * 0.8
    assert NOW + granted * 0.74 < plan.verified(asked(), said, NOW, 1).next_at < after.next_at


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("864000", 864_000), (" 60 ", 60), ("0", 0)],
)
def test_a_lease_is_read_as_seconds(text: str, seconds: int) -> None:
    assert plan.lease(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", [None, "", "-1", "1.5", "ten", "9" * 10, "\u0661"])
def test_a_lease_that_makes_no_sense_is_none(text: str | None) -> None:
    assert plan.lease(text) is None


def test_a_renewal_leaves_the_lease_alone_until_it_is_verified() -> None:
    at = active().next_at
    renewing = plan.claimed(active(), at, 0)
    assert (renewing.state, renewing.lease_until) == (HubState.RENEWING, NOW + 10 * DAY)
    failed = plan.answered(renewing, Refused("answered 502"), at, 0)
    assert (failed.state, failed.next_at) == (HubState.ACTIVE, at + MINUTE)
    assert failed.lease_until == NOW + 10 * DAY
    renewed = plan.verified(plan.claimed(failed, at + MINUTE, 0), 10 * DAY, at + MINUTE, 0)
    assert (renewed.lease_until, renewed.attempts) == (at + MINUTE + 10 * DAY, 0)


def test_a_renewal_stays_with_its_hub_as_long_as_the_lease_runs() -> None:
    both = plan.verified(asked(Shown(TOPIC, (HUB, OTHER))), 10 * DAY, NOW, 0)
    renewing = plan.claimed(both, both.next_at, 0)
    assert plan.answered(renewing, Refused("no"), both.next_at, 0).hub == HUB


def test_a_lease_that_ran_out_is_no_subscription_any_more() -> None:
    late = NOW + 11 * DAY
    again = plan.claimed(active(), late, 0)
    assert (again.state, again.lease_until) == (HubState.REQUESTED, None)


@pytest.mark.parametrize(
    ("state", "mode", "topic", "meant"),
    [
        (HubState.REQUESTED, "subscribe", TOPIC, True),
        (HubState.RENEWING, "subscribe", TOPIC, True),
        (HubState.REQUESTED, "subscribe", TOPIC + "/", False),
        (HubState.REQUESTED, "subscribe", TOPIC.upper(), False),
        (HubState.REQUESTED, "unsubscribe", TOPIC, False),
        (HubState.REQUESTED, "publish", TOPIC, False),
        (HubState.ACTIVE, "subscribe", TOPIC, False),  # a verification played again
        (HubState.ACTIVE, "unsubscribe", TOPIC, False),
        (HubState.WANTED, "subscribe", TOPIC, False),
        (HubState.DENIED, "subscribe", TOPIC, False),
        (HubState.LEAVING, "subscribe", TOPIC, False),
        (HubState.LEAVING, "unsubscribe", TOPIC, True),
        (HubState.LEFT, "unsubscribe", TOPIC, True),
        (HubState.LEFT, "unsubscribe", TOPIC + "?", False),
    ],
)
def test_only_what_was_asked_for_is_confirmed(
    state: HubState, mode: str, topic: str, meant: bool
) -> None:
    assert plan.confirms(replace(active(), state=state), mode, topic) is meant


def test_a_denial_ends_the_lease_and_is_asked_about_a_day_later() -> None:
    after = plan.denied(active(), "not today", NOW)
    assert (after.state, after.lease_until, after.next_at) == (HubState.DENIED, None, NOW + DAY)
    assert after.detail == "the hub denied it: not today"
    assert plan.claimed(after, NOW + DAY, 0).state is HubState.REQUESTED


def test_a_denial_that_is_repeated_changes_nothing_more() -> None:
    denied = plan.denied(active(), "not today", NOW)
    assert plan.denied(denied, "nor tomorrow", NOW + timedelta(seconds=1)) == denied
    left = replace(active(), state=HubState.LEFT)
    assert plan.denied(left, "", NOW) == left


def test_a_verification_that_comes_late_does_not_bring_back_what_was_left() -> None:
    leaving = plan.stopped(active(), NOW).subscription
    assert leaving is not None
    assert plan.verified(leaving, DAY, NOW, 0) == leaving


@pytest.mark.parametrize(
    "shown",
    [None, Shown(TOPIC + "/moved", (HUB,)), Shown(TOPIC, (OTHER,))],
)
def test_a_feed_that_shows_another_hub_or_topic_or_none_ends_the_subscription(
    shown: Shown | None,
) -> None:
    stop = plan.follow(active(), shown, NOW)
    assert isinstance(stop, Stop)
    assert stop.subscription is not None
    assert (stop.subscription.state, stop.subscription.next_at) == (HubState.LEAVING, NOW)


def test_a_feed_that_shows_a_further_hub_keeps_the_one_it_has() -> None:
    kept = plan.follow(active(), Shown(TOPIC, (OTHER, HUB)), NOW)
    assert kept == Keep(replace(active(), hubs=(OTHER, HUB)))


def test_a_subscription_never_asked_for_is_changed_in_place_or_dropped() -> None:
    moved = plan.follow(new(former=3), Shown("https://x.example/", (OTHER,)), NOW)
    assert isinstance(moved, Keep)
    assert (moved.subscription.hub, moved.subscription.topic) == (OTHER, "https://x.example/")
    assert moved.subscription.next_at == new(former=3).next_at
    assert plan.follow(new(), None, NOW) == Stop(None)


def test_a_feed_that_changes_its_hub_all_the_time_waits_ever_longer() -> None:
    waits = [new(former=former).next_at - NOW for former in (0, 1, 2, 3, 4, 99)]
    assert waits == [timedelta(0), timedelta(0), MINUTE, 2 * MINUTE, 4 * MINUTE, DAY]


def test_a_hub_is_told_to_stop_a_few_times_and_then_left() -> None:
    leaving = plan.stopped(active(), NOW).subscription
    assert leaving is not None
    moment = NOW
    for _ in range(4):
        leaving = plan.answered(plan.claimed(leaving, moment, 0), Refused("no"), moment, 0)
        assert leaving.state is HubState.LEAVING
        moment = leaving.next_at
    left = plan.answered(plan.claimed(leaving, moment, 0), Refused("no"), moment, 0)
    assert left.state is HubState.LEFT
    assert left.next_at >= moment + 30 * DAY  # no lease is longer: until then "gone" is answered


def test_a_hub_that_takes_note_is_left_at_once() -> None:
    leaving = plan.stopped(active(), NOW).subscription
    assert leaving is not None
    assert plan.answered(plan.claimed(leaving, NOW, 0), Accepted(), NOW, 0).state is HubState.LEFT


def test_a_hub_that_denied_is_not_told_to_stop() -> None:
    stop = plan.follow(plan.denied(active(), "", NOW), None, NOW)
    assert isinstance(stop, Stop)
    assert stop.subscription is not None
    assert stop.subscription.state is HubState.LEFT


def test_another_public_url_makes_the_hub_be_asked_at_once() -> None:
    moved = plan.at_base(active(), "https://new.example", NOW)
    assert (moved.base, moved.state, moved.next_at) == (
        "https://new.example",
        HubState.WANTED,
        NOW,
    )
    assert plan.at_base(active(), "https://me.example", NOW) == active()
    leaving = plan.stopped(active(), NOW).subscription
    assert leaving is not None
    assert plan.at_base(leaving, "https://new.example", NOW) == leaving


@pytest.mark.parametrize(
    ("streak", "later", "relied_on"),
    [(3, DAY, True), (2, DAY, False), (0, DAY, False), (9, 10 * DAY, False)],
)
def test_a_hub_is_relied_on_after_three_pushes_in_a_row_and_while_the_lease_runs(
    streak: int, later: timedelta, relied_on: bool
) -> None:
    assert plan.is_relied_on(replace(active(), streak=streak), NOW + later) is relied_on


def test_a_hub_never_asked_is_not_relied_on() -> None:
    assert not plan.is_relied_on(replace(new(), streak=9), NOW)
