"""When a feed or a page is due next.

Decides intervals, back-off, pauses and the end of a feed. The loop obeys; counting gaps,
pausing a host's other feeds and storing the health are its business.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import assert_never

# A directive of Cache-Control and its argument, plain or quoted (RFC 9111, 5.2).
_DIRECTIVE = re.compile(r'([\w-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,;"]*))?')
_NO_FRESHNESS = frozenset({"no-cache", "no-store"})
_PAGE_RETRIES = (1, 5, 30, 120)  # times the first wait: with a minute, 1, 5, 30 min and 2 h
_ENTRIES_WATCHED = 10
# A fiftieth of the usual gap: median latency 3.0 min on real feeds at 97 polls a day,
# where a fixed 15 min costs 96 polls and gives 7.2 min. Other feeds: bench/schedule.
_POLLS_PER_GAP = 50
_JITTER = 0.1
# Halving outlasts the poll that brought the gap: what overran a feed's window once, a burst
# or a window of one entry, goes on for hours.
_CALM_POLLS_TO_DOUBLE = 20
_GONE_INTERVALS = 720  # a day of shortest intervals


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits within which a feed is polled."""

    min_interval: timedelta = timedelta(minutes=2)
    max_interval: timedelta = timedelta(minutes=15)
    undated_interval: timedelta = timedelta(minutes=5)  # for feeds whose entries carry no date
    max_age_bound: timedelta = timedelta(minutes=15)  # a server's max-age binds up to this
    default_pause: timedelta = timedelta(minutes=10)  # after 429 and 503 without Retry-After
    max_wait: timedelta = timedelta(hours=24)
    gone_confirmations: int = 3

    @property
    def gone_for(self) -> timedelta:
        """How long a feed is to be said gone, at least: a server in mid-move says so, too."""
        return min(self.min_interval * _GONE_INTERVALS, self.max_wait)


@dataclass(frozen=True, slots=True)
class Health:
    """How a feed fared lately. `failures` and `gone` count without a break.

    `halvings` is how often gaps have halved its interval, `calm` how many polls there were
    without a gap since.
    """

    failures: int = 0
    gone: int = 0
    disabled: bool = False
    gone_since: datetime | None = None
    halvings: int = 0
    calm: int = 0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a feed publishes: the usual gap between its entries, and when the newest came."""

    usual_gap: timedelta | None = None
    newest_at: datetime | None = None


UNKNOWN = Rhythm()


@dataclass(frozen=True, slots=True)
class Polled:
    """The feed answered, with or without news.

    `max_age` is how long its answer stays the same, if the server said so. `gap` says that
    a feed known before showed no entry seen before, so entries may have come and gone
    between two polls. `spread` is given after the first answer: a part of the interval of
    its own, so that feeds that were added together are not polled together for ever.
    """

    interval: timedelta
    max_age: timedelta | None = None
    gap: bool = False
    spread: timedelta | None = None


@dataclass(frozen=True, slots=True)
class AskedToWait:
    """429 or 503: the host wants a pause, of this length if it gave one."""

    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SaidGone:
    """410: the feed is said to have ended."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Any other failure, of the fetch or of the parser."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """A failure that is not the feed's: our own network is away."""


PollOutcome = Polled | AskedToWait | SaidGone | Failed | CutOff


@dataclass(frozen=True, slots=True)
class NextPoll:
    """When the feed is due and how it fares; `due_at` is None once it is disabled."""

    due_at: datetime | None
    health: Health


def rhythm_of(entry_times: Sequence[datetime], now: datetime) -> Rhythm:
    """The rhythm of a feed that shows these entries."""
    newest_first = sorted((min(now, time) for time in entry_times), reverse=True)
    watched = newest_first[:_ENTRIES_WATCHED]
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(watched)]
    usual_gap = timedelta(seconds=median(gaps)) if gaps else None
    return Rhythm(usual_gap, newest_first[0] if newest_first else None)


def interval(rhythm: Rhythm, now: datetime, policy: Policy) -> timedelta:
    """How long to wait between two polls of a feed of this rhythm."""
    if rhythm.newest_at is None:
        return policy.undated_interval
    wanted = max(rhythm.usual_gap or timedelta(), now - rhythm.newest_at) / _POLLS_PER_GAP
    return min(max(wanted, policy.min_interval), policy.max_interval)


def after(
    outcome: PollOutcome, health: Health, policy: Policy, now: datetime, jitter: float
) -> NextPoll:
    """When to poll next after `outcome`. `jitter` is a random number from -1 to 1."""
    match outcome:
        case Polled():
            paced = _paced(outcome, health, policy)
            wait = _wait_after_success(outcome, paced.halvings, policy, jitter)
            return NextPoll(now + wait, paced)
        case AskedToWait():
            failed = _failed(health)
            return NextPoll(now + pause(outcome.retry_after, policy, jitter), failed)
        case SaidGone():
            return _after_gone(health, policy, now, jitter)
        case Failed():
            failed = _failed(health)
            return NextPoll(now + _back_off(failed.failures, policy, jitter), failed)
        case CutOff():
            waiting = replace(health, failures=max(1, health.failures))
            return NextPoll(now + _back_off(waiting.failures, policy, jitter), waiting)
        case _:
            assert_never(outcome)


def pause(asked: timedelta | None, policy: Policy, jitter: float) -> timedelta:
    """How long a host is left alone that asked for a pause (429, 503)."""
    wanted = max(policy.default_pause if asked is None else asked, policy.min_interval)
    # Never before the time the host named, hence later only.
    return min(_jittered(wanted, abs(jitter)), policy.max_wait)


def first_due(url: str, interval: timedelta, now: datetime) -> datetime:
    """When a feed that was never polled is due: spread over one interval by its URL."""
    return now + spread(url, interval)


def spread(url: str, interval: timedelta) -> timedelta:
    """A part of the interval, always the same one for a URL."""
    number = int.from_bytes(hashlib.sha256(url.encode()).digest()[:8], "big")
    return timedelta(milliseconds=number % max(1, interval // timedelta(milliseconds=1)))


def page_retry_due(
    attempt: int, seen_at: datetime, first: timedelta = timedelta(minutes=1)
) -> datetime | None:
    """When an article's page is tried again: `attempt` 1 is the first retry, None the end."""
    if not 1 <= attempt <= len(_PAGE_RETRIES):
        return None
    return seen_at + first * _PAGE_RETRIES[attempt - 1]


@lru_cache(1_000)  # there are few, and every answer has one
def max_age(cache_control: str | None, age: str | None = None) -> timedelta | None:
    """How much longer the answer stays the same, by its Cache-Control and Age headers.

    Of several values the first counts; `no-cache` and `no-store` without an argument undo
    them. An answer from a cache is as old already as Age says (RFC 9111, 4.2).
    """
    directives: dict[str, str] = {}
    for name, argument in _DIRECTIVE.findall(cache_control or ""):
        directives.setdefault(name.lower(), argument.strip('"').strip())
    if any(directives.get(name) == "" for name in _NO_FRESHNESS):
        return None
    given = _seconds(directives.get("max-age"))
    return None if given is None else max(given - (_seconds(age) or timedelta()), timedelta())


def _seconds(text: str | None) -> timedelta | None:
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    return timedelta(seconds=min(int(digits[:12]), 10**9))


def _paced(polled: Polled, health: Health, policy: Policy) -> Health:
    """The health after an answer: a gap halves the interval, calm doubles it again."""
    if polled.gap:
        useful = polled.interval / 2**health.halvings > policy.min_interval
        return Health(halvings=health.halvings + useful)
    if not health.halvings:
        return Health()
    calm = health.calm + 1
    if calm < _CALM_POLLS_TO_DOUBLE:
        return Health(halvings=health.halvings, calm=calm)
    return Health(halvings=health.halvings - 1)


def _wait_after_success(polled: Polled, halvings: int, policy: Policy, jitter: float) -> timedelta:
    wanted = polled.interval if polled.spread is None else polled.spread
    paced = max(wanted / 2**halvings, policy.min_interval)
    bound = min(polled.max_age or timedelta(), policy.max_age_bound)
    return max(_jittered(paced, jitter), bound)


def _failed(health: Health) -> Health:
    return replace(health, failures=health.failures + 1, gone=0, gone_since=None)


def _after_gone(health: Health, policy: Policy, now: datetime, jitter: float) -> NextPoll:
    since = health.gone_since or now
    counted = replace(health, failures=health.failures + 1, gone=health.gone + 1)
    gone = replace(counted, gone_since=since)
    if gone.gone >= policy.gone_confirmations and now - since >= policy.gone_for:
        return NextPoll(None, replace(gone, disabled=True))
    return NextPoll(now + _back_off(gone.failures, policy, jitter), gone)


def _back_off(failures: int, policy: Policy, jitter: float) -> timedelta:
    doublings = min(failures - 1, 30)  # 2 min doubled 30 times is past every limit
    return min(_jittered(policy.min_interval * 2**doublings, jitter), policy.max_wait)


def _jittered(wait: timedelta, jitter: float) -> timedelta:
    return wait * (1 + _JITTER * jitter)
