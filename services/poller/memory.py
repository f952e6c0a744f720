"""What is remembered of a feed between polls, and what follows from it for the next. PURE."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any

from services.poller import moving
from services.poller.health import vitals
from services.poller.health.texts import Texts
from services.poller.health.vitals import NOTHING_KNOWN, Vitals
from services.poller.identity import published_at
from services.poller.moving import NOWHERE, Redirects
from services.poller.news import Since, Sorted
from services.poller.replies import UNCONDITIONAL, Validators
from services.poller.schedule import (
    UNKNOWN,
    Health,
    Policy,
    Rhythm,
    first_due,
    interval,
)
from services.store.feeds import Again, FeedState

# Some servers answer 304 for ever: now and then a feed is asked for in full.
FULL_FETCH_EVERY = timedelta(hours=24)
_LONGEST_ERROR = 300
_CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Memory:
    """A feed's memory. `next_due_at` is None once the feed is disabled.

    `watched_since` is when this address was first to be watched: before its first fetch
    succeeds hours may pass, and what appears in them is news. `last_error` is why the last
    poll failed, for people.
    """

    feed_id: str
    url: str
    validators: Validators
    body_hash: str | None
    first_fetched_at: datetime | None
    next_due_at: datetime | None
    health: Health
    last_success_at: datetime | None = None
    full_fetch_at: datetime | None = None
    interval: timedelta | None = None
    rhythm: Rhythm = UNKNOWN
    watched_since: datetime | None = None
    last_error: str | None = None
    redirects: Redirects = NOWHERE
    moved_to: str | None = None  # polled instead of `url`, which the operator wrote
    vitals: Vitals = NOTHING_KNOWN

    @property
    def address(self) -> str:
        """Where the feed is polled."""
        return self.moved_to or self.url

    def to_send(self, now: datetime) -> Validators:
        """The validators for a poll now; none when the feed is to be asked for in full."""
        since = None if self.full_fetch_at is None else abs(now - self.full_fetch_at)
        if since is None or since >= FULL_FETCH_EVERY:
            return UNCONDITIONAL
        return self.validators

    def since(self, now: datetime, window: timedelta) -> Since:
        """Since when the feed is watched; on the first fetch of an address, entries older
        than `window` are not news."""
        if self.first_fetched_at is not None:
            return Since(None, self.last_success_at)
        begin = (self.watched_since or now) - window
        return Since(min(begin, self.last_success_at or begin), self.last_success_at)


def new_memory(feed_id: str, url: str, now: datetime, spread: timedelta) -> Memory:
    """The memory of a feed never polled, due within `spread`."""
    due = first_due(url, spread, now)
    memory = Memory(feed_id, url, UNCONDITIONAL, None, None, due, Health())
    return replace(memory, watched_since=now)


def at_address(memory: Memory, url: str, now: datetime) -> Memory:
    """The memory of a feed that may have moved: validators belong to one address."""
    if memory.url == url:
        return memory
    return replace(
        memory,
        url=url,
        validators=UNCONDITIONAL,
        body_hash=None,
        first_fetched_at=None,
        full_fetch_at=None,
        next_due_at=now,
        health=Health(),
        last_error=None,
        redirects=NOWHERE,
        moved_to=None,
        vitals=vitals.at_new_address(memory.vitals),
        # A feed that never answered at the old address has been waited for since then.
        watched_since=now if memory.last_success_at else memory.watched_since,
    )


def answered(memory: Memory, now: datetime, **also: Any) -> Memory:
    """The memory after a good poll, with what `also` changes."""
    well = vitals.after_answer(memory.vitals, memory.last_success_at, memory.interval, now)
    # What `replace` does in a fifth of the time: this is nearly every poll's end.
    values = list(_VALUES(memory))
    for name, value in {"last_success_at": now, "last_error": None, "vitals": well, **also}.items():
        values[_PLACES[name]] = value
    return Memory(*values)


def refused(memory: Memory, why: str, now: datetime, **also: Any) -> Memory:
    """The memory after a poll that failed, with what `also` changes."""
    badly = vitals.after_failure(memory.vitals, now)
    return replace(memory, last_error=why[:_LONGEST_ERROR], vitals=badly, **also)


def read(memory: Memory, found: Sorted, texts: Texts) -> Memory:
    """The memory after a good poll whose document was taken in, and its texts read."""
    after = vitals.after_texts(memory.vitals, texts)
    # What stood there at the first fetch is no news; what a hub has pushed since is, though
    # this poll has not brought it.
    newest = max((s.remembered.first_seen_at for s in found.everything), default=None)
    new = any(not s.edited for s in found.news)
    if newest is not None and (new or newest > (memory.first_fetched_at or newest)):
        after = vitals.after_news(after, newest)
    return memory if after is memory.vitals else replace(memory, vitals=after)


def redirected(memory: Memory, target: str | None, now: datetime) -> Memory:
    """The memory after a good poll that was led to `target` for good, or nowhere."""
    if memory.moved_to is not None and target is None:
        return memory
    redirects = moving.seen(memory.redirects, target, now.date())
    if not redirects.are_final:
        return replace(memory, redirects=redirects)
    return replace(memory, redirects=NOWHERE, moved_to=redirects.target)


def back_where_it_was(memory: Memory, now: datetime) -> Memory:
    """The memory of a feed that moved, if where it went is no good: asked as before."""
    if memory.moved_to is None or memory.health.failures < moving.FAILURES_TO_GO_BACK:
        return memory
    return replace(
        memory,
        moved_to=None,
        redirects=NOWHERE,
        validators=UNCONDITIONAL,
        next_due_at=memory.next_due_at or now,
        # 410 is what the other address said.
        health=replace(memory.health, gone=0, gone_since=None, disabled=False),
    )


def entry_times(found: Sorted, now: datetime) -> Sequence[datetime]:
    """When the entries of a document came out, as far as can be known.

    An entry without a date came when it was first seen; one that is dated anew at every
    fetch came no later than that.
    """
    return [
        min(published_at(sighted.entry, now) or now, sighted.remembered.first_seen_at)
        for sighted in found.everything
    ]


def wanted_interval(memory: Memory, now: datetime, policy: Policy) -> timedelta:
    """The interval after a good poll, which also grows while nothing comes."""
    if memory.rhythm == UNKNOWN and memory.interval is not None:
        return memory.interval
    return interval(memory.rhythm, now, policy)


def from_state(state: FeedState) -> Memory:
    """A memory as it was stored."""
    stored = dict(state.health)
    return Memory(
        feed_id=state.feed_id,
        url=state.url,
        validators=Validators(state.etag, state.last_modified),
        body_hash=state.body_hash,
        first_fetched_at=state.first_fetched_at,
        next_due_at=None if stored["disabled"] else state.next_due_at,
        health=_health(stored),
        last_success_at=_time(stored.get("last_success_at")),
        full_fetch_at=_time(stored.get("full_fetch_at")),
        interval=_span(stored.get("interval_seconds")),
        rhythm=Rhythm(_span(stored.get("usual_gap_seconds")), _time(stored.get("newest_at"))),
        watched_since=_time(stored.get("watched_since")),
        last_error=stored.get("last_error"),
        redirects=_redirects(stored.get("redirects")),
        moved_to=stored.get("moved_to"),
        vitals=vitals.from_json(stored.get("vitals")),
    )


def to_state(memory: Memory, now: datetime) -> FeedState:
    """A memory as it is stored."""
    return FeedState(
        feed_id=memory.feed_id,
        url=memory.url,
        etag=memory.validators.etag,
        last_modified=memory.validators.last_modified,
        body_hash=memory.body_hash,
        first_fetched_at=memory.first_fetched_at,
        next_due_at=memory.next_due_at or now,
        health={
            # `asdict` copies whatever it finds, and takes ten times as long.
            **{name: getattr(memory.health, name) for name in _OF_HEALTH},
            "last_success_at": _text(memory.last_success_at),
            "full_fetch_at": _text(memory.full_fetch_at),
            "watched_since": _text(memory.watched_since),
            "last_error": memory.last_error,
            "moved_to": memory.moved_to,
            "redirects": _stored_redirects(memory.redirects),
            "gone_since": _text(memory.health.gone_since),
            "interval_seconds": _seconds(memory.interval),
            "usual_gap_seconds": _seconds(memory.rhythm.usual_gap),
            "newest_at": _text(memory.rhythm.newest_at),
            "vitals": vitals.to_json(memory.vitals),
        },
    )


def is_lasting_same(before: Memory, after: Memory) -> bool:
    """Whether nothing differs but the times that every poll changes."""
    return bool(_LASTING(before) == _LASTING(after))


def polled_again(before: Memory, after: Memory) -> bool:
    """Whether a poll has changed nothing but the times that every poll changes."""
    return after.next_due_at is not None and is_lasting_same(before, after)


def to_again(memory: Memory) -> Again:
    """What is stored of a memory of which nothing else has changed."""
    changed = {
        "last_success_at": _text(memory.last_success_at),
        "interval_seconds": _seconds(memory.interval),
    }
    assert memory.next_due_at is not None
    return Again(memory.feed_id, memory.next_due_at, changed)


OF_EVERY_POLL = ("next_due_at", "last_success_at", "interval")
"""The times that every good poll changes, in the order of the fields."""

_FIELDS = tuple(field.name for field in fields(Memory))
_PLACES = {name: place for place, name in enumerate(_FIELDS)}
_VALUES = attrgetter(*_FIELDS)
_LASTING = attrgetter(*(name for name in _FIELDS if name not in OF_EVERY_POLL))
_OF_HEALTH = tuple(field.name for field in fields(Health))


def _health(stored: Mapping[str, Any]) -> Health:
    return Health(
        failures=stored["failures"],
        gone=stored["gone"],
        disabled=stored["disabled"],
        gone_since=_time(stored.get("gone_since")),
        halvings=stored.get("halvings", 0),
        calm=stored.get("calm", 0),
    )


def _redirects(stored: Mapping[str, Any] | None) -> Redirects:
    if not stored:
        return NOWHERE
    return Redirects(stored["target"], stored["days"], date.fromisoformat(stored["last_day"]))


def _stored_redirects(redirects: Redirects) -> Mapping[str, Any] | None:
    if redirects.last_day is None:
        return None
    return asdict(redirects) | {"last_day": redirects.last_day.isoformat()}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def replace_due(memory: Memory, due_at: datetime) -> Memory:
    """The memory with another time for the next poll."""
    return replace(memory, next_due_at=due_at)


def by_this_clock(memory: Memory, now: datetime) -> Memory:
    """The memory as it was stored, due now if a clock that was ahead has set its times."""
    times = (memory.last_success_at, memory.vitals.failed_at)
    if memory.next_due_at is None or all(t is None or t <= now + _CLOCKS_DIFFER for t in times):
        return memory
    return replace(memory, next_due_at=min(memory.next_due_at, now))


def hastened(memory: Memory, now: datetime, policy: Policy) -> Memory:
    """The memory of a feed of which news was announced: due as soon as it may be.

    One that failed or ended keeps its wait: its host may have asked for it.
    """
    if memory.next_due_at is None or memory.health.failures:
        return memory
    earliest = (memory.last_success_at or now) + policy.min_interval
    return replace(memory, next_due_at=min(memory.next_due_at, max(now, earliest)))


def feed_state(memory: Memory) -> str:
    """How the polls of a feed end: gone, failing, ok, or new. See also `health.states`."""
    if memory.health.disabled:
        return "gone"
    if memory.health.failures:
        return "failing"
    return "ok" if memory.last_success_at else "new"
