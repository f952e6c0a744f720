"""What is remembered of how a feed fares. PURE.

Times that pass without a poll count for nothing: after a standstill of ours no feed has been
silent, or has published seldom, because of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from services.poller.health.gaps import NO_GAPS, Gaps, with_gap
from services.poller.health.texts import NO_TEXTS, Texts, with_more

# Between two good polls, at most this counts as watched; more for feeds polled more seldom.
_WATCHED_AT_MOST = timedelta(hours=2)
_INTERVALS = 2


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a feed fares.

    `failures` in a row, of which `failing_since` and `failed_at` are the first and the last,
    count whoever is to blame; `answering_since` is the first of the good polls in a row.
    `unwatched` is the time since `last_new_at` in which nobody looked.
    """

    failures: int = 0
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    answering_since: datetime | None = None
    last_new_at: datetime | None = None
    unwatched: timedelta = timedelta()
    gaps: Gaps = NO_GAPS
    texts: Texts = NO_TEXTS


NOTHING_KNOWN = Vitals()


def after_answer(
    vitals: Vitals, before: datetime | None, interval: timedelta | None, now: datetime
) -> Vitals:
    """The vitals after a good poll; the good one before was at `before`."""
    watched = max(_WATCHED_AT_MOST, (interval or timedelta()) * _INTERVALS)
    missed = max(timedelta(), now - before - watched) if before else timedelta()
    if not missed and vitals.answering_since is not None:
        return vitals
    return replace(
        vitals,
        failures=0,
        failing_since=None,
        failed_at=None,
        answering_since=vitals.answering_since or now,
        unwatched=vitals.unwatched + missed,
    )


def after_failure(vitals: Vitals, now: datetime) -> Vitals:
    """The vitals after a poll that failed."""
    return replace(
        vitals,
        failures=vitals.failures + 1,
        failing_since=vitals.failing_since or now,
        failed_at=now,
        answering_since=None,
    )


def after_news(vitals: Vitals, seen_at: datetime) -> Vitals:
    """The vitals of a feed whose newest entry was first seen at `seen_at`."""
    gaps, last = vitals.gaps, vitals.last_new_at
    if last is not None:
        if seen_at <= last:
            return vitals
        gaps = with_gap(gaps, seen_at - last - vitals.unwatched, seen_at)
    return replace(vitals, last_new_at=seen_at, unwatched=timedelta(), gaps=gaps)


def after_texts(vitals: Vitals, new: Texts) -> Vitals:
    """The vitals after articles were published."""
    return replace(vitals, texts=with_more(vitals.texts, new)) if new.wanted else vitals


def at_new_address(vitals: Vitals) -> Vitals:
    """The vitals of a feed whose address has changed: how the old one answered is past."""
    return replace(vitals, failures=0, failing_since=None, failed_at=None, answering_since=None)


def quiet_for(vitals: Vitals, last_success_at: datetime | None) -> timedelta | None:
    """How long the feed has shown nothing new, as far as somebody looked."""
    if vitals.last_new_at is None or last_success_at is None:
        return None
    return max(timedelta(), last_success_at - vitals.last_new_at - vitals.unwatched)


def to_json(vitals: Vitals) -> Mapping[str, Any]:
    """Vitals as they are stored; what is not known takes no room."""
    times = {name: getattr(vitals, name) for name in _TIMES}
    stored: dict[str, Any] = {n: t.isoformat() for n, t in times.items() if t is not None}
    if vitals.failures:
        stored["failures"] = vitals.failures
    if vitals.unwatched:
        stored["unwatched_seconds"] = vitals.unwatched.total_seconds()
    if vitals.gaps != NO_GAPS:
        gaps = vitals.gaps
        stored["gaps"] = [gaps.recent.hex(), gaps.longest.hex(), gaps.day]
    if vitals.texts.wanted:
        stored["texts"] = [vitals.texts.full, vitals.texts.wanted]
    return stored


def from_json(stored: Mapping[str, Any] | None) -> Vitals:
    """Vitals as they were stored; nothing is known of a feed that an older version polled."""
    if not stored:
        return NOTHING_KNOWN
    recent, longest, day = stored.get("gaps", ("", "", 0))
    return Vitals(
        failures=stored.get("failures", 0),
        **{n: datetime.fromisoformat(stored[n]) for n in _TIMES if n in stored},
        unwatched=timedelta(seconds=stored.get("unwatched_seconds", 0)),
        gaps=Gaps(bytes.fromhex(recent), bytes.fromhex(longest), day),
        texts=Texts(*stored.get("texts", ())),
    )


_TIMES = ("failing_since", "failed_at", "answering_since", "last_new_at")
