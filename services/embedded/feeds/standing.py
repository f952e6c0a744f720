"""How one feed stands: everything that `wirewatch feeds status` says of it. PURE.

Decides what is worth saying, for people and for machines; how it is laid out is `status`'s
business. No credential is among it: an address is shown without what may hold one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from schemas.folder import FeedSpec
from schemas.message import MalformedMessageError
from schemas.notice import Notice
from services.embedded.why.words import at_time
from services.notifier import clean
from services.notifier.render.wording import span
from services.poller.health.episodes import (
    Episode,
    EpisodeKind,
    EpisodePolicy,
    broken_since,
    silent_after,
    silent_since,
)
from services.poller.health.states import STATES, state_of
from services.poller.memory import Memory
from services.runtime.redact import shown, shown_url
from services.store.notices import StoredNotice
from services.store.websub import Subscription

TROUBLED = frozenset({"broken", "gone", "silent"})
"""The states that an operator has to look at."""

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """A feed with what is remembered of it; no memory before its first poll."""

    spec: FeedSpec
    memory: Memory | None
    policy: EpisodePolicy
    now: datetime
    paused_until: datetime | None = None  # its host asked to be left alone
    hub: Subscription | None = None
    episodes: Mapping[str, Episode] | None = None

    @property
    def state(self) -> str:
        """In one word of `health.states`."""
        return "new" if self.memory is None else state_of(self.memory, self.policy)

    @property
    def since(self) -> datetime | None:
        """Since when that is so, where it is a trouble."""
        if self.memory is None:
            return None
        if self.state == "silent":
            return silent_since(self.memory, self.policy)
        return broken_since(self.memory, self.policy) or self.memory.vitals.failing_since

    @property
    def rank(self) -> tuple[int, str]:
        """The worst first."""
        return STATES.index(self.state), self.spec.id

    @property
    def error(self) -> str | None:
        """Why the last poll failed, fit for a terminal."""
        error = self.memory.last_error if self.memory else None
        return clean.line(shown(error), _LONGEST) if error else None

    @property
    def text_rate(self) -> float | None:
        """The share of its articles that had their full text."""
        return self.memory.vitals.texts.rate if self.memory else None

    @property
    def patience(self) -> timedelta | None:
        """How long it may show nothing new before it counts as silent."""
        return silent_after(self.memory, self.policy) if self.memory else None


def for_machines(one: Standing) -> dict[str, Any]:
    """A feed as JSON has it: times in UTC, lengths in seconds."""
    memory = one.memory
    vitals = memory.vitals if memory else None
    return {
        "id": one.spec.id,
        "name": one.spec.name,
        "url": shown_address(one.spec.url),
        "state": one.state,
        "since": _text(one.since),
        "last_success_at": _text(memory.last_success_at if memory else None),
        "last_new_at": _text(vitals.last_new_at if vitals else None),
        "next_poll_at": _text(memory.next_due_at if memory else None),
        "interval_seconds": _seconds(memory.interval if memory else None),
        "failures": vitals.failures if vitals else 0,
        "error": one.error,
        "full_text_rate": one.text_rate,
        "usual_gap_seconds": _seconds(vitals.gaps.usual_gap if vitals else None),
        "longest_gap_seconds": _seconds(vitals.gaps.longest_gap if vitals else None),
        "silent_after_seconds": _seconds(one.patience),
        "moved_to": shown_address(memory.moved_to) if memory and memory.moved_to else None,
        "host_paused_until": _text(one.paused_until),
        "websub": one.hub.state.value if one.hub else None,
        "episodes": sorted(one.episodes or ()),
    }


def in_lines(one: Standing, seen: int, told: Sequence[StoredNotice]) -> Iterator[tuple[str, str]]:
    """A feed for people: a name and what is said of it, line by line."""
    yield "state", _state_line(one)
    yield "address", shown_address(one.spec.url)
    memory = one.memory
    if memory is None:
        return
    if memory.moved_to:
        yield "moved to", shown_address(memory.moved_to)
    if one.error:
        yield "error", one.error
    yield "answered", _ago(memory.last_success_at, one.now)
    yield "new entry", _ago(memory.vitals.last_new_at, one.now)
    yield "next poll", _next(memory.next_due_at, one)
    if memory.interval is not None:
        yield "interval", span(memory.interval)
    yield from _rhythm(one)
    yield "entries", f"{seen:,} known, first looked at {_ago(memory.first_fetched_at, one.now)}"
    yield from _texts(memory)
    if one.hub is not None:
        yield "hub", _hub_line(one.hub)
    for number, notice in enumerate(told):
        yield ("" if number else "notices"), notice_line(notice)


def shown_address(url: str) -> str:
    """An address without what may be a secret: user, query, and a key that stands in its path."""
    parts = urlsplit(shown_url(url))
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return clean.line(f"{bare}?…" if parts.query else bare, _LONGEST)


def notice_line(stored: StoredNotice) -> str:
    """A notice in short: when, what, and whether it has gone to its subscribers."""
    kind = stored.kind.replace("_", " ")
    try:
        notice = Notice.decode(stored.notice)
        length = f" after {span(notice.until - notice.since)}" if notice.until else ""
    except MalformedMessageError:
        length = ""
    waits = "" if stored.spread_at else " (not yet sent out)"
    return f"{at_time(stored.raised_at)}: {kind}{length}{waits}"


def _state_line(one: Standing) -> str:
    since = f" since {at_time(one.since)}" if one.since else ""
    settling = EpisodeKind.BROKEN.value in (one.episodes or ()) and one.state in {"ok", "silent"}
    return f"{one.state}{since}" + ("; it answers again, for a short time yet" if settling else "")


def _next(due: datetime | None, one: Standing) -> str:
    if due is None:
        return "never: give it its new address, or take it out"
    paused = one.paused_until
    if paused is not None and paused > max(due, one.now):
        return f"{at_time(paused)}; its host asked for a pause"
    if due <= one.now:
        return "now"
    return f"{at_time(due)}, in {span(due - one.now)}"


def _rhythm(one: Standing) -> Iterator[tuple[str, str]]:
    gaps = one.memory.vitals.gaps if one.memory else None
    if gaps is None or gaps.usual_gap is None or gaps.longest_gap is None:
        yield "rhythm", "not known yet"
        return
    usual, longest = span(gaps.usual_gap), span(gaps.longest_gap)
    yield "rhythm", f"usually something new every {usual}; the longest pause lately {longest}"
    patience = one.patience
    silent = f"after {span(patience)} without" if patience else "never: too little is known of it"
    yield "silent", silent


def _texts(memory: Memory) -> Iterator[tuple[str, str]]:
    texts = memory.vitals.texts
    if texts.rate is not None:
        yield "full text", f"{texts.rate:.0%} of the last {texts.wanted} articles"


def _hub_line(hub: Subscription) -> str:
    pushed = f"; last pushed {at_time(hub.pushed_at)}" if hub.pushed_at else ""
    detail = f" ({clean.line(hub.detail, _LONGEST)})" if hub.detail else ""
    return f"{hub.state.value}{detail}, {shown_address(hub.hub)}{pushed}"


def _ago(moment: datetime | None, now: datetime) -> str:
    return f"{at_time(moment)}, {span(now - moment)} ago" if moment else "never"


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _seconds(length: timedelta | None) -> float | None:
    return round(length.total_seconds(), 1) if length is not None else None
