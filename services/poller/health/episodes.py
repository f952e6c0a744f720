"""When a feed counts as broken or silent, and when that is over. PURE.

Decides, for one feed, which episodes begin and end. A notice is given for each beginning and
each end, so an episode begins late and ends late: a feed that fails now and then, or that
answers once among failures, is no news. Whether many feeds fail for one reason of ours is
`network`'s decision.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.poller.health.gaps import patience
from services.poller.health.vitals import quiet_for
from services.poller.memory import Memory

_FAILURES = 3  # in a row, at least
_CONFIRMED = 2  # where waiting changes nothing
_SETTLED = 6  # this part of the time to break, a feed must answer to be mended
# Only the operator can mend these. See the reasons of `fetch`.
_AT_ONCE = frozenset({"bad_credentials", "refused_address"})


class EpisodeKind(StrEnum):
    """What can be the matter; a closed set."""

    BROKEN = "broken"  # it cannot be read
    SILENT = "silent"  # it answers, and shows nothing new for longer than it ever does
    CUT_OFF = "cut_off"  # most feeds cannot be read at once


@dataclass(frozen=True, slots=True)
class EpisodePolicy:
    """How long a feed may fail, and how long it may be quiet at least."""

    broken_after: timedelta = timedelta(hours=1)
    silent_after: timedelta = timedelta(hours=24)

    @property
    def settled_after(self) -> timedelta:
        """How long it must have answered for its failures to be over."""
        return self.broken_after / _SETTLED


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode of a feed that goes on, `since` its first failure or its last new entry."""

    kind: EpisodeKind
    since: datetime


@dataclass(frozen=True, slots=True)
class Began:
    """An episode has begun."""

    episode: Episode


@dataclass(frozen=True, slots=True)
class Ended:
    """An episode has ended; `until` is when what ended it was seen."""

    episode: Episode
    until: datetime


Change = Began | Ended
Open = Mapping[EpisodeKind, Episode]
"""The episodes of a feed that go on."""


def judge(
    memory: Memory, going_on: Open, policy: EpisodePolicy, spared_until: datetime | None = None
) -> Iterator[Change]:
    """What begins and what ends for a feed. Failures before `spared_until` were not its own."""
    broken = going_on.get(EpisodeKind.BROKEN)
    if broken is not None:
        if (until := _mended_at(memory, policy)) is not None:
            yield Ended(broken, until)
    elif (since := broken_since(memory, policy, spared_until)) is not None:
        yield Began(Episode(EpisodeKind.BROKEN, since))
    silent = going_on.get(EpisodeKind.SILENT)
    if silent is not None:
        last = memory.vitals.last_new_at
        if last is not None and last > silent.since:
            yield Ended(silent, last)
    elif (since := silent_since(memory, policy)) is not None:
        yield Began(Episode(EpisodeKind.SILENT, since))


def broken_since(
    memory: Memory, policy: EpisodePolicy, spared_until: datetime | None = None
) -> datetime | None:
    """When a feed that is broken began to fail.

    What counts is the time between its first and its last failure: while nobody polls,
    nothing breaks.
    """
    failures, failed_at = memory.vitals.failures, memory.vitals.failed_at
    since = failing_since(memory, spared_until)
    if memory.health.disabled:
        return since or memory.vitals.failing_since or memory.last_success_at
    if since is None or failed_at is None:
        return None
    for_long = failures >= _FAILURES and failed_at - since >= policy.broken_after
    for_good = failures >= _CONFIRMED and reason_of(memory) in _AT_ONCE
    return since if for_long or for_good else None


def failing_since(memory: Memory, spared_until: datetime | None = None) -> datetime | None:
    """Since when a feed has failed by itself; None if it does not."""
    vitals = memory.vitals
    if vitals.failing_since is None or vitals.failed_at is None:
        return None
    if spared_until is None:
        return vitals.failing_since
    return max(vitals.failing_since, spared_until) if vitals.failed_at > spared_until else None


def silent_since(memory: Memory, policy: EpisodePolicy) -> datetime | None:
    """When a feed that has gone silent showed its last new entry."""
    quiet, limit = quiet_for(memory.vitals, memory.last_success_at), silent_after(memory, policy)
    if quiet is None or limit is None or quiet <= limit:
        return None
    return memory.vitals.last_new_at


def silent_after(memory: Memory, policy: EpisodePolicy) -> timedelta | None:
    """How long the feed may show nothing new; None where too little is known of it."""
    if memory.first_fetched_at is None or memory.last_success_at is None:
        return None
    watched_for = memory.last_success_at - memory.first_fetched_at
    return patience(memory.vitals.gaps, watched_for, policy.silent_after)


def reason_of(memory: Memory) -> str:
    """Why the last poll failed, in the word that metrics have for it; empty if it did not."""
    return (memory.last_error or "").partition(":")[0]


def _mended_at(memory: Memory, policy: EpisodePolicy) -> datetime | None:
    """When a broken feed began to answer, if it has done so for long enough."""
    since, last = memory.vitals.answering_since, memory.last_success_at
    if since is None or last is None:
        return None
    return since if last - since >= policy.settled_after else None
