"""When a subscription's times of day are, whatever the clocks do. PURE.

A time that the clocks skip is the first instant after the gap; one that they show twice is
the first of the two.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.subscriptions import Digest, Quiet

_DAY = timedelta(days=1)
_A_WEEK_AND_MORE = 9


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to before `end`."""

    start: datetime
    end: datetime


def instant_of(day: date, clock: str, zone: str) -> datetime:
    """When clocks in `zone` show the time `clock` (08:00) on `day`, in UTC."""
    local = datetime.combine(day, time.fromisoformat(clock))
    there = local.replace(tzinfo=ZoneInfo(zone))
    instant = there.astimezone(UTC)
    if instant.astimezone(there.tzinfo).replace(tzinfo=None) == local:
        return instant
    return _end_of_gap(there.replace(fold=1).astimezone(UTC), instant, ZoneInfo(zone))


def last_digest(digest: Digest, zone: str, now: datetime) -> tuple[date, datetime]:
    """The latest time of the digest that is not after `now`: its local day, and the instant."""
    today = now.astimezone(ZoneInfo(zone)).date()
    days = (today - n * _DAY for n in range(_A_WEEK_AND_MORE))
    times = ((day, instant_of(day, digest.time, zone)) for day in days if _is_on(digest, day))
    return next((day, at) for day, at in times if at <= now)


def next_digest(digest: Digest, zone: str, after: datetime) -> datetime:
    """The first time of the digest after `after`."""
    today = after.astimezone(ZoneInfo(zone)).date()
    # From yesterday on: a day that the clocks skip ends on the next.
    days = (today + n * _DAY for n in range(-1, _A_WEEK_AND_MORE))
    times = (instant_of(day, digest.time, zone) for day in days if _is_on(digest, day))
    return next(at for at in times if at > after)


def quiet_period(quiet: Quiet | None, zone: str, at: datetime) -> Period | None:
    """The quiet hours that `at` lies in; None if it lies in none."""
    if quiet is None:
        return None
    today = at.astimezone(ZoneInfo(zone)).date()
    periods = (_quiet_of(quiet, zone, today - n * _DAY) for n in (0, 1))
    return next((p for p in periods if p is not None and p.start <= at < p.end), None)


def after_quiet(quiet: Quiet | None, zone: str, at: datetime) -> datetime:
    """`at`, or the end of the quiet hours that it lies in, with those that follow at once."""
    while (period := quiet_period(quiet, zone, at)) is not None:
        at = period.end
    return at


def last_quiet_end(quiet: Quiet | None, zone: str, now: datetime) -> datetime | None:
    """When quiet hours last ended, not after `now`; None if there were none for a week."""
    if quiet is None:
        return None
    today = now.astimezone(ZoneInfo(zone)).date()
    periods = (_quiet_of(quiet, zone, today - n * _DAY) for n in range(_A_WEEK_AND_MORE))
    return max((p.end for p in periods if p is not None and p.end <= now), default=None)


def _quiet_of(quiet: Quiet, zone: str, day: date) -> Period | None:
    """The quiet hours that begin on `day`."""
    if day.weekday() not in quiet.weekdays:
        return None
    last = day if quiet.end > quiet.start else day + _DAY
    return Period(instant_of(day, quiet.start, zone), instant_of(last, quiet.end, zone))


def _is_on(digest: Digest, day: date) -> bool:
    return digest.weekday in {None, day.weekday()}


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant between the two at which the clocks of `zone` jump."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)
