"""What becomes of a subscription: when a hub is asked, for what, and what its answers mean. PURE.

Asking is `hub`'s business, answering its questions `callback`'s. Every step is stored before
the next one is taken, with a time at which it is taken again: a process may die anywhere.

    wanted -> requested -> active <-> renewing          denied: asked again much later
    any of them -> leaving -> left -> forgotten
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import assert_never

from services.poller.websub.links import Shown
from services.store.websub import FORMER, HubState, Subscription

LEASE_ASKED = timedelta(days=10)  # the default that WebSub recommends, section 8.2
_LEASE_UNSAID = timedelta(days=1)
_SHORTEST_LEASE = timedelta(minutes=5)
_LONGEST_LEASE = timedelta(days=30)
_RENEW_AT = 0.8  # of the lease
_FIRST_BACK_OFF = timedelta(minutes=1)
_LONGEST_BACK_OFF = timedelta(days=1)
_TO_VERIFY = timedelta(minutes=5)  # that a hub has at least
_TELLS_TO_STOP = 5
_REMEMBERED = _LONGEST_LEASE + timedelta(days=1)  # no hub pushes for longer
_JITTER = 0.1
# A hub that misses now and then must not keep the feed at long intervals half of the time.
_RELIABLE_AFTER = 3
_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Accepted:
    """The hub will ask whether we meant it."""


@dataclass(frozen=True, slots=True)
class AskedToWait:
    """429 or 503: the hub wants a pause, of this length if it gave one."""

    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The hub cannot be reached or says no; `detail` for people."""

    detail: str


HubAnswer = Accepted | AskedToWait | Refused


@dataclass(frozen=True, slots=True)
class Names:
    """What a new subscription is known by: random, and the public URL."""

    callback: str
    secret: str
    base: str


@dataclass(frozen=True, slots=True)
class Start:
    """Subscribe."""

    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Keep:
    """The subscription, perhaps changed."""

    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Stop:
    """End the subscription; None where the hub was never asked and nobody need remember it."""

    subscription: Subscription | None


def started(feed_id: str, shown: Shown, names: Names, former: int, now: datetime) -> Subscription:
    """A subscription to what a feed shows.

    A feed may move once; one that had several before waits the longer the more there were,
    or it would make us knock at another door with every reply.
    """
    due = now + _back_off(former - 1, 0) if former > 1 else now
    return Subscription(
        callback=names.callback,
        feed_id=feed_id,
        topic=shown.topic,
        hub=shown.hubs[0],
        hubs=shown.hubs,
        base=names.base,
        secret=names.secret,
        state=HubState.WANTED,
        attempts=0,
        next_at=due,
    )


def follow(current: Subscription, shown: Shown | None, now: datetime) -> Keep | Stop:
    """What a subscription is to become now that the feed shows this; after Stop, start anew."""
    if shown is None:
        return stopped(current, now)
    if shown.topic == current.topic and current.hub in shown.hubs:
        return Keep(replace(current, hubs=shown.hubs))
    if _never_asked(current):
        return Keep(replace(current, topic=shown.topic, hub=shown.hubs[0], hubs=shown.hubs))
    return stopped(current, now)


def stopped(current: Subscription, now: datetime) -> Stop:
    """The end of a subscription that is wanted no more."""
    if _never_asked(current):
        return Stop(None)
    if current.state is HubState.DENIED:
        return Stop(_left(current, now))
    return Stop(replace(current, state=HubState.LEAVING, attempts=0, next_at=now))


def at_base(current: Subscription, base: str, now: datetime) -> Subscription:
    """A subscription under the public URL of today: the hub is told of another one at once."""
    if current.base == base or current.state in FORMER:
        return current
    return replace(current, base=base, state=HubState.WANTED, attempts=0, next_at=now)


def claimed(current: Subscription, now: datetime, jitter: float) -> Subscription:
    """The subscription while its hub is being asked, by whoever stores this first.

    `next_at` is when the hub is asked again if nothing comes of it. `jitter` is a random
    number from -1 to 1.
    """
    attempts = current.attempts + 1
    again = now + max(_TO_VERIFY, _wait(current, attempts, jitter))
    if current.state is HubState.LEAVING:
        return replace(current, attempts=attempts, next_at=again)
    asked = current if _pushes(current, now) else _unleased(current)
    state = HubState.RENEWING if _pushes(current, now) else HubState.REQUESTED
    return replace(asked, state=state, attempts=attempts, next_at=again)


def answered(
    current: Subscription, answer: HubAnswer, now: datetime, jitter: float
) -> Subscription:
    """What follows from a hub's answer to a request that was `claimed`."""
    match answer:
        case Accepted():
            return _left(current, now) if current.state is HubState.LEAVING else current
        case AskedToWait(asked):
            wait = _wait(current, current.attempts, jitter)
            pause = min(max(asked or timedelta(), wait), _LONGEST_BACK_OFF)
            return _failed(current, "the hub asked for a pause", now + pause, now)
        case Refused(detail):
            again = now + _wait(current, current.attempts, jitter)
            if current.state is HubState.LEAVING and current.attempts >= _TELLS_TO_STOP:
                return _left(current, now)
            return _failed(_at_next_hub(current, now), detail, again, now)
        case _:
            assert_never(answer)


def confirms(current: Subscription, mode: str, topic: str) -> bool:
    """Whether we did ask for what a hub wants to have confirmed."""
    if topic != current.topic:
        return False
    if mode == "subscribe":
        return current.state in {HubState.REQUESTED, HubState.RENEWING}
    return mode == "unsubscribe" and current.state in FORMER


def verified(
    current: Subscription, lease: timedelta | None, now: datetime, jitter: float
) -> Subscription:
    """The subscription once its hub knows that we meant it."""
    if current.state in FORMER:
        return current
    granted = min(max(_LEASE_UNSAID if lease is None else lease, _SHORTEST_LEASE), _LONGEST_LEASE)
    return replace(
        current,
        state=HubState.ACTIVE,
        attempts=0,
        next_at=now + granted * (_RENEW_AT - abs(jitter) * _JITTER / 2),
        lease_until=now + granted,
        detail=None,
    )


def denied(current: Subscription, reason: str, now: datetime) -> Subscription:
    """The subscription after the hub said that it will not push."""
    if current.state in {HubState.DENIED, HubState.LEFT}:
        return current  # it may be said a thousand times a second: that is to cost no write
    if current.state in FORMER:
        return _left(current, now)
    return replace(
        _unleased(current),
        state=HubState.DENIED,
        next_at=now + _LONGEST_BACK_OFF,
        detail=f"the hub denied it: {reason or 'no reason given'}"[:_LONGEST_DETAIL],
    )


def is_relied_on(current: Subscription, now: datetime) -> bool:
    """Whether the hub has shown that it pushes what there is, so that polls may be rarer."""
    return _pushes(current, now) and current.streak >= _RELIABLE_AFTER


def is_due(current: Subscription, now: datetime) -> bool:
    """Whether something is to be done now."""
    return current.next_at <= now


def lease(seconds: str | None) -> timedelta | None:
    """The lease that a hub names; None where it names none that makes sense."""
    text = (seconds or "").strip()
    return (
        timedelta(seconds=int(text))
        if text.isascii() and text.isdigit() and len(text) < 10
        else None
    )


def _pushes(current: Subscription, now: datetime) -> bool:
    return current.lease_until is not None and current.lease_until > now


def _never_asked(current: Subscription) -> bool:
    return current.state is HubState.WANTED and current.attempts == 0 and not current.lease_until


def _unleased(current: Subscription) -> Subscription:
    """Without its lease; a hub that did not verify in time makes room for another."""
    silent = current.state is HubState.REQUESTED
    return replace(_rotated(current) if silent else current, lease_until=None)


def _failed(current: Subscription, detail: str, again: datetime, now: datetime) -> Subscription:
    if current.state is HubState.LEAVING:
        return replace(current, next_at=again, detail=detail[:_LONGEST_DETAIL])
    state = HubState.ACTIVE if _pushes(current, now) else HubState.WANTED
    return replace(current, state=state, next_at=again, detail=detail[:_LONGEST_DETAIL])


def _at_next_hub(current: Subscription, now: datetime) -> Subscription:
    if current.state is HubState.LEAVING or _pushes(current, now):
        return current
    return _rotated(current)


def _rotated(current: Subscription) -> Subscription:
    hubs = list(current.hubs) or [current.hub]
    following = hubs.index(current.hub) + 1 if current.hub in hubs else 0
    return replace(current, hub=hubs[following % len(hubs)])


def _left(current: Subscription, now: datetime) -> Subscription:
    return replace(current, state=HubState.LEFT, next_at=now + _REMEMBERED, lease_until=None)


def _wait(current: Subscription, attempts: int, jitter: float) -> timedelta:
    """Until the next request; one round through all hubs counts as one attempt."""
    hubs: Sequence[str] = current.hubs or (current.hub,)
    return _back_off(ceil(attempts / len(hubs)), jitter)


def _back_off(attempts: int, jitter: float) -> timedelta:
    doublings = min(max(attempts - 1, 0), 20)
    return min(_FIRST_BACK_OFF * (1 << doublings), _LONGEST_BACK_OFF) * (1 + _JITTER * jitter)
